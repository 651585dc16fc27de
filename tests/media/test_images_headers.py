"""What first bytes tell: families by content, the size of a JPEG XL before it is decoded, files that end early."""

import struct
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from errors import MediaError
from media import images, images_headers
from media.images_headers import Family, family_of
from tests.media.pictures import save


@pytest.mark.parametrize(("head", "family"), [
    (b"\xff\xd8\xff\xe0", Family.JPEG),
    (b"\0\0\0\x18ftypheic", Family.HEIF),
    (b"\0\0\0\x18ftypavif", Family.HEIF),
    (b"\0\0\0\x18ftypcrx ", Family.RAW),
    (b"\xff\x0a\xfa", Family.JXL),
    (b"\0\0\0\x0cJXL \r\n\x87\n", Family.JXL),
    (b"II*\0", Family.TIFF), (b"MM\0*", Family.TIFF), (b"MM\0+", Family.TIFF),
    (b"FUJIFILMCCD-RAW", Family.RAW), (b"IIRO", Family.RAW), (b"IIU\0", Family.RAW), (b"FOVb", Family.RAW),
    (b"<svg/>", Family.SVG),
    (b"\xef\xbb\xbf  <?xml version='1.0'?><!-- a --><svg:svg xmlns:svg='http://www.w3.org/2000/svg'>", Family.SVG),
    ("\ufeff<svg>".encode("utf-16-le"), Family.SVG),
    (b"<html><body>no drawing", Family.OTHER), (b"a <svg/>", Family.OTHER),
    (b"\x89PNG", Family.OTHER), (b"", Family.OTHER), (b"\0", Family.OTHER),
])  # fmt: skip
def test_content_tells_the_family(head: bytes, family: Family) -> None:
    assert family_of(head) is family


@pytest.mark.parametrize("size", [
    (1, 1), (8, 8), (256, 256), (320, 240), (640, 360), (300, 200), (1000, 500), (17, 4000), (3000, 10), (1617, 1080),
])  # fmt: skip
@pytest.mark.parametrize("in_boxes", [False, True])
def test_the_size_of_a_jpeg_xl_is_known_before_it_is_decoded(
    tmp_path: Path, size: tuple[int, int], in_boxes: bool
) -> None:
    path = save(Image.new("RGB", size), tmp_path / "a.jxl", use_container=in_boxes)
    with path.open("rb") as file:
        assert images_headers.size_of_jxl(file) == size


def jxl_bomb(width: int, height: int) -> bytes:
    """A codestream that claims a size in 30 bits a side."""
    bits, place = 0, 0
    for value, count in ((0, 1), (3, 2), (height - 1, 30), (0, 3), (3, 2), (width - 1, 30)):
        bits |= value << place
        place += count
    return b"\xff\x0a" + bits.to_bytes(16, "little") + bytes(100)


@pytest.mark.parametrize("data", [
    jxl_bomb(60_000, 60_000),
    b"\0\0\0\x0cJXL \r\n\x87\n" + struct.pack(">I4s", 0, b"jxlc") + jxl_bomb(1_000_000, 1_000_000),
])
def test_a_jpeg_xl_that_claims_too_much_is_refused_before_it_is_decoded(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.jxl").write_bytes(data)
    with pytest.raises(MediaError, match="megapixels"):
        images.make_previews(tmp_path / "a.jxl", tmp_path / "preview", tmp_path / "thumbnail")


@pytest.mark.parametrize("data", [
    b"\0\0\0\x0cJXL \r\n\x87\n",
    b"\0\0\0\x0cJXL \r\n\x87\n" + struct.pack(">I4s", 8, b"free") * 5,
    b"\0\0\0\x0cJXL \r\n\x87\n" + struct.pack(">I4s", 3, b"free"),
    b"\0\0\0\x0cJXL \r\n\x87\n" + struct.pack(">I4sQ", 1, b"free", 0),
    b"\0\0\0\x0cJXL \r\n\x87\n" + struct.pack(">I4sQ", 1, b"free", 2**63),
])
def test_boxes_that_lead_nowhere_come_to_an_end(data: bytes) -> None:
    with pytest.raises(MediaError, match="codestream"):
        images_headers.size_of_jxl(BytesIO(data))


@pytest.mark.parametrize(("data", "is_whole"), [
    (struct.pack(">I4s", 16, b"ftyp") + bytes(8), True),
    (struct.pack(">I4s", 16, b"ftyp") + bytes(8) + struct.pack(">I4s", 0, b"mdat") + bytes(5), True),
    (struct.pack(">I4sQ", 1, b"mdat", 20) + bytes(4), True),
    (struct.pack(">I4s", 17, b"ftyp") + bytes(8), False),
    (struct.pack(">I4s", 4, b"ftyp") + bytes(8), False),
    (struct.pack(">I4sQ", 1, b"mdat", 2**63) + bytes(4), False),
])
def test_boxes_tell_whether_the_file_is_whole(data: bytes, is_whole: bool) -> None:
    assert (images_headers.damage_of_boxes(BytesIO(data)) is None) == is_whole


@pytest.mark.parametrize("data", [b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff"])
def test_a_tiff_without_a_directory_is_no_raw(data: bytes) -> None:
    assert not images_headers.may_be_raw(BytesIO(data))
