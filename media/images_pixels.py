"""Pixels: any mode made plain, resized, turned and put on white."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image

from media.images import Size

try:
    from cykooz_resizer import FilterType, ResizeAlg, ResizeOptions, Resizer  # type: ignore[import-untyped]
except ImportError:
    # There is none for this kind of machine; Pillow does the same in five times the time.
    Resizer = None

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_QUARTER_TURNS = (5, 6, 7, 8)

# Which size is wanted of an original that is shown in a size.
Fit = Callable[[Size], Size]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is shown: RGB or RGBA of 8 bits, upright, to be read by `profile` (None: sRGB).

    `size` is that of the original, upright. `damage` says what is wrong with it where not all could be read.
    """

    image: Image.Image
    profile: bytes | None
    size: Size
    damage: str | None = None


def fit(size: Size, shorter: int, longest: int) -> Size:
    """The size whose shorter side is `shorter`, unless that enlarges or the longer side becomes too long."""
    scale = min(1.0, shorter / min(size), longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def turned(size: Size, orientation: int) -> Size:
    """Width and height as shown, of pixels that lie as EXIF's orientation says; and the other way round."""
    return size[::-1] if orientation in _QUARTER_TURNS else size


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """The picture turned as EXIF's orientation says; unchanged where it says nothing sensible."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def resized(image: Image.Image, size: Size) -> Image.Image:
    """The picture in another size, by Lanczos' filter; transparent pixels lend no colour to their neighbours."""
    if image.size == size:
        return image
    if Resizer is None or image.mode not in ("L", "RGB", "RGBA", "CMYK"):
        return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    result = Image.new(image.mode, size)
    Resizer().resize_pil(image, result, ResizeOptions(ResizeAlg.convolution(FilterType.lanczos3)))
    return result


def plain(image: Image.Image) -> Image.Image:
    """The same picture in a mode of 8 bits that can be resized: L, RGB, RGBA, CMYK or LAB."""
    if image.mode.startswith(("I", "F")):
        return _from_deep(image)
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _from_deep(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits, or floating point, brought down to 8."""
    values = np.asarray(image).astype(np.float64)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    # Whole numbers are 16 bits wide, whatever holds them; fractions run from 0 to 1.
    white = 1.0 if image.mode == "F" else 65535.0
    if values.size and values.max() > white:
        white = float(values.max())
    return Image.fromarray(np.clip(values * (255 / white) + 0.5, 0, 255).astype(np.uint8))


def in_rgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, bytes | None]:
    """A plain picture in RGB or RGBA, with the profile that its numbers are to be read by."""
    if image.mode in ("RGB", "RGBA"):
        return image, profile if profile and _space_of(profile) == b"RGB " else None
    if image.mode == "LAB":
        return _in_srgb(image, None), None
    if profile and _space_of(profile) == {"CMYK": b"CMYK", "L": b"GRAY"}[image.mode]:
        # A broken profile leaves the numbers alone, which are the next best.
        with suppress(OSError, ValueError):
            return _in_srgb(image, profile), None
    return image.convert("RGB"), None


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture through its profile, or, where that is None, through CIE L*a*b*."""
    # Colour management takes as long to load as a picture to decode, and few pictures need it.
    from PIL import ImageCms

    source = ImageCms.createProfile("LAB") if profile is None else BytesIO(profile)
    try:
        space = ImageCms.ImageCmsProfile(source)
        converted = ImageCms.profileToProfile(image, space, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except ImageCms.PyCMSError as error:
        raise ValueError("its colours cannot be converted") from error
    if converted is None:
        raise ValueError("its colours cannot be converted")
    return converted


def _space_of(profile: bytes) -> bytes:
    """The colour space that an ICC profile's header names (ICC.1, 7.2.6)."""
    return profile[16:20]


def without_idle_alpha(image: Image.Image) -> Image.Image:
    """An RGBA picture as RGB where nothing of it is transparent."""
    return image.convert("RGB") if image.getchannel("A").getextrema() == (255, 255) else image


def on_white(image: Image.Image) -> Image.Image:
    """JPEG knows no transparency; a picture with some is mostly drawn for a page."""
    if image.mode != "RGBA":
        return image
    page = Image.new("RGB", image.size, "white")
    page.paste(image, mask=image.getchannel("A"))
    return page
