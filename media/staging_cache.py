"""The cache of staged originals: one byte budget, shared by all processes of a machine."""

import fcntl
import logging
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from errors import IntegrityMismatch
from media.disk import full_disk_told, write_all

logger = logging.getLogger(__name__)

_ACCOUNT_NAME = "lock"
_PART = "part-"
_NAME = re.compile(rf"({_PART})?[0-9a-f]{{64}}(\.[A-Za-z0-9]{{1,16}})?")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,16}")
_OPEN = os.O_NOFOLLOW | os.O_CLOEXEC
# A full disk is given this many bytes back at once, lest every piece that is written looks for its own.
_RELIEF = 64 * 1024 * 1024
# Looking through the folder costs the more, the more lies there: then so large a share goes at once.
_SHARE = 16
# The folder may be taken away so often while a file is made in it.
_TRIES = 10


class Source(Protocol):
    """An object of a store: how long it is, and its bytes given to `write`, all of them, in order."""

    def size(self) -> int: ...
    def copy_to(self, write: Callable[[bytes], None]) -> None: ...


class StagingCache:
    """Local copies of objects that never change, for as long as `budget` bytes have room for them.

    Every process of the machine may have an instance on the folder, every thread may use it; a
    budget of 0 turns it off. In the folder lie

    - whole copies, named by the SHA-256 of the stored path. Who uses one holds a shared lock on
      it; it is removed under an exclusive one, which is never waited for, the least recently used
      first.
    - `part-<name>`: a copy that is being fetched, by whoever holds its exclusive lock. Others who
      want it wait for that lock, and take over where they find the part still there. From the
      start it is as long as the whole will be, so that its bytes count before they are written.
    - `lock`: whoever adds or removes bytes holds its lock. It says how many bytes are in use, or
      more: they are added before they are taken, and subtracted after they are given back.

    The kernel lets go of locks when their process ends, however it ends; parts without a writer
    are removed by `sweep`, and before any copy is. After a restart of the machine everything is:
    what was not yet on the disk then may be gone from the middle of a file.

    What the folder cannot do (no rights, a read-only disk) is told in the log and taken for no room.
    """

    def __init__(self, folder: Path, budget: int) -> None:
        self._folder = folder
        self._is_ours = _is_ours(folder)
        self._budget = budget if self._is_ours else 0

    @contextmanager
    def pinned(self, path: str, source: Source, *, longest: int | None = None) -> Iterator[Path | None]:
        """The copy of the object at a stored path, which stays for the time of the block: read it, never change it.

        It is fetched where it is not there, once for all who want it at the same time. None where
        there is no room for it, as it is too long or everything else is in use, or where it would
        have to be fetched and has more than `longest` bytes. Raises what the
        source raises, StorageFull, and IntegrityMismatch where its bytes are more or fewer than it said.
        """
        file = self._file_of(path)
        held = None
        if self._budget:
            held = _pin(file)
            if held is None:
                held = self._fetched(file, source, self._budget if longest is None else longest)
        with _letting_go(held):
            yield None if held is None else file

    @contextmanager
    def pinned_if_there(self, path: str) -> Iterator[Path | None]:
        """As `pinned`, but nothing is fetched: None where there is no copy."""
        file = self._file_of(path)
        held = _pin(file) if self._budget else None
        with _letting_go(held):
            yield None if held is None else file

    def adopt(self, path: str, file: Path, size: int) -> None:
        """Moves a file of so many bytes in as the copy of an object, where there is room; then `file` is gone."""
        if not self._budget:
            return
        target = self._file_of(path)
        with _trouble_told(), self._account() as account:
            if target.exists() or file.stat().st_size != size or not self._has_room(account, size):
                return
            account.add(size)
            try:
                file.rename(target)
            except OSError:
                account.add(-size)
                raise

    def forget(self, path: str) -> None:
        """Removes the copy of an object that is gone, unless it is in use: then it goes when its turn comes."""
        file = self._file_of(path)
        if not file.exists():
            return
        # It may have had to make room since.
        with _trouble_told(), self._account() as account, suppress(FileNotFoundError):
            size = file.stat().st_size
            if _removed(file):
                account.add(-size)

    def make_room(self, size: int) -> bool:
        """Removes copies of so many bytes or more, for a disk that is full; False where nothing could be removed."""
        if not self._is_there:
            return False
        with _trouble_told(), self._account() as account:
            before = account.used
            account.set(self._evicted(max(0, before - max(size, _RELIEF))))
            return account.used < before
        return False

    def sweep(self) -> None:
        """Removes what dead processes left behind, and what is more than the budget; counts anew."""
        if not self._is_there:
            return
        with _trouble_told(), self._account() as account:
            account.set(self._evicted(self._budget))

    @property
    def _is_there(self) -> bool:
        return self._is_ours and self._folder.exists()

    def _file_of(self, path: str) -> Path:
        suffix = Path(path).suffix
        name = sha256(path.encode("utf-8", "surrogateescape")).hexdigest()
        return self._folder / f"{name}{suffix if _SUFFIX.fullmatch(suffix) else ''}"

    def _fetched(self, file: Path, source: Source, longest: int) -> int | None:
        """The descriptor that holds the copy, fetched by us or, while we waited, by others; None without room."""
        part = file.with_name(f"{_PART}{file.name}")
        try:
            descriptor = self._begun(part)
        except OSError as error:
            _tell(error)
            return None
        try:
            held = _pin(file)
            if held is None and self._fill(descriptor, source, longest):
                self._publish(descriptor, part, file)
                return descriptor
        except BaseException:
            self._give_up(descriptor, part)
            raise
        self._give_up(descriptor, part)
        return held

    def _begun(self, part: Path) -> int:
        """The part, new or left behind, in our hands; waits for whoever has it."""
        while True:
            descriptor = self._opened(part)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_linked(part, descriptor):
                return descriptor
            os.close(descriptor)

    def _opened(self, file: Path) -> int:
        """A file in the folder, for reading and writing, made where it is not there."""
        for _ in range(_TRIES):
            with suppress(FileNotFoundError):
                return os.open(file, os.O_RDWR | os.O_CREAT | _OPEN, 0o666)
            self._folder.mkdir(0o700, parents=True, exist_ok=True)
        raise FileNotFoundError(file)

    def _fill(self, descriptor: int, source: Source, longest: int) -> bool:
        """Reserves and fetches; False without room."""
        size = source.size()
        if size > longest or not self._reserved(descriptor, size):
            return False
        written = 0

        def write(data: bytes) -> None:
            nonlocal written
            written += len(data)
            if written > size:
                raise IntegrityMismatch(f"The object is longer than the {size} bytes that were promised")
            write_all(descriptor, data, self.make_room)

        source.copy_to(write)
        if written < size:
            raise IntegrityMismatch(f"The object has {written} bytes and not the {size} that were promised")
        return True

    def _reserved(self, descriptor: int, size: int) -> bool:
        with full_disk_told(), self._account() as account:
            left_behind = os.fstat(descriptor).st_size
            os.ftruncate(descriptor, 0)
            account.add(-left_behind)
            if not self._has_room(account, size):
                return False
            account.add(size)
            os.ftruncate(descriptor, size)
            return True

    def _publish(self, descriptor: int, part: Path, file: Path) -> None:
        """Lets everyone see the copy, held by us: nobody removes it while we change our lock to a shared one."""
        with self._account():
            part.rename(file)
            fcntl.flock(descriptor, fcntl.LOCK_SH)

    def _give_up(self, descriptor: int, part: Path) -> None:
        """Removes the part; its lock, let go of last, wakes whoever waits for it."""
        try:
            with _trouble_told(), self._account() as account:
                size = os.fstat(descriptor).st_size
                part.unlink(missing_ok=True)
                account.add(-size)
        finally:
            os.close(descriptor)

    @contextmanager
    def _account(self) -> Iterator["_Account"]:
        """How many bytes are in use, in our hands alone."""
        path = self._folder / _ACCOUNT_NAME
        descriptor = self._begun(path)
        try:
            account = _Account(descriptor)
            if account.is_foreign:
                self._start_over(account)
            yield account
        finally:
            os.close(descriptor)

    def _start_over(self, account: "_Account") -> None:
        """At the first use since the machine started: an honest count, of as little as can be."""
        account.set(self._evicted(0))

    def _has_room(self, account: "_Account", size: int) -> bool:
        """Whether so many bytes more fit the budget, once what may go is gone."""
        if size > self._budget:
            return False
        if account.used + size > self._budget:
            account.set(self._evicted(self._budget - size))
        return account.used + size <= self._budget

    def _evicted(self, limit: int) -> int:
        """Removes the least recently used copies until `limit` bytes or fewer are in use; returns how many are."""
        entries = self._entries()
        used = sum(entry.size for entry in entries)
        if used <= limit:
            return used
        whole = sorted((entry for entry in entries if not entry.is_part), key=lambda entry: entry.used_at)
        for number, entry in enumerate(whole):
            if used <= limit and number >= len(whole) // _SHARE:
                break
            if _removed(entry.file):
                used -= entry.size
        return used

    def _entries(self) -> "list[_Entry]":
        """Everything that counts; parts without a writer are removed on the way. The account is in our hands."""
        with os.scandir(self._folder) as found:
            names = [entry.name for entry in found if _NAME.fullmatch(entry.name)]
        entries = [_Entry.at(self._folder / name) for name in names]
        return [entry for entry in entries if not entry.is_part or not _removed(entry.file)]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file of the cache; `used_at` in nanoseconds."""

    file: Path
    size: int
    used_at: int

    @classmethod
    def at(cls, file: Path) -> "_Entry":
        status = file.lstat()
        return cls(file, status.st_size, status.st_mtime_ns)

    @property
    def is_part(self) -> bool:
        return self.file.name.startswith(_PART)


class _Account:
    """The number of bytes in use, in a file that the caller has locked."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        words = os.pread(descriptor, 200, 0).split()
        self.is_foreign = len(words) != 2 or words[0] != _boot()
        self.used = 0 if self.is_foreign else int(words[1])

    def add(self, size: int) -> None:
        self.set(self.used + size)

    def set(self, used: int) -> None:
        self.used = used
        os.pwrite(self._descriptor, b"%s %020d\n" % (_boot(), used), 0)


@cache
def _boot() -> bytes:
    """A word that is another one after each start of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()


def _pin(file: Path) -> int | None:
    """The descriptor that holds a copy, which counts as used from now on; None where it is not there."""
    try:
        descriptor = os.open(file, os.O_RDONLY | _OPEN)
    except OSError:
        return None
    # Only ever waits for one who is about to remove the file.
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    if not _is_linked(file, descriptor):
        os.close(descriptor)
        return None
    with suppress(OSError):  # on a read-only disk the order of use stays as it is
        os.utime(descriptor)
    return descriptor


@contextmanager
def _letting_go(held: int | None) -> Iterator[None]:
    try:
        yield
    finally:
        if held is not None:
            # Said aloud, because a child of this process may hold the same lock until it ends.
            fcntl.flock(held, fcntl.LOCK_UN)
            os.close(held)


def _removed(file: Path) -> bool:
    """Removes a file that nobody holds; the account is in the caller's hands."""
    try:
        descriptor = os.open(file, os.O_RDWR | _OPEN)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.unlink()
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _is_linked(file: Path, descriptor: int) -> bool:
    """Whether an open file still has its name."""
    try:
        return os.path.samestat(file.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _is_ours(folder: Path) -> bool:
    """Whether nobody else can put files into the folder, or nobody will once it is made."""
    try:
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise PermissionError(f"{folder} is not a folder of this user")
        if stat.S_IMODE(status.st_mode) & 0o077:
            folder.chmod(0o700)
    except FileNotFoundError:
        return True
    except OSError as error:
        _tell(error)
        return False
    return True


@contextmanager
def _trouble_told() -> Iterator[None]:
    """For what may fail without anyone being the worse for it."""
    try:
        yield
    except OSError as error:
        _tell(error)


def _tell(error: OSError) -> None:
    logger.warning("the cache of staged originals cannot be used as it should: %s", error)
