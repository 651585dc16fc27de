"""Local files that fail with storage errors, and what keeps them on the disk."""

import errno
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from errors import InvalidKey, ObjectNotFound, StorageDenied, StorageFull, StorageUnavailable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_COPY_SIZE = 64 * 1024 * 1024
_FULL = {errno.ENOSPC, errno.EDQUOT}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP}


class ObjectFile(io.FileIO):
    """A file whose reads and writes fail with storage errors."""

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        with translated(self.name):
            return super().readinto(buffer)

    def readall(self) -> bytes:
        with translated(self.name):
            return super().readall()

    def write(self, data: "ReadableBuffer", /) -> int:
        with translated(self.name):
            return super().write(data)


class FileSection:
    """The next `size` bytes of an open file; closing closes the file."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()


@contextmanager
def translated(subject: object) -> Iterator[None]:
    """Errors of the operating system as storage errors."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise ObjectNotFound(f"No object {subject}") from None
    except OSError as error:
        reason = f"{subject}: {error.strerror}"
        if error.errno in _FULL:
            raise StorageFull(reason) from error
        if error.errno in _DENIED:
            raise StorageDenied(reason) from error
        if error.errno == errno.ENAMETOOLONG:
            raise InvalidKey(reason) from error
        raise StorageUnavailable(reason) from error


def open_plainly(path: str, flags: int) -> int:
    """An opener for `open`: the file itself, never what a symbolic link names."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)


def plain_file(path: Path) -> BinaryIO:
    """The file at the path, open for reading; no symbolic link."""
    return io.BufferedReader(io.FileIO(path, "rb", opener=open_plainly))


def sync_folder(folder: Path) -> None:
    """Return when the folder's names have reached the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def copy_bytes(source: BinaryIO, target: BinaryIO) -> None:
    """Copy a file just opened to a new one, by the kernel where it can: shared blocks cost nothing."""
    copied = 0
    try:
        while count := os.copy_file_range(source.fileno(), target.fileno(), _COPY_SIZE):
            copied += count
    except OSError as error:
        if copied or error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
        shutil.copyfileobj(source, target, 1024 * 1024)
