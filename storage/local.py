"""Managed objects as files below one folder, written beside and renamed into place."""

import errno
import io
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time
from typing import BinaryIO, TypeVar
from uuid import uuid4

from errors import (
    InvalidKey,
    MountCheckFailed,
    ObjectNotFound,
    StorageDenied,
    StorageError,
    StorageUnavailable,
)
from storage.backend import INCOMING, MOUNT_FILE, AppStorageBackend, Audience, HttpMethod, ReadStream, is_listed
from storage.files import FileSection, ObjectFile, copy_bytes, open_plainly, plain_file, sync_folder, translated
from storage.types import ByteRange, ObjectHead, SignedUrl, StorageKey

# Writers and deletes of one folder may meet this often before a write gives up.
_TRIES = 50

T = TypeVar("T")


class LocalAppStorageBackend(AppStorageBackend):
    """The media folder `root`; a key is the path below it.

    The root must be there: writes make folders below it, never the root itself, so an
    unmounted disk is not filled up behind its mount point. What is written has reached the
    disk when the call returns.
    """

    def __init__(self, root: Path) -> None:
        self._root = Path(os.path.realpath(root))

    def exists(self, key: StorageKey) -> bool:
        try:
            self.head(key)
        except ObjectNotFound:
            return False
        return True

    def head(self, key: StorageKey) -> ObjectHead:
        with self._translated(key):
            return _head_of(self._file(key).lstat(), key)

    def read_stream(self, key: StorageKey, byte_range: ByteRange | None = None) -> ReadStream:
        """An open file, cut to the range; a later write over the key does not disturb it."""
        file = self._open(key)
        if byte_range is None:
            return file
        file.seek(byte_range.start)
        if byte_range.stop is None:
            return file
        return FileSection(file, byte_range.stop - byte_range.start)

    @contextmanager
    def write_stream(self, key: StorageKey, *, content_type: str | None = None) -> Iterator[BinaryIO]:
        with self._translated(key):
            beside, raw = self._begin(key)
        try:
            with io.BufferedWriter(raw) as file:
                yield file
                file.flush()
                with translated(key):
                    os.fsync(file.fileno())
            with self._translated(key):
                self._publish(beside, key)
        finally:
            beside.unlink(missing_ok=True)

    def put_object(
        self,
        key: StorageKey,
        data: bytes,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        with self.write_stream(key) as file:
            file.write(data)

    def upload_file(
        self,
        path: Path,
        key: StorageKey,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Rename the file into place; copy and remove it where it lies on another file system."""
        with plain_file(path) as source:
            with self._translated(key):
                os.fsync(source.fileno())
                if self._publish(path, key):
                    return
            with self.write_stream(key) as target, translated(key):
                copy_bytes(source, target)
        path.unlink(missing_ok=True)

    def copy_object(self, source: StorageKey, target: StorageKey) -> None:
        with self._open(source) as original, self.write_stream(target) as copy, translated(target):
            copy_bytes(original, copy)

    def move_object(self, source: StorageKey, target: StorageKey) -> None:
        self.head(source)
        if source == target:
            return
        self.upload_file(self._file(source), target)
        self._remove_empty_folders(source)

    def delete_object(self, key: StorageKey) -> None:
        """Remove the file, and the folders it leaves empty below the first (`thumbs`, `upload`)."""
        with suppress(ObjectNotFound), self._translated(key):
            file = self._file(key)
            _head_of(file.lstat(), key)
            file.unlink()
        self._remove_empty_folders(key)

    def ensure_prefix(self, prefix: StorageKey) -> None:
        with self._translated(prefix):
            self._make_folder(self._file(prefix))

    def list_keys(self, prefix: StorageKey | None = None) -> Iterator[tuple[StorageKey, ObjectHead]]:
        for name, entry in self._walk(prefix or ""):
            if not is_listed(name):
                continue
            try:
                key = StorageKey(name)
                with self._translated(key):
                    head = _head_of(entry.stat(follow_symlinks=False), key)
            except (InvalidKey, ObjectNotFound, StorageDenied):
                continue  # not a name of ours, gone since its folder was read, or a symbolic link
            yield key, head

    def local_path(self, key: StorageKey) -> Path | None:
        file = self._file(key)
        if file.is_symlink():
            raise StorageDenied(f"{key} is a symbolic link in {self._root}")
        return file

    def presign(
        self, key: StorageKey, *, method: HttpMethod, lifetime: int, audience: Audience = "public", **headers: str
    ) -> SignedUrl | None:
        return None

    @property
    def public_origin(self) -> None:
        return None

    def abort_stale_uploads(self, older_than: timedelta) -> int:
        oldest = time() - older_than.total_seconds()
        removed = 0
        for name, entry in self._walk(""):
            if entry.name.startswith(INCOMING):
                with suppress(ObjectNotFound), self._translated(name):
                    if entry.stat(follow_symlinks=False).st_mtime < oldest:
                        Path(entry.path).unlink()
                        removed += 1
        return removed

    def probe(self) -> None:
        key = StorageKey(f"{MOUNT_FILE}-{uuid4().hex}")
        data = uuid4().bytes
        try:
            self.put_object(key, data)
            with self.read_stream(key) as stream:
                same = stream.read() == data
            self.delete_object(key)
        except StorageError as error:
            raise MountCheckFailed(f"The media folder {self._root} cannot be used: {error}.") from error
        if not same:
            raise MountCheckFailed(f"The media folder {self._root} gives back other bytes than were written.")

    def _file(self, key: StorageKey) -> Path:
        """The path of a key, which cannot lead out of the root.

        Folders may be symbolic links: whoever runs the server puts `thumbs` on another disk that way.
        """
        path = f"{self._root}/{key}"
        if path.rpartition("/")[2].startswith(INCOMING):
            raise InvalidKey(f"{key} is a name for unfinished writes")
        return Path(path)

    def _open(self, key: StorageKey) -> BinaryIO:
        with self._translated(key):
            raw = ObjectFile(self._file(key), "rb", opener=open_plainly)
        file: BinaryIO = io.BufferedReader(raw)
        try:
            _head_of(os.fstat(file.fileno()), key)
        except BaseException:
            file.close()
            raise
        return file

    @contextmanager
    def _translated(self, subject: str) -> Iterator[None]:
        """As `files.translated`; and where the root is gone, nothing in it is "absent"."""
        try:
            with translated(subject):
                yield
        except ObjectNotFound:
            if not self._root.is_dir():
                raise StorageUnavailable(f"The media folder {self._root} is not there") from None
            raise

    def _begin(self, key: StorageKey) -> tuple[Path, ObjectFile]:
        """A new file beside the key's own, open for writing."""
        def begin(folder: Path) -> tuple[Path, ObjectFile]:
            beside = folder / f"{INCOMING}{uuid4().hex}"
            return beside, ObjectFile(beside, "xb")

        return self._in_folder_of(key, begin)

    def _publish(self, path: Path, key: StorageKey) -> bool:
        """Rename a file on disk into place; False where it lies on another file system."""
        def publish(folder: Path) -> bool:
            try:
                path.replace(self._file(key))
            except IsADirectoryError:
                raise StorageError(f"{key} is a folder that holds other objects") from None
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                return False
            with suppress(FileNotFoundError):  # deleted again already, with its folder
                sync_folder(folder)
            return True

        return self._in_folder_of(key, publish)

    def _in_folder_of(self, key: StorageKey, action: Callable[[Path], T]) -> T:
        """Make the key's folder and act in it; again where a delete removes the folder as empty in between."""
        for _ in range(_TRIES):
            with suppress(FileNotFoundError):
                return action(self._make_folder_of(key))
        return action(self._make_folder_of(key))

    def _make_folder_of(self, key: StorageKey) -> Path:
        folder = self._file(key).parent
        try:
            self._make_folder(folder)
        except (FileExistsError, NotADirectoryError):
            raise StorageError(f"{key} lies below another object") from None
        return folder

    def _make_folder(self, folder: Path) -> None:
        if folder == self._root or folder.is_dir():
            return
        self._make_folder(folder.parent)
        try:
            folder.mkdir()
        except FileExistsError:
            # Another writer made it; a delete may have removed it since, and then the caller tries again.
            if not folder.is_dir() and (folder.is_file() or folder.is_symlink()):
                raise
        sync_folder(folder.parent)

    def _remove_empty_folders(self, key: StorageKey) -> None:
        segments = key.split("/")[:-1]
        for depth in range(len(segments), 1, -1):
            try:
                self._root.joinpath(*segments[:depth]).rmdir()
            except OSError:
                return  # not empty, or gone already

    def _walk(self, name: str) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
        """Every entry that is no folder below the folder `name`, with its key, in the order of keys."""
        for entry in self._entries(name):
            below = f"{name}/{entry.name}".lstrip("/")
            # Links are followed at the top only, where they lead to other disks and never in a circle.
            if not entry.is_dir(follow_symlinks=not name):
                yield below, entry
            elif not below.startswith("."):
                yield from self._walk(below)

    def _entries(self, name: str) -> "list[os.DirEntry[str]]":
        try:
            with self._translated(name), os.scandir(self._root / name) as entries:
                return sorted(entries, key=_key_order)
        except ObjectNotFound:
            return []


def _head_of(status: os.stat_result, key: str) -> ObjectHead:
    if stat.S_ISLNK(status.st_mode):
        raise StorageDenied(f"{key} is a symbolic link")
    if not stat.S_ISREG(status.st_mode):
        raise ObjectNotFound(f"No object {key}")
    return ObjectHead(
        size=status.st_size,
        last_modified=datetime.fromtimestamp(status.st_mtime, UTC),
        etag=f"{status.st_size:x}-{status.st_mtime_ns:x}",
    )


def _key_order(entry: "os.DirEntry[str]") -> bytes:
    # A folder stands where its keys stand: `a-b` before `a/b`, as stores sort them.
    return os.fsencode(entry.name) + (b"/" if entry.is_dir(follow_symlinks=False) else b"")
