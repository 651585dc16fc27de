"""Staging: temporary files on local disk, in a folder that dies with its process."""

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self
from uuid import uuid4
from zlib import crc32

from errors import StorageFull
from media.disk import MakeRoom, full_disk_told, write_all
from media.staging_cache import StagingCache
from storage.core import StorageFolder
from storage.service import AppStorageService

# Beside the folders of processes.
# The location may be a folder that holds other things as well: nothing is ours that is not so named.
CACHE_FOLDER = "bucketroll-originals"
_OWN_FOLDER = re.compile(r"bucketroll-[0-9a-f]{32}")
_LOCK_NAME = "lock"
_CHUNK = 1024 * 1024
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,16}")
# What takes more than this part of the cache is large.
SMALL_SHARE = 16
_ORIGINALS = (f"{StorageFolder.UPLOAD}/", f"{StorageFolder.LIBRARY}/")


@dataclass(frozen=True, slots=True)
class Digest:
    """What a database row says about a file's bytes."""

    size: int
    sha1: bytes
    crc32: int


class StagedFile:
    """A new private file that counts and hashes what is written to it.

    Used as a context manager; when the block ends the file is removed, unless it was moved away.
    Writing raises StorageFull where the disk has no room left and `make_room` makes none.
    """

    def __init__(self, path: Path, make_room: MakeRoom) -> None:
        self.path = path
        self.size = 0
        self._make_room = make_room
        self._crc32 = 0
        # SHA-1 because the clients send it; it is an address here, not a signature.
        self._sha1 = sha1(usedforsecurity=False)
        with full_disk_told():
            self._file = _create(path)

    def write(self, data: bytes | memoryview) -> None:
        """Appends all of `data`."""
        self._sha1.update(data)
        self._crc32 = crc32(data, self._crc32)
        self.size += len(data)
        write_all(self._file, data, self._make_room)

    @property
    def digest(self) -> Digest:
        """Size and hashes of everything written so far."""
        return Digest(self.size, self._sha1.digest(), self._crc32)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        try:
            with full_disk_told():
                os.close(self._file)
        finally:
            self.path.unlink(missing_ok=True)


@dataclass(slots=True)
class TempOutput:
    """A file to be written and then uploaded; `digest` is there once the block has ended."""

    path: Path
    _digest: Digest | None = None

    @property
    def digest(self) -> Digest:
        if self._digest is None:
            raise RuntimeError("the digest is known when the block has ended")
        return self._digest


class Staging:
    """The temporary files of this process, below `folder`.

    Each process keeps its files in a sub-folder of its own, made when first needed (so also
    after a fork) and marked by a lock that the kernel lets go of when the process ends, however
    it ends. Sub-folders whose lock is free are swept away, at the start and by `sweep`.
    Threads may share an instance. Beside them lies the cache of staged originals (StagingCache)
    of at most `cache_bytes`, which all processes share.
    """

    def __init__(self, folder: Path, cache_bytes: int) -> None:
        self._root = folder.absolute()
        self._cache_bytes = cache_bytes
        self._cache = StagingCache(self._root / CACHE_FOLDER, cache_bytes)
        self._guard = Lock()
        self._own: _OwnFolder | None = None
        self._root.mkdir(parents=True, exist_ok=True)
        self.sweep()

    def new_file(self, suffix: str = "") -> StagedFile:
        """A new private file to write to, gone at the end of its block unless moved away.

        Raises StorageFull.
        """
        return StagedFile(self.new_path(suffix), self._cache.make_room)

    def new_path(self, suffix: str = "") -> Path:
        """A path that nobody else uses; whoever makes a file there removes it.

        A suffix that is more than a dot with letters and digits is left out.
        """
        return self._folder() / f"{uuid4().hex}{suffix if _SUFFIX.fullmatch(suffix) else ''}"

    @contextmanager
    def stage_to_temp(self, storage: AppStorageService, path: str) -> Iterator[Path]:
        """The object at a stored path as a local file, for the time of the block (RFC, `stageToTemp`).

        Where the engine keeps files it is the object itself: read it, never change it. Else it is a
        copy, made in bounded memory by one read of the store: of an original in the cache, where
        it has room and does not have it already; of anything else for this block only.
        Raises ObjectNotFound, StorageFull, and StorageUnavailable where the bytes break off.
        """
        local = storage.local_path(path)
        if local is not None:
            # Says apart what is gone and what is unmounted, before a program stumbles over either.
            storage.head(path)
            yield local
            return
        source = _Stored(storage, path)
        with ExitStack() as stack:
            cached = stack.enter_context(self._cache.pinned(path, source)) if source.never_changes else None
            yield cached or stack.enter_context(self._copied(source))

    @contextmanager
    def if_staged(self, storage: AppStorageService, path: str) -> Iterator[Path | None]:
        """As `stage_to_temp`, where that needs no read of the store; else None."""
        if storage.local_path(path) is not None:
            with self.stage_to_temp(storage, path) as local:
                yield local
            return
        with self._cache.pinned_if_there(path) as copy:
            yield copy

    @contextmanager
    def stage_if_small(self, storage: AppStorageService, path: str) -> Iterator[Path | None]:
        """As `stage_to_temp`, of what the cache keeps for the next job without crowding out many others; else None.

        Whoever is given None reads ranges of the object.
        """
        if storage.local_path(path) is not None or not _Stored(storage, path).never_changes:
            with self.if_staged(storage, path) as there:
                yield there
            return
        with self._cache.pinned(path, _Stored(storage, path), longest=self._cache_bytes // SMALL_SHARE) as copy:
            yield copy

    def seed(self, storage: AppStorageService, path: str, file: Path, size: int) -> None:
        """Keeps a staged file of so many bytes, just stored as an original, as the cached copy of its object.

        The file may be gone afterwards. Nothing is kept where the engine keeps files itself, or there is no room.
        """
        if storage.local_path(path) is None and _Stored(storage, path).never_changes:
            self._cache.adopt(path, file, size)

    def forget(self, path: str) -> None:
        """Drops the cached copy of an object that is gone."""
        self._cache.forget(path)

    @contextmanager
    def _copied(self, source: "_Stored") -> Iterator[Path]:
        copy = self.new_path(Path(source.path).suffix)
        try:
            with full_disk_told():
                file = _create(copy)
            try:
                source.copy_to(lambda data: write_all(file, data, self._cache.make_room))
            finally:
                os.close(file)
            yield copy
        finally:
            copy.unlink(missing_ok=True)

    @contextmanager
    def upload_from_temp(
        self, storage: AppStorageService, path: str, *, content_type: str | None = None
    ) -> Iterator[TempOutput]:
        """A temporary file to write to that becomes the object at a stored path (RFC, `uploadFromTemp`).

        Uploaded and removed when the block ends; an error in the block uploads nothing. A full
        disk in the block is told as StorageFull, and another attempt finds more room.
        """
        output = TempOutput(self.new_path(Path(path).suffix))
        try:
            with self._relieved():
                yield output
            output._digest = digest_of(output.path)
            storage.upload_file(output.path, path, content_type=content_type)
        finally:
            output.path.unlink(missing_ok=True)

    def sweep(self) -> int:
        """Removes the sub-folders of processes that have ended; returns how many. Tidies the cache."""
        self._cache.sweep()
        own = self._own.path if self._own is not None else None
        folders = [entry for entry in self._root.iterdir() if _OWN_FOLDER.fullmatch(entry.name) and entry != own]
        return sum(_remove_if_dead(folder) for folder in folders if folder.is_dir() and not folder.is_symlink())

    def close(self) -> None:
        """Removes what this process staged; the instance may be used again afterwards."""
        with self._guard:
            own, self._own = self._own, None
            if own is not None:
                own.close()

    @contextmanager
    def _relieved(self) -> Iterator[None]:
        try:
            with full_disk_told():
                yield
        except StorageFull:
            self._cache.make_room(0)
            raise

    def _folder(self) -> Path:
        with self._guard:
            if self._own is None or self._own.pid != os.getpid():
                if self._own is not None:
                    self._own.close()
                with full_disk_told():
                    self._own = _OwnFolder(self._root)
            return self._own.path


def digest_of(path: Path) -> Digest:
    """Size and hashes of a file, read once in bounded memory."""
    hashed, crc, size = sha1(usedforsecurity=False), 0, 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            hashed.update(chunk)
            crc = crc32(chunk, crc)
            size += len(chunk)
    return Digest(size, hashed.digest(), crc)


@dataclass(frozen=True, slots=True)
class _Stored:
    """An object of a store, to be copied."""

    storage: AppStorageService
    path: str

    @property
    def never_changes(self) -> bool:
        """Of originals alone; sidecars, which lie among them, and what is derived from them are written anew."""
        key = self.storage.locate(self.path).key
        return key.startswith(_ORIGINALS) and not key.lower().endswith(".xmp")

    def size(self) -> int:
        return self.storage.head(self.path).size

    def copy_to(self, write: Callable[[bytes], None]) -> None:
        with self.storage.read_stream(self.path) as stream:
            while chunk := stream.read(_CHUNK):
                write(chunk)


class _OwnFolder:
    """A fresh sub-folder, locked for as long as this process lives."""

    def __init__(self, root: Path) -> None:
        self.pid = os.getpid()
        while True:
            self.path = root / f"bucketroll-{uuid4().hex}"
            with suppress(FileNotFoundError):
                self.path.mkdir(0o700, parents=True)
                self._lock = _open_lock(self.path)
                fcntl.flock(self._lock, fcntl.LOCK_EX)
                if _is_still_there(self.path, self._lock):
                    return
                # A sweep came between making the folder and locking it.
                os.close(self._lock)

    def close(self) -> None:
        if self.pid == os.getpid():
            shutil.rmtree(self.path, ignore_errors=True)
        # After a fork this closes a copy only: the parent keeps its lock.
        os.close(self._lock)


def _remove_if_dead(folder: Path) -> bool:
    try:
        lock = _open_lock(folder)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists()
    finally:
        os.close(lock)


def _open_lock(folder: Path) -> int:
    # Opened for writing because NFS wants that of an exclusive lock; made by whoever comes first,
    # so that a process killed before it locked its folder leaves nothing that cannot be swept.
    return os.open(folder / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _is_still_there(folder: Path, lock: int) -> bool:
    try:
        return os.path.samestat((folder / _LOCK_NAME).stat(), os.fstat(lock))
    except FileNotFoundError:
        return False


def _create(path: Path) -> int:
    # Readable as the umask says, as it may be moved to where a web server reads it; the folder is private.
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
