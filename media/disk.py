"""Local disks that fill up: told as such, and written to once more where something makes room."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from errors import StorageFull

_FULL = (errno.ENOSPC, errno.EDQUOT)

# Asked for room for so many bytes; False where there is none to be made.
MakeRoom = Callable[[int], bool]


@contextmanager
def full_disk_told() -> Iterator[None]:
    """A full disk or quota as StorageFull; every other error of the system as it is."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull("The staging disk has no room left") from error
        raise


def write_all(descriptor: int, data: bytes | memoryview, make_room: MakeRoom) -> None:
    """Writes all of `data`; where the disk is full, asks for room and tries once more.

    Raises StorageFull.
    """
    rest = memoryview(data)
    with full_disk_told():
        while rest:
            rest = rest[_write(descriptor, rest, make_room):]


def _write(descriptor: int, data: memoryview, make_room: MakeRoom) -> int:
    try:
        return os.write(descriptor, data)
    except OSError as error:
        if error.errno not in _FULL or not make_room(len(data)):
            raise
    return os.write(descriptor, data)
