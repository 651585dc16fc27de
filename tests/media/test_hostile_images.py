"""Files that mean harm, read as a worker reads them: each is shown or refused in a sentence, and nobody is hurt."""

import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from errors import MediaError
from media import images, mime, workshop
from media.workbench import Limits
from tests.media import tasks
from tests.media.containers import Directory, dng, tiff
from tests.media.formats import FORMATS, Format
from tests.media.pictures import photo, png_header

SECONDS = 10
LIMITS = Limits(seconds=SECONDS, cpu_seconds=SECONDS)
RANDOM = np.random.default_rng(11).bytes(20_000)


def read(path: Path) -> images.Preview | MediaError:
    """What a worker gets to see of a file; anything else than these two is a failure."""
    made = path.with_name("preview"), path.with_name("thumbnail")
    try:
        return workshop.run(images.make_previews, path, *made, limits=LIMITS)
    except MediaError as refused:
        return refused


@pytest.mark.parametrize("extension", mime.IMAGE_TYPES)
def test_random_bytes_under_any_name_are_refused(tmp_path: Path, extension: str) -> None:
    (tmp_path / f"a{extension}").write_bytes(RANDOM)
    assert isinstance(read(tmp_path / f"a{extension}"), MediaError)


MAGICS = {
    "jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0", "png": b"\x89PNG\r\n\x1a\n", "gif": b"GIF89a",
    "webp": b"RIFF\xff\0\0\0WEBPVP8 ",
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "avif": b"\0\0\0\x18ftypavif\0\0\0\0mif1avif",
    "jxl": b"\xff\x0a", "jxl boxes": b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl \0\0\0\0jxl ",
    "tiff": b"II*\0\x08\0\0\0", "bigtiff": b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0", "bmp": b"BM", "psd": b"8BPS\0\1",
    "jp2": b"\0\0\0\x0cjP  \r\n\x87\n", "j2k": b"\xff\x4f\xff\x51", "svg": b"<svg>", "cr3": b"\0\0\0\x18ftypcrx ",
    "raf": b"FUJIFILMCCD-RAW 0201", "orf": b"IIRO\x08\0\0\0", "rw2": b"IIU\0\x08\0\0\0", "mrw": b"\0MRM\0\0\1\0",
    "x3f": b"FOVb\0\0\2\0", "crw": b"II\x1a\0\0\0HEAPCCDR", "iiq": b"IIII\0\0\0\0", "ari": b"ARRI\x12\x34\x56\x78",
    "cine": b"CI,\0\0\0\1\0", "cin": b"\x80\x2a\x5f\xd7", "dpx": b"SDPX", "sgi": b"\1\xda\1\1", "pcx": b"\x0a\5\1\x08",
    "pnm": b"P6 60000 60000 255\n", "fits": b"SIMPLE  =                    T", "xcf": b"gimp xcf v011\0",
    "zip": b"PK\3\4",
    "mp4": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
}  # fmt: skip


@pytest.mark.parametrize("name", MAGICS)
def test_what_only_begins_like_a_picture_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.jpg").write_bytes(MAGICS[name] + RANDOM)
    assert isinstance(read(tmp_path / "a.jpg"), MediaError)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _deep_png(levels: int) -> bytes:
    """A small file that inflates to as many bytes as its header allows."""
    header = struct.pack(">IIBBBBB", levels, levels, 16, 6, 0, 0, 0)
    pixels = zlib.compress(bytes((levels * 8 + 1) * levels), 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _text_bomb() -> bytes:
    """A PNG with a compressed comment of 200 MB."""
    whole = png_header(10, 10)
    return whole[:33] + _chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(200_000_000), 9)) + whole[33:]


def _loop(entries: int) -> bytes:
    """A TIFF whose directory is its own child and its own successor."""
    directory = struct.pack("<H", entries) + struct.pack("<HHII", 330, 4, 1, 8) * entries + struct.pack("<I", 8)
    return b"II*\0" + struct.pack("<I", 8) + directory


def _endless_gif() -> bytes:
    frame = b"!\xf9\x04\0\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0"
    return b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff!\xff\x0bNETSCAPE2.0\3\1\0\0\0" + frame * 200_000


def _many_children() -> bytes:
    tags = {254: 1, 256: 10, 257: 10, 258: [8, 8, 8], 259: 1, 262: 2, 277: 3, 278: 10, 284: 1}
    child = Directory(tags, bytes(300))
    for _ in range(200):
        child = Directory(tags, bytes(300), [child])
    return tiff(child)


BOMBS = {
    "a png of 60000 x 60000": png_header(60_000, 60_000),
    "a png that inflates to 640 MB": _deep_png(8000),
    "a comment of 200 MB": _text_bomb(),
    "a tiff that is its own child": _loop(1),
    "a tiff with thousands of them": _loop(5000),
    "a tiff with two hundred generations": _many_children(),
    "a gif without an end": _endless_gif(),
    "a gif of 65535 x 65535": b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\0\2\2D\1\0;",
    "a drawing with a filter for ever": b'<svg xmlns="http://www.w3.org/2000/svg" width="8000" height="8000">'
    + b'<filter id="f">' + b'<feGaussianBlur stdDeviation="500"/><feMorphology radius="500"/>' * 200
    + b'</filter><rect width="8000" height="8000" filter="url(#f)"/></svg>',
    "a drawing that uses itself": b'<svg xmlns="http://www.w3.org/2000/svg"><g id="a"><use href="#a"/></g></svg>',
    "a drawing of many uses": b'<svg xmlns="http://www.w3.org/2000/svg"><g id="a0"><rect width="1" height="1"/></g>'
    + b"".join(b'<g id="a%d">%s</g>' % (n, b'<use href="#a%d"/>' % (n - 1) * 10) for n in range(1, 10)) + b"</svg>",
    "a deep drawing": b'<svg xmlns="http://www.w3.org/2000/svg">' + b"<g>" * 100_000 + b"</g>" * 100_000 + b"</svg>",
    "a pnm of 60000 x 60000": b"P6 60000 60000 255\n" + bytes(1000),
    "a zip in a jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + b"PK\3\4" + RANDOM + b"\xff\xd9",
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_does_not_go_off(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.jpg").write_bytes(BOMBS[name])
    started = time.monotonic()
    read(tmp_path / "a.jpg")
    assert time.monotonic() - started < SECONDS + 10
    assert workshop.run(tasks.add, 1, 1) == 2
    assert {path.name for path in tmp_path.iterdir()} <= {"a.jpg", "preview", "thumbnail"}


@pytest.mark.parametrize("one", [one for one in FORMATS if one.extensions[0] != ".psd"], ids=lambda one: one.name)
def test_a_picture_changed_at_random_is_shown_or_refused(one: Format, tmp_path: Path) -> None:
    path = one.make(tmp_path / one.file_name, photo((120, 90)))
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    random = np.random.default_rng(5)
    for _ in range(12):
        broken = whole.copy()
        # Headers are where harm is done.
        reach = len(broken) if random.random() < 0.5 else min(len(broken), 600)
        places = random.integers(0, reach, random.integers(1, 20))
        broken[places] = random.integers(0, 256, len(places))
        path.write_bytes(broken[: random.integers(1, len(broken) + 1)].tobytes())
        read(path)


def test_a_picture_at_the_limit_is_read(tmp_path: Path) -> None:
    Image.new("L", (20_000, 9_999), 128).save(tmp_path / "a.png", compress_level=1)
    assert isinstance(read(tmp_path / "a.png"), images.Preview)


def test_a_raw_of_many_pixels_that_are_not_there_is_told(tmp_path: Path) -> None:
    data = bytearray(dng(photo((120, 90))))
    for tag in (256, 257):
        place = data.index(struct.pack("<HHI", tag, 3, 1)) + 8
        data[place : place + 2] = struct.pack("<H", 13_000)
    (tmp_path / "a.dng").write_bytes(bytes(data))
    result = read(tmp_path / "a.dng")
    assert isinstance(result, MediaError) or result.damage is not None


def test_a_file_that_is_gone_is_no_fault_of_the_picture(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        workshop.run(images.make_previews, tmp_path / "none.png", tmp_path / "preview", tmp_path / "thumbnail")
