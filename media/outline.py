"""The outline of a video: its headers as a local file, without pictures and sound, for whoever reads metadata alone."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

Read = Callable[[int, int], bytes]

# One read from the store brings so many bytes at least: mostly all headers on one side of the media data.
_READ_AHEAD = 256 * 1024
# Headers of an hour of video take a few megabytes; more boxes than this has a video in fragments.
_MAX_BYTES = 48 * 1024 * 1024
_MAX_BOXES = 64
# A file begins with one of these (ISO/IEC 14496-12; QuickTime File Format).
_BEGINNINGS = (b"ftyp", b"moov", b"wide", b"mdat", b"free", b"skip", b"pnot")
_HEADERS, _MEDIA = b"moov", b"mdat"
_LONGEST_HEADER = 16


@dataclass(frozen=True, slots=True)
class _Box:
    """A part of the file, up to `stop`."""

    kind: bytes
    stop: int


def make_outline(read: Read, size: int, output: Path) -> bool:
    """Makes `output` a sparse copy of an MP4 or QuickTime file of `size` bytes that lacks the media data alone.

    `read(start, stop)` gives bytes of the file; a few hundred kilobytes are asked for mostly, in
    two reads. False where the file is none such, or not worth it: then it has to be fetched whole.
    """
    source = _Source(read, size)
    with output.open("wb") as file:
        file.truncate(size)
        place, has_headers = 0, False
        for _ in range(_MAX_BOXES):
            box = source.box_at(place)
            if box is None or (place == 0 and box.kind not in _BEGINNINGS):
                # What cameras append behind the last box is copied as it is.
                return has_headers and source.copy(place, size, file)
            # The size of the media data is told, so that whoever reads the copy finds what follows.
            stop = min(place + _LONGEST_HEADER, box.stop) if box.kind == _MEDIA else box.stop
            if not source.copy(place, stop, file):
                return False
            has_headers = has_headers or box.kind == _HEADERS
            place = box.stop
            if place == size:
                return has_headers
    return False


class _Source:
    """The file, read in pieces of some size; the last one is kept."""

    def __init__(self, read: Read, size: int) -> None:
        self._read = read
        self._size = size
        self._start = 0
        self._piece = b""
        self._left = _MAX_BYTES

    def box_at(self, place: int) -> _Box | None:
        """The box that begins there; None where none does."""
        header = self._bytes(place, min(place + _LONGEST_HEADER, self._size))
        if len(header) < 8 or not header[4:8].isalnum():
            return None
        length, first = int.from_bytes(header[:4], "big"), 8
        if length == 1:
            length, first = int.from_bytes(header[8:16], "big"), 16
        elif length == 0:
            # The last box, to the end of the file.
            length = self._size - place
        if length < first:
            return None
        return _Box(header[4:8], min(place + length, self._size))

    def copy(self, start: int, stop: int, file: BinaryIO) -> bool:
        """Copies a part to its place; False where that would become too much."""
        self._left -= stop - start
        if self._left < 0:
            return False
        file.seek(start)
        file.write(self._bytes(start, stop))
        return True

    def _bytes(self, start: int, stop: int) -> bytes:
        if start < self._start or stop > self._start + len(self._piece):
            self._piece = self._read(start, min(self._size, max(stop, start + _READ_AHEAD)))
            self._start = start
        return self._piece[start - self._start : stop - self._start]
