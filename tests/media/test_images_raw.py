"""Camera RAW: the camera's own JPEG where it will do, else the sensor's data; upright either way."""

import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from errors import MediaError
from media import images_read
from media.images_pixels import Picture, fit
from tests.media.containers import Directory, dng, tiff, tiff_of
from tests.media.pictures import BLUE, GREEN, RED, TURNS, corner_colours, corners, near, photo

# Pillow's, of damage that it passes over.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

GREY = Image.new("RGB", (1920, 1440), (90, 90, 90))


def read(folder: Path, data: bytes) -> Picture:
    path = folder / "a.dng"
    path.write_bytes(data)
    return images_read.read(path, lambda size: size)


def preview_of(folder: Path, data: bytes) -> Picture:
    path = folder / "a.dng"
    path.write_bytes(data)
    return images_read.read(path, lambda size: fit(size, 1440, 65_500))


def is_developed(picture: Picture) -> bool:
    """Whether the picture shows the corners of the sensor's data, not the grey of the JPEG."""
    found = corner_colours(picture.image)
    return all(near(*pair, by=70) for pair in zip(found[:3], (RED, GREEN, BLUE), strict=True))


def test_a_jpeg_that_is_large_enough_is_taken(tmp_path: Path) -> None:
    picture = preview_of(tmp_path, dng(corners((3000, 2000)), preview=GREY))
    assert (picture.size, picture.image.size) == ((3000, 2000), (1920, 1440))
    assert near(corner_colours(picture.image)[0], (90, 90, 90))


def test_a_jpeg_that_is_too_small_is_not(tmp_path: Path) -> None:
    picture = preview_of(tmp_path, dng(corners((3000, 2000)), preview=GREY.resize((1600, 1200))))
    assert picture.image.size == (2160, 1440)
    assert is_developed(picture)


def test_for_the_full_size_a_jpeg_without_the_rim_of_the_sensor_will_do(tmp_path: Path) -> None:
    for length, will_do in ((1950, True), (1500, False)):
        picture = read(tmp_path, dng(corners((3000, 2000)), preview=GREY.resize((length * 3 // 2, length))))
        assert is_developed(picture) != will_do


def test_of_a_small_sensor_a_small_jpeg_will_do(tmp_path: Path) -> None:
    assert not is_developed(read(tmp_path, dng(corners((600, 400)), preview=GREY.resize((600, 400)))))


def test_half_the_sensor_is_developed_where_that_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(dng(corners((1200, 800))))
    picture = images_read.read(path, lambda size: (300, 200))
    assert (picture.size, picture.image.size) == ((1200, 800), (300, 200))
    assert is_developed(picture)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_data_and_jpeg_are_turned_as_the_raw_says(tmp_path: Path, orientation: int) -> None:
    lying = corners((600, 400))
    upright = lying
    for step in TURNS[orientation]:
        upright = upright.transpose(step)
    for preview in (None, lying):
        picture = read(tmp_path, dng(lying, orientation=orientation, preview=preview))
        assert picture.size == picture.image.size == upright.size
        pairs = zip(corner_colours(picture.image)[:3], corner_colours(upright)[:3], strict=True)
        assert all(near(*pair, by=90) for pair in pairs)


def test_a_jpeg_that_stands_already_is_not_turned_again(tmp_path: Path) -> None:
    standing = corners((400, 600))
    picture = read(tmp_path, dng(corners((600, 400)), orientation=6, preview=standing))
    assert picture.image.size == (400, 600)
    assert near(corner_colours(picture.image)[0], RED, by=20)


@pytest.mark.parametrize("share", [0.999, 0.6, 0.2])
def test_where_data_are_missing_the_best_is_shown_and_said(tmp_path: Path, share: float) -> None:
    data = dng(photo((600, 400)))
    try:
        picture = read(tmp_path, data[: int(len(data) * share)])
    except MediaError:
        return
    assert picture.damage is not None


def test_where_only_the_jpeg_is_left_it_is_shown(tmp_path: Path) -> None:
    whole = dng(corners((3000, 2000)), preview=GREY.resize((800, 600)))
    # The directory stays whole; what lies in the place of the sensor's data is another kind of compression.
    broken = whole.replace(b"\x03\x01\x03\x00\x01\x00\x00\x00\x01\x00", b"\x03\x01\x03\x00\x01\x00\x00\x00\x63\x00", 1)
    assert broken != whole
    picture = read(tmp_path, broken)
    assert picture.image.size == (800, 600)
    assert picture.size[0] > 0


def test_a_grey_tiff_of_a_scanner_is_no_raw(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65535, 400).astype(np.uint16)[:, None], (300, 1, 1))
    picture = read(tmp_path, tiff_of(ramp, 1, **{"271": "Scanner"}))
    assert picture.image.convert("L").getpixel((200, 150)) == pytest.approx(128, abs=3)


def test_a_camera_that_is_not_known_is_shown_by_what_else_is_in_the_file(tmp_path: Path) -> None:
    shown = {254: 0, 256: 60, 257: 40, 258: [8, 8, 8], 259: 1, 262: 2, 277: 3, 278: 40, 284: 1, 271: "Unknown"}
    picture = read(tmp_path, tiff(Directory(shown, corners().tobytes())))
    assert near(corner_colours(picture.image)[0], RED, by=2)


def test_a_sensor_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    data = bytearray(dng(corners((60, 40))))
    for tag in (256, 257):
        place = data.index(struct.pack("<HHI", tag, 3, 1)) + 2
        data[place : place + 10] = struct.pack("<HII", 4, 1, 20_000)
    with pytest.raises(MediaError):
        read(tmp_path, bytes(data))


def test_the_embedded_jpeg_may_be_broken(tmp_path: Path) -> None:
    jpeg = BytesIO()
    GREY.resize((600, 400)).save(jpeg, "JPEG", quality=90)
    data = dng(corners((600, 400)), preview=GREY.resize((600, 400)))
    broken = data.replace(jpeg.getvalue()[:200], bytes(200), 1)
    assert is_developed(read(tmp_path, broken))
