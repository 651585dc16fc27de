"""Picture files that no library of ours writes: TIFFs of any kind, camera RAW (DNG), Photoshop documents."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# TIFF 6.0, section 2: the type's number, its bytes, and its letter for struct.
_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _SRATIONAL = (1, "B"), (2, "s"), (3, "H"), (4, "I"), (5, "II"), (10, "ii")
_TYPES = {
    330: _LONG, 271: _ASCII, 272: _ASCII, 273: _LONG, 279: _LONG, 33422: _BYTE, 34675: _BYTE, 50706: _BYTE,
    50708: _ASCII, 50721: _SRATIONAL, 50728: _RATIONAL,
}  # fmt: skip
# From CIE XYZ to the camera's colours, which here are those of linear sRGB (IEC 61966-2-1).
_MATRIX = (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)


@dataclass(frozen=True, slots=True)
class Directory:
    """A picture inside a TIFF: its tags, and its pixels or its compressed data as one strip."""

    tags: Mapping[int, Any]
    data: bytes
    children: Sequence["Directory"] = ()


def tiff(first: Directory) -> bytes:
    """A little-endian TIFF of one directory and those below it."""
    out = bytearray(b"II*\0\0\0\0\0")
    place = _append(out, first)
    out[4:8] = struct.pack("<I", place)
    return bytes(out)


def _append(out: bytearray, directory: Directory) -> int:
    tags = dict(directory.tags)
    if directory.children:
        tags[330] = [_append(out, child) for child in directory.children]
    tags[273], tags[279] = len(out), len(directory.data)
    out += directory.data + bytes(len(directory.data) % 2)
    entries = b""
    for tag, value in sorted(tags.items()):
        number, letter = _TYPES.get(tag, _SHORT)
        data, count = _packed(letter, value)
        if len(data) > 4:
            entries += struct.pack("<HHII", tag, number, count, len(out))
            out += data + bytes(len(data) % 2)
        else:
            entries += struct.pack("<HHI", tag, number, count) + data.ljust(4, b"\0")
    place = len(out)
    out += struct.pack("<H", len(tags)) + entries + bytes(4)
    return place


def _packed(letter: str, value: Any) -> tuple[bytes, int]:
    if letter == "s":
        text = value.encode() + b"\0"
        return text, len(text)
    values = list(value) if isinstance(value, (list, tuple, bytes)) else [value]
    if len(letter) == 2:
        return b"".join(struct.pack("<" + letter, round(one * 10_000), 10_000) for one in values), len(values)
    return struct.pack(f"<{len(values)}{letter}", *values), len(values)


def tiff_of(pixels: NDArray[Any], photometric: int, **more: Any) -> bytes:
    """An uncompressed TIFF of an array (height, width, samples) of whole or floating-point numbers."""
    height, width, samples = pixels.shape
    form = 3 if pixels.dtype.kind == "f" else 1
    tags = {256: width, 257: height, 258: [pixels.itemsize * 8] * samples, 259: 1, 262: photometric, 277: samples,
            278: height, 284: 1, 339: [form] * samples}  # fmt: skip
    return tiff(Directory(tags | {int(tag): value for tag, value in more.items()}, pixels.tobytes()))


def dng(image: Image.Image, *, orientation: int = 1, preview: Image.Image | None = None) -> bytes:
    """A camera's RAW of an RGB picture: a Bayer pattern of 16 bits, with the JPEG of a preview where one is given."""
    linear = (np.asarray(image.convert("RGB")).astype(np.float64) / 255) ** 2.2
    sensor = np.round(linear * 65535).astype(np.uint16)
    bayer = sensor[..., 1].copy()
    bayer[::2, ::2], bayer[1::2, 1::2] = sensor[::2, ::2, 0], sensor[1::2, 1::2, 2]
    tags = {254: 0, 256: image.width, 257: image.height, 258: 16, 259: 1, 262: 32803, 277: 1, 278: image.height,
            284: 1, 33421: (2, 2), 33422: (0, 1, 1, 2), 50714: 0, 50717: 65535}  # fmt: skip
    about = {271: "Bucketroll", 272: "Test", 274: orientation, 50706: (1, 4, 0, 0), 50708: "Bucketroll Test",
             50721: _MATRIX, 50728: (1, 1, 1), 50778: 21}  # fmt: skip
    if preview is None:
        return tiff(Directory(tags | about, bayer.tobytes()))
    jpeg = BytesIO()
    preview.save(jpeg, "JPEG", quality=90)
    shown = {254: 1, 256: preview.width, 257: preview.height, 258: [8, 8, 8], 259: 7, 262: 6, 277: 3,
             278: preview.height, 284: 1}  # fmt: skip
    return tiff(Directory(shown | about, jpeg.getvalue(), [Directory(tags, bayer.tobytes())]))


def psd(pixels: NDArray[Any], mode: int, profile: bytes = b"") -> bytes:
    """A Photoshop document of an array (height, width, channels), without layers.

    `mode` is 3 for RGB, 4 for CMYK (inverted), 9 for Lab.
    """
    height, width, channels = pixels.shape
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, channels, height, width, pixels.itemsize * 8, mode)
    resources = b""
    if profile:
        resources = struct.pack(">4sHHI", b"8BIM", 1039, 0, len(profile)) + profile + bytes(len(profile) % 2)
    planes = np.moveaxis(pixels, -1, 0).astype(pixels.dtype.newbyteorder(">")).tobytes()
    return head + bytes(4) + struct.pack(">I", len(resources)) + resources + bytes(4) + bytes(2) + planes
