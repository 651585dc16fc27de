"""Small pictures of people: a face cut out of a photo, a profile image.

Light to import: libraries that decode are loaded where a picture is read, in the workshop's children.
"""

from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path

from errors import MediaError
from media.images import Size

# Immich's: pixels on the shorter side, and how much more than the face is shown.
SIDE = 250
ZOOM_OUT = 1.1
# Shown in a circle: nobody sees more of a profile image, so it may be so many pixels long.
_LONGEST = 4 * SIDE


@dataclass(frozen=True, slots=True)
class FaceBox:
    """Where a face is, in pixels of the upright picture when it was `image_width` by `image_height`."""

    image_width: int
    image_height: int
    x1: int
    y1: int
    x2: int
    y2: int


@dataclass(frozen=True, slots=True)
class Square:
    """A square inside a picture, in pixels from its upper left corner."""

    left: int
    top: int
    side: int


def square_around(box: FaceBox, size: Size) -> Square:
    """What of a picture of this size shows the face: its box and a tenth more, the face in the middle.

    The square never reaches beyond the picture, so a face at the edge is shown closer. Boxes may
    reach beyond it (Immich, `getCrop`).
    """
    width, height = size
    # Immich's tables may say 0 where a program did not know.
    across, down = width / max(1, box.image_width), height / max(1, box.image_height)
    left, right = (_between(x, box.image_width) * across for x in (box.x1, box.x2))
    top, bottom = (_between(y, box.image_height) * down for y in (box.y1, box.y2))
    x, y = floor((left + right) / 2 + 0.5), floor((top + bottom) / 2 + 0.5)
    wanted = floor(max(right - left, bottom - top) / 2 * ZOOM_OUT)
    half = min(wanted, x, y, width - 1 - x, height - 1 - y)
    if half < 1:
        # Nothing of the face is in the picture, or no more than a pixel of it.
        return Square(min(max(x, 0), width - 1), min(max(y, 0), height - 1), 1)
    return Square(x - half, y - half, 2 * half)


def _between(position: int, limit: int) -> int:
    return min(max(position, 0), limit)


def crop_face(source: Path, target: Path, box: FaceBox) -> int:
    """Writes the face in a picture file as a JPEG of 250 by 250 pixels; returns the side of what was cut out.

    Where that is less than 250 pixels so is the JPEG: nothing is enlarged. Upright, on white, the
    profile kept, everything else of the picture's metadata left out. Raises UnsupportedMedia and
    MediaError as `images.make_previews` does. A task for the workshop.
    """
    from media.images_pixels import resized
    from media.images_read import read
    from media.images_write import jpeg

    picture = read(source, lambda size: _scaled(size, SIDE / square_around(box, size).side))
    cut = square_around(box, picture.image.size)
    face = picture.image.crop((cut.left, cut.top, cut.left + cut.side, cut.top + cut.side))
    side = square_around(box, picture.size).side
    length = min(SIDE, side)
    target.write_bytes(jpeg(resized(face, (length, length)), picture.profile))
    return side


def shrink(source: Path, target: Path) -> None:
    """Writes a picture file as a WebP whose shorter side has 250 pixels, or as many as the source has.

    Upright, the profile kept, everything else of its metadata left out. Raises UnsupportedMedia, and
    MediaError also for a damaged picture. A task for the workshop.
    """
    from media.images_pixels import fit
    from media.images_read import read
    from media.images_write import webp

    picture = read(source, lambda size: fit(size, SIDE, _LONGEST))
    if picture.damage is not None:
        raise MediaError(picture.damage)
    target.write_bytes(webp(picture.image, picture.profile))


def _scaled(size: Size, scale: float) -> Size:
    """The size, made smaller but not larger."""
    return ceil(size[0] * min(1.0, scale)), ceil(size[1] * min(1.0, scale))
