"""ImageMagick: reads what holds pixels, and nothing that holds a program, a page or an address."""

from pathlib import Path

import numpy as np
import pytest

from errors import MediaError, UnsupportedMedia
from media import images_magick, images_read
from media.images_pixels import Picture
from tests.media.containers import psd, tiff_of
from tests.media.pictures import RED, corner_colours, corners, near, rgb_profile

# Pillow's, of damage that it passes over.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def read(folder: Path, data: bytes, name: str = "a") -> Picture:
    path = folder / name
    path.write_bytes(data)
    return images_read.read(path, lambda size: size)


def deep_psd(size: tuple[int, int] = (60, 40)) -> bytes:
    return psd(np.asarray(corners(size)).astype(np.uint16) * 257, 3, rgb_profile())


def test_it_obeys_our_policy() -> None:
    assert images_magick._wand() is not None


def test_a_picture_of_the_long_tail_is_read(tmp_path: Path) -> None:
    picture = read(tmp_path, deep_psd())
    assert near(corner_colours(picture.image)[0], RED, by=2)
    assert (picture.size, picture.image.mode) == ((60, 40), "RGB")
    assert picture.profile is not None


def test_a_process_that_is_no_longer_young_reads_on(tmp_path: Path) -> None:
    """A limit of ImageMagick's time would count from the first picture, and end the whole process."""
    policy = (Path(images_magick.__file__).parent / "imagemagick" / "policy.xml").read_text()
    assert 'name="time"' not in policy


def test_it_is_resized_as_wanted(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(deep_psd((600, 400)))
    picture = images_read.read(tmp_path / "a", lambda size: (60, 40))
    assert (picture.size, picture.image.size) == ((600, 400), (60, 40))
    assert near(corner_colours(picture.image)[0], RED, by=2)


@pytest.mark.parametrize("data", [
    b"push graphic-context\nviewbox 0 0 640 480\nfill 'url(https://127.0.0.1/a.jpg)'\npop graphic-context\n",
    b"push graphic-context\nimage over 0,0 0,0 'label:@/etc/passwd'\npop graphic-context\n",
    b"<?xml version='1.0'?><image><read filename='/etc/passwd'/><write filename='/tmp/taken-over'/></image>",
    b"<?xml version='1.0'?><msl><read filename='caption:hello'/></msl>",
    b"%!PS-Adobe-3.0\n(/tmp/taken-over) (w) file closefile showpage\n",
    b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n",
    b"id=ImageMagick  class=DirectClass\ncolumns=1 rows=1\n\x0c\n:\x1a\0\0\0",
    b"label:hello", b"https://127.0.0.1/", b"ephemeral:/etc/passwd", b"@/etc/passwd", b"|touch /tmp/taken-over",
])
@pytest.mark.parametrize("name", ["a.mvg", "a.msl", "a.jpg", "mvg:a", "a.ps"])
def test_programs_pages_and_addresses_are_refused(tmp_path: Path, data: bytes, name: str) -> None:
    with pytest.raises(UnsupportedMedia):
        read(tmp_path, data, name)
    assert not Path("/tmp/taken-over").exists()


def test_a_picture_too_wide_for_the_policy_is_refused(tmp_path: Path) -> None:
    data = bytearray(deep_psd())
    data[14:22] = (30_000).to_bytes(4, "big") * 2
    with pytest.raises(MediaError):
        read(tmp_path, bytes(data))


def test_a_truncated_picture_is_told(tmp_path: Path) -> None:
    data = tiff_of(np.asarray(corners()).astype(np.float32) / 255, 2)
    with pytest.raises(MediaError):
        read(tmp_path, data[:2000])


def test_without_imagemagick_the_long_tail_is_no_known_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images_magick, "_wand", lambda: None)
    with pytest.raises(UnsupportedMedia):
        read(tmp_path, deep_psd())
