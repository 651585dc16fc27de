"""Faces cut out of pictures, and profile images: the right pixels, upright, small, and nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from errors import MediaError, UnsupportedMedia
from media import crops
from media.crops import FaceBox, Square, square_around
from tests.media.pictures import GREEN, GREY, RED, TURNS, colour_at, corners, exif_with, near, save

# A face in the lower right corner of a picture of 600 by 400 pixels.
CORNER = FaceBox(600, 400, x1=400, y1=250, x2=500, y2=350)


_UNDONE = {
    Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270,
    Image.Transpose.ROTATE_270: Image.Transpose.ROTATE_90,
}


def cut(source: Path, box: FaceBox, target: Path) -> tuple[int, Image.Image]:
    side = crops.crop_face(source, target, box)
    return side, opened(target)


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        return image


@pytest.mark.parametrize(
    ("box", "size", "square"),
    [
        (FaceBox(1000, 1000, 100, 100, 200, 200), (1000, 1000), Square(95, 95, 110)),
        (FaceBox(500, 500, 50, 50, 100, 100), (1000, 1000), Square(95, 95, 110)),
        (FaceBox(2160, 3840, 10, 10, 110, 110), (2160, 3840), Square(5, 5, 110)),
        # At the edge: so large that the face stays in the middle.
        (FaceBox(1000, 1000, 0, 0, 100, 200), (1000, 1000), Square(0, 50, 100)),
        (FaceBox(1000, 1000, -50, 0, 100, 200), (1000, 1000), Square(0, 50, 100)),
    ],
)
def test_a_face_is_shown_with_a_tenth_around_it(box: FaceBox, size: tuple[int, int], square: Square) -> None:
    assert square_around(box, size) == square


@pytest.mark.parametrize(
    "box",
    [
        FaceBox(600, 400, 0, 0, 50, 50),
        FaceBox(600, 400, 550, 350, 600, 400),
        FaceBox(600, 400, -100, -100, 700, 500),
        FaceBox(600, 400, 700, 500, 800, 600),
        FaceBox(600, 400, -9, -9, -3, -3),
        FaceBox(600, 400, 100, 100, 100, 100),
        FaceBox(0, 0, 0, 0, 0, 0),
    ],
)
@pytest.mark.parametrize("size", [(600, 400), (1, 1), (3, 2000)])
def test_nothing_is_cut_from_outside_the_picture(box: FaceBox, size: tuple[int, int]) -> None:
    square = square_around(box, size)
    assert square.side >= 1
    assert square.left >= 0
    assert square.top >= 0
    assert square.left + square.side <= size[0]
    assert square.top + square.side <= size[1]


@pytest.mark.parametrize("size", [(3000, 2000), (6000, 4000), (600, 400)])
def test_a_face_has_250_pixels_or_what_there_is(tmp_path: Path, size: tuple[int, int]) -> None:
    source = save(corners(size), tmp_path / "a.jpg")
    side, face = cut(source, CORNER, tmp_path / "face.jpeg")
    assert side == pytest.approx(110 * size[0] / 600, abs=2)
    assert face.size == (min(side, 250),) * 2
    assert face.format == "JPEG"
    assert near(colour_at(face, 0.5, 0.5), GREY)


@pytest.mark.parametrize("orientation", TURNS)
def test_a_box_is_that_of_the_upright_picture(tmp_path: Path, orientation: int) -> None:
    stored = corners((600, 400))
    for step in reversed(TURNS[orientation]):
        stored = stored.transpose(_UNDONE.get(step, step))
    source = save(stored, tmp_path / "a.jpg", exif=exif_with(orientation), quality=95)
    box = replace(CORNER, x1=350, y1=50, x2=450, y2=150)
    _, face = cut(source, box, tmp_path / "face.jpeg")
    assert near(colour_at(face, 0.5, 0.5), GREEN)


def test_a_face_tells_nothing_but_its_colours(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = save(corners((3000, 2000)), tmp_path / "a.jpg", exif=exif_with(1), icc_profile=profile, comment=b"SECRET")
    _, face = cut(source, CORNER, tmp_path / "face.jpeg")
    assert face.info["icc_profile"] == profile
    assert b"SECRET" not in (tmp_path / "face.jpeg").read_bytes()


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.avif", "a.heic", "a.tiff", "a.gif"])
def test_a_face_is_cut_out_of_any_format(tmp_path: Path, name: str) -> None:
    source = save(corners((600, 400)), tmp_path / name)
    _, face = cut(source, CORNER, tmp_path / "face.jpeg")
    assert near(colour_at(face, 0.5, 0.5), GREY, by=30)


def test_what_shines_through_is_white(tmp_path: Path) -> None:
    source = save(Image.new("RGBA", (600, 400), (0, 0, 0, 0)), tmp_path / "a.png")
    _, face = cut(source, CORNER, tmp_path / "face.jpeg")
    assert near(colour_at(face, 0.5, 0.5), (255, 255, 255))


def test_a_profile_image_is_small_and_says_nothing_else(tmp_path: Path) -> None:
    source = save(corners((900, 600)), tmp_path / "a.jpg", exif=exif_with(6))
    crops.shrink(source, tmp_path / "b.webp")
    small = opened(tmp_path / "b.webp")
    assert (small.format, small.size) == ("WEBP", (250, 375))
    assert near(colour_at(small, 0.75, 0.25), RED)
    assert b"SECRET" not in (tmp_path / "b.webp").read_bytes()


def test_a_profile_image_is_not_enlarged(tmp_path: Path) -> None:
    crops.shrink(save(corners((60, 40)), tmp_path / "a.png"), tmp_path / "b.webp")
    assert opened(tmp_path / "b.webp").size == (60, 40)


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "a.jpg"
    text.write_text("no picture")
    with pytest.raises(UnsupportedMedia):
        crops.shrink(text, tmp_path / "out")
    with pytest.raises(UnsupportedMedia):
        crops.crop_face(text, tmp_path / "out", CORNER)
    assert not (tmp_path / "out").exists()


def test_a_damaged_photo_still_shows_faces_but_makes_no_profile_image(tmp_path: Path) -> None:
    whole = save(corners((600, 400)), tmp_path / "a.jpg").read_bytes()
    broken = tmp_path / "b.jpg"
    broken.write_bytes(whole[: len(whole) * 2 // 3])
    _, face = cut(broken, replace(CORNER, y1=50, y2=150), tmp_path / "face.jpeg")
    assert near(colour_at(face, 0.5, 0.5), GREEN)
    with pytest.raises(MediaError):
        crops.shrink(broken, tmp_path / "out")
    assert not (tmp_path / "out").exists()
