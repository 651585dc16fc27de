"""What the first bytes of a picture file tell: its family, its size, and whether it ends too early."""

import os
import re
from enum import Enum, auto
from typing import BinaryIO, Literal

from errors import MediaError

# More than any magic number, and enough to find the root of an SVG behind its prologue.
HEAD = 4096
_TAIL = 4096

_JXL_CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_JXL_CODESTREAM = b"\xff\x0a"
_RAW_MAGICS = (
    b"FUJIFILM",  # raf
    b"\0MRM",  # mrw
    b"FOVb",  # x3f
    b"II\x1a\0\0\0HEAPCCDR",  # crw
    b"IIRO", b"IIRS", b"MMOR",  # orf
    b"IIU\0",  # rw2
    b"IIII", b"MMMM",  # iiq, cap
    b"ARRI",  # ari
    b"CI,\0",  # Phantom's cine
)  # fmt: skip
_TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MAKE, _PHOTOMETRIC, _DNG_VERSION = 271, 262, 50706
_GREY = (0, 1)
_SVG_ROOT = re.compile(rb"<(?:[\w.-]+:)?svg[\s>/]")


class Family(Enum):
    """Formats that are read in one way."""

    JPEG = auto()
    HEIF = auto()  # and AVIF
    JXL = auto()
    TIFF = auto()  # or a camera's RAW, which mostly is a TIFF inside
    RAW = auto()
    SVG = auto()
    OTHER = auto()


def family_of(head: bytes) -> Family:
    """The family by the first bytes of a file: content decides, never the name."""
    if head.startswith(b"\xff\xd8"):
        return Family.JPEG
    if head[4:8] == b"ftyp":
        return Family.RAW if head[8:12] == b"crx " else Family.HEIF
    if head.startswith((_JXL_CONTAINER, _JXL_CODESTREAM)):
        return Family.JXL
    if head.startswith(_TIFF_MAGICS):
        return Family.TIFF
    if head.startswith(_RAW_MAGICS):
        return Family.RAW
    return Family.SVG if _is_svg(head) else Family.OTHER


def _is_svg(head: bytes) -> bool:
    text = head.replace(b"\0", b"") if head.startswith((b"\xff\xfe", b"\xfe\xff")) else head
    return text.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(b"<") and _SVG_ROOT.search(text) is not None


def may_be_raw(file: BinaryIO) -> bool:
    """Whether a TIFF is the work of a camera rather than a picture to be shown as it is.

    LibRaw takes a grey TIFF of 16 bits for a sensor's data. So its first directory is asked (TIFF 6.0,
    section 2): RAW files name their maker or a version of DNG, and their first picture is in colour.
    """
    head = file.read(8)
    order: Literal["little", "big"] = "little" if head.startswith(b"II") else "big"
    file.seek(int.from_bytes(head[4:8], order))
    count = int.from_bytes(file.read(2), order)
    entries = file.read(12 * count)
    file.seek(0)
    values = {
        int.from_bytes(entries[place : place + 2], order): int.from_bytes(entries[place + 8 : place + 10], order)
        for place in range(0, len(entries), 12)
    }
    return _DNG_VERSION in values or (_MAKE in values and values.get(_PHOTOMETRIC) not in _GREY)


def damage_of_boxes(file: BinaryIO) -> str | None:
    """What is wrong with a HEIC or AVIF that ends early: libheif shows half a picture without a word.

    A file of this family is a row of boxes, each of which tells its length (ISO/IEC 14496-12, 4.2).
    """
    end = file.seek(0, os.SEEK_END)
    position = 0
    while position < end:
        file.seek(position)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length == 0:
            break  # the last box reaches to the end
        if length < 8 or position + length > end:
            file.seek(0)
            return "The picture is damaged: the file ends too early"
        position += length
    file.seek(0)
    return None


def damage_of_jpeg(file: BinaryIO) -> str | None:
    """What is wrong with a JPEG whose end was never written: libjpeg takes zeros for grey."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL))
    tail = file.read(_TAIL)
    file.seek(0)
    return None if size < _TAIL or tail.strip(b"\0") else "The picture is damaged: the file ends in zeros"


def size_of_jxl(file: BinaryIO) -> tuple[int, int]:
    """Width and height that a JPEG XL file claims (ISO/IEC 18181-1, SizeHeader; 18181-2 for its boxes)."""
    codestream = _codestream(file)
    file.seek(0)
    bits = _Bits(codestream)
    if bits.take(16) != int.from_bytes(_JXL_CODESTREAM, "little"):
        raise MediaError("The picture is damaged: it has no codestream")
    is_small = bits.take(1)
    height = (bits.take(5) + 1) * 8 if is_small else bits.size()
    ratio = bits.take(3)
    if ratio:
        across, down = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[ratio - 1]
        return height * across // down, height
    return (bits.take(5) + 1) * 8 if is_small else bits.size(), height


def _codestream(file: BinaryIO) -> bytes:
    """The beginning of the codestream, which lies in boxes or in the file as it is."""
    head = file.read(HEAD)
    if not head.startswith(_JXL_CONTAINER):
        return head
    position = 0
    end = file.seek(0, os.SEEK_END)
    while position < end:
        file.seek(position)
        box = file.read(16)
        length = int.from_bytes(box[:4], "big")
        start = 16 if length == 1 else 8
        if length == 1:
            length = int.from_bytes(box[8:16], "big")
        if box[4:8] in (b"jxlc", b"jxlp"):
            file.seek(position + start + (4 if box[4:8] == b"jxlp" else 0))
            return file.read(HEAD)
        if length < 8:
            break
        position += length
    return b""


class _Bits:
    """Bits from the lowest of each byte on, as JPEG XL writes them."""

    def __init__(self, data: bytes) -> None:
        self._rest = int.from_bytes(data[:64], "little")

    def take(self, count: int) -> int:
        value = self._rest & ((1 << count) - 1)
        self._rest >>= count
        return value

    def size(self) -> int:
        """A side of the picture, in as many bits as a selector says."""
        return self.take((9, 13, 18, 30)[self.take(2)]) + 1
