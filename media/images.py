"""Still pictures: one decode becomes preview, thumbnail and thumbhash."""

import os
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageCms,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from errors import MediaError, UnsupportedMedia
from media.thumbhash import LARGEST, thumbhash

# Immich's defaults: pixels on the shorter side, and quality.
PREVIEW_SIDE = 1440
THUMBNAIL_SIDE = 250
QUALITY = 80

MAX_PIXELS = 200_000_000
# What the encoders can write, in pixels a side.
_JPEG_LONGEST = 65_500
_WEBP_LONGEST = 16_383

# Read with Pillow: content decides, never the name. Left out are formats that start other
# programs (EPS), and those that nobody's camera writes.
_FORMATS = tuple(
    plugin.format
    for plugin in (
        JpegImagePlugin.JpegImageFile,  # and MPO, which is a row of them
        PngImagePlugin.PngImageFile,
        WebPImagePlugin.WebPImageFile,
        GifImagePlugin.GifImageFile,
        AvifImagePlugin.AvifImageFile,
        TiffImagePlugin.TiffImageFile,
        BmpImagePlugin.BmpImageFile,
    )
)
_HEIF = "HEIF"
# The names that usually hold them.
_EXTENSIONS = frozenset(
    (".avif", ".bmp", ".gif", ".heic", ".heif", ".hif", ".insp", ".jpe", ".jpeg", ".jpg", ".mpo", ".png", ".tif",
     ".tiff", ".webp")
)

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_QUARTER_TURNS = {_TURNS[orientation] for orientation in (5, 6, 7, 8)}

# What Pillow's decoders are seen to raise for broken files, each for its own kind of damage.
_DAMAGE = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, AttributeError, AssertionError,
    OverflowError, ZeroDivisionError, RuntimeError, NotImplementedError, struct.error, zlib.error,
)

# The header alone decides about size: above this Pillow warns, and the warning is an error.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
# What else Pillow warns of is small damage in other people's files: nothing that an admin could mend.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
# One worker per core: threads inside the decoder would only stand in each other's way.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


@dataclass(frozen=True, slots=True)
class Preview:
    """What was made of a picture; `width` and `height` are the original's pixels as shown.

    `is_transparent` says that the thumbnail has an alpha channel; the preview never has.
    """

    width: int
    height: int
    thumbhash: bytes
    is_transparent: bool


def can_decode(extension: str) -> bool:
    """Whether files of this extension (`.jpg`) are pictures that `make_previews` can read."""
    return extension.lower() in _EXTENSIONS


def make_previews(source: Path, preview: Path, thumbnail: Path) -> Preview:
    """Writes preview (JPEG) and thumbnail (WebP) of a picture file from one decode.

    The shorter side becomes 1440 and 250 pixels, never more than the source has. Turned upright,
    the source's RGB profile kept, everything else of its metadata left out. Transparent parts
    are white in the preview, as on a page, and stay transparent in the thumbnail. Of an
    animation it is the first frame.

    Raises UnsupportedMedia for what is no picture of a known format, MediaError for a damaged,
    truncated or oversized one. May be called from threads.
    """
    with source.open("rb") as file, _opened(file) as image:
        full_size = image.size
        small = _decoded(image, _fit(image.size, PREVIEW_SIDE, _JPEG_LONGEST))
        turn = _turn_of(image)
        profile = image.info.get("icc_profile")
    with _damage_told():
        picture, kept_profile = _in_rgb(small, profile if isinstance(profile, bytes) else None)
        upright = picture if turn is None else picture.transpose(turn)
    tiny = _resized(upright, _fit(upright.size, THUMBNAIL_SIDE, _WEBP_LONGEST))
    preview.write_bytes(_encoded(_on_white(upright), "JPEG", kept_profile, subsampling=0))
    thumbnail.write_bytes(_encoded(tiny, "WEBP", kept_profile))
    width, height = full_size[::-1] if turn in _QUARTER_TURNS else full_size
    return Preview(width, height, _hash_of(tiny), tiny.mode == "RGBA")


@contextmanager
def _opened(file: BinaryIO) -> Iterator[Image.Image]:
    """The picture in the file, its header read and found to be within limits."""
    if not os.fstat(file.fileno()).st_size:
        raise UnsupportedMedia("The file is empty")
    formats = _FORMATS
    if _is_box_file(file):
        _check_boxes(file)
        _register_heif()
        formats = (*_FORMATS, _HEIF)
    with _damage_told():
        try:
            image = Image.open(file, formats=formats)
        except UnidentifiedImageError:
            raise UnsupportedMedia("The file is no picture of a format that can be read") from None
        with image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            yield image


@contextmanager
def _damage_told() -> Iterator[None]:
    try:
        yield
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise MediaError(f"The picture has more than {MAX_PIXELS // 1_000_000} megapixels") from None
    except _DAMAGE as error:
        # An error with a number comes from the operating system, not from the picture.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise MediaError(f"The picture is damaged: {error}") from error


def _decoded(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The pixels, no more of them than are needed for `size`, in a mode that can be resized."""
    # JPEG decodes at a half, a quarter or an eighth for a fraction of the work.
    image.draft(None, size)
    image.load()
    return _resized(_plain(image), size)


def _plain(image: Image.Image) -> Image.Image:
    """The same picture in a mode of 8 bits: L, RGB, RGBA, CMYK or LAB."""
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


def _in_rgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, bytes | None]:
    """The picture in RGB or RGBA, with the profile that its numbers are to be read by."""
    if image.mode in ("RGB", "RGBA"):
        return image, profile if profile and _space_of(profile) == b"RGB " else None
    if image.mode == "LAB":
        return _converted(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))), None
    if profile and _space_of(profile) == {"CMYK": b"CMYK", "L": b"GRAY"}[image.mode]:
        try:
            return _converted(image, ImageCms.ImageCmsProfile(BytesIO(profile))), None
        except (OSError, ImageCms.PyCMSError):
            pass  # a broken profile; the numbers alone are the next best
    return image.convert("RGB"), None


def _converted(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    if converted is None:
        raise ValueError("its colours cannot be converted")
    return converted


def _space_of(profile: bytes) -> bytes:
    """The colour space that an ICC profile's header names (ICC.1, 7.2.6)."""
    return profile[16:20]


def _turn_of(image: Image.Image) -> Image.Transpose | None:
    # After loading: asked before, a PNG would be decoded once for this alone.
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except _DAMAGE:
        return None  # broken EXIF beside a sound picture


def _fit(size: tuple[int, int], shorter: int, longest: int) -> tuple[int, int]:
    """The size whose shorter side is `shorter`, unless that enlarges or the longer side becomes too long."""
    scale = min(1.0, shorter / min(size), longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    if image.size == size:
        return image
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _on_white(image: Image.Image) -> Image.Image:
    """JPEG knows no transparency; a picture with some is mostly drawn for a page."""
    if image.mode != "RGBA":
        return image
    page = Image.new("RGB", image.size, "white")
    page.paste(image, mask=image.getchannel("A"))
    return page


def _encoded(image: Image.Image, format: str, profile: bytes | None, **options: int) -> bytes:
    # Without `info` no comment, EXIF or XMP of the source can slip into the result.
    bare = image.copy()
    bare.info = {}
    output = BytesIO()
    bare.save(output, format, quality=QUALITY, icc_profile=profile, **options)
    return output.getvalue()


def _hash_of(image: Image.Image) -> bytes:
    small = _resized(image, _fit(image.size, LARGEST, LARGEST))
    return thumbhash(np.asarray(small.convert("RGBA")))


@cache
def _register_heif() -> None:
    """Teaches Pillow HEIC; imported when the first such file comes, for its library is large."""
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)


def _is_box_file(file: BinaryIO) -> bool:
    head = file.read(8)
    file.seek(0)
    return head[4:] == b"ftyp"


def _check_boxes(file: BinaryIO) -> None:
    """Raises MediaError where a HEIC or AVIF ends early: libheif shows half a picture without a word.

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
            raise MediaError("The picture is damaged: the file ends too early")
        position += length
    file.seek(0)

