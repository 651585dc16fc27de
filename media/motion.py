"""The video inside a motion photo: whether there is one, where its bytes lie, and out with them."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Any, BinaryIO

from media.exiftool import exiftool
from storage.types import ByteRange

# What is asked of exiftool to tell a motion photo: Google's XMP, the older kind of it, and Samsung's trailer.
TAGS = ("MotionPhoto#", "MicroVideo#", "MicroVideoOffset#", "EmbeddedVideoType")
# Google's directory of what is in the file, by its name in older and newer versions of exiftool; the first
# is an option of exiftool's, told as a tag is, by which the entries stay together.
_DIRECTORY_TAGS = ("struct", "XMP:Directory", "XMP:ContainerDirectory")
_SAMSUNG = "MotionPhoto_Data"

_BOX = Struct(">I4s")
_LONG_SIZE = Struct(">Q")
# HEIC files of Samsung have the video in a box of its own.
_VIDEO_BOX = b"mpvd"
_MAX_BOXES = 64
# Samsung's trailer (exiftool's documentation, Samsung Trailer Tags): blocks, then a directory of them that is
# found from its end. Little-endian, but for where a block says that the video lies elsewhere.
_TRAILER_END = Struct("<I4s")
_DIRECTORY_START, _ENTRY = Struct("<4sII"), Struct("<HHII")
_BLOCK_START = Struct("<HHI")
_VIDEO_TYPE = 0x0A30
_MAX_ENTRIES = 100
_ELSEWHERE = Struct(">4sII")
_CHUNK = 1024 * 1024

Tags = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MotionClue:
    """Says that a photo has a video inside; the older XMP tells how many bytes before the file's end it begins."""

    offset: int | None


def clue_in(tags: Tags) -> MotionClue | None:
    """What the tags tell of a video; None where the photo is no motion photo."""
    if tags.get("MicroVideo") == 1:
        return MotionClue(_whole(tags.get("MicroVideoOffset")))
    if tags.get("MotionPhoto") == 1 or tags.get("EmbeddedVideoType") == _SAMSUNG:
        return MotionClue(None)
    return None


def find_video(photo: Path, clue: MotionClue) -> ByteRange | None:
    """Where the bytes of the video lie; None where nothing at the places told begins as an MP4 does.

    No more is read than a few headers. Raises ToolFailed and ToolTimeout.
    """
    with photo.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        for span in _places(photo, file, size, clue):
            if span.start + len(span) <= size and _begins_as_mp4(file, span):
                return span
    return None


def copy_video(photo: Path, span: ByteRange, write: Callable[[bytes], object]) -> None:
    """Gives the bytes of a range to `write`, in order, a megabyte at a time."""
    with photo.open("rb") as file:
        file.seek(span.start)
        left = len(span)
        while left and (chunk := file.read(min(left, _CHUNK))):
            write(chunk)
            left -= len(chunk)


def _whole(value: object) -> int:
    """The number, 0 where it is none or below zero."""
    return max(0, value) if isinstance(value, int) else 0


def _places(photo: Path, file: BinaryIO, size: int, clue: MotionClue) -> Iterator[ByteRange]:
    """Where the video may be, the surest first; broken structures end a search, not the caller."""
    for search in (_in_box, _in_trailer):
        with suppress(ValueError):
            found = search(file, size)
            if found is not None:
                yield found
    tails = _tails_in(exiftool.read(photo, _DIRECTORY_TAGS)) if clue.offset is None else (clue.offset,)
    for tail in tails:
        if 0 < tail < size:
            yield ByteRange(size - tail, size)


def _tails_in(tags: Tags) -> tuple[int, ...]:
    """How long before the end the video may begin: what comes last in the directory lies last in the file."""
    behind = 0
    for item in reversed(list(_items(tags))):
        behind += _whole(item.get("Length"))
        if item.get("Semantic") == "MotionPhoto":
            # Some count the padding into the length, some do not.
            return behind, behind + _whole(item.get("Padding"))
    return ()


def _items(tags: Tags) -> Iterator[Mapping[str, Any]]:
    for name in ("Directory", "ContainerDirectory"):
        directory = tags.get(name)
        for entry in directory if isinstance(directory, list) else ():
            item = entry.get("Item") if isinstance(entry, dict) else None
            if isinstance(item, dict):
                yield item


def _in_box(file: BinaryIO, size: int) -> ByteRange | None:
    place = 0
    for number in range(_MAX_BOXES):
        length, kind = _BOX.unpack(_read(file, place, _BOX.size))
        header = _BOX.size
        if number == 0 and kind != b"ftyp":
            return None
        if length == 1:
            (length,) = _LONG_SIZE.unpack(_read(file, place + header, _LONG_SIZE.size))
            header += _LONG_SIZE.size
        stop = place + length if length else size
        if kind == _VIDEO_BOX:
            return ByteRange(place + header, stop)
        if length < header or stop >= size:
            return None
        place = stop
    return None


def _in_trailer(file: BinaryIO, size: int) -> ByteRange | None:
    length, mark = _TRAILER_END.unpack(_read(file, size - _TRAILER_END.size, _TRAILER_END.size))
    start = size - _TRAILER_END.size - length
    if mark != b"SEFT":
        return None
    name, _, count = _DIRECTORY_START.unpack(_read(file, start, _DIRECTORY_START.size))
    if name != b"SEFH" or count > _MAX_ENTRIES:
        return None
    for number in range(count):
        place = start + _DIRECTORY_START.size + number * _ENTRY.size
        _, kind, back, block_size = _ENTRY.unpack(_read(file, place, _ENTRY.size))
        if kind == _VIDEO_TYPE:
            return _in_block(file, start - back, block_size)
    return None


def _in_block(file: BinaryIO, place: int, size: int) -> ByteRange | None:
    """The video in a block of the trailer, or where the block says that it is."""
    _, _, name_length = _BLOCK_START.unpack(_read(file, place, _BLOCK_START.size))
    start, stop = place + _BLOCK_START.size + name_length, place + size
    if stop - start == _ELSEWHERE.size:
        mark, start, length = _ELSEWHERE.unpack(_read(file, start, _ELSEWHERE.size))
        stop = start + length
        if mark != b"mpv2":
            return None
    return ByteRange(start, stop)


def _begins_as_mp4(file: BinaryIO, span: ByteRange) -> bool:
    with suppress(ValueError):
        length, kind = _BOX.unpack(_read(file, span.start, _BOX.size))
        return bool(kind == b"ftyp" and _BOX.size <= length <= len(span))
    return False


def _read(file: BinaryIO, place: int, size: int) -> bytes:
    """So many bytes from a place; ValueError where the file does not have them."""
    if place < 0:
        raise ValueError(place)
    file.seek(place)
    data = file.read(size)
    if len(data) < size:
        raise ValueError(place)
    return data
