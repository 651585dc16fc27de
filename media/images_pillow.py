"""Pictures that Pillow reads: by its own decoders, by libheif and by libjxl."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import BinaryIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PsdImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from errors import MediaError, UnsupportedMedia
from media import images_headers
from media.images import MAX_PIXELS, Size
from media.images_headers import Family
from media.images_pixels import Fit, Picture, in_rgb, plain, resized, turned, upright

# Content decides, never the name. Left out are formats that start other programs (EPS), and those
# that nobody's camera writes.
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
        PsdImagePlugin.PsdImageFile,
        Jpeg2KImagePlugin.Jpeg2KImageFile,
    )
)

# What Pillow's decoders are seen to raise for broken files, each for its own kind of damage.
_DAMAGE = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, AttributeError, AssertionError,
    OverflowError, ZeroDivisionError, RuntimeError, NotImplementedError, struct.error, zlib.error,
)  # fmt: skip

# The header alone decides about size: above this Pillow warns, and the warning is an error.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
# What else Pillow warns of is small damage in other people's files: nothing that an admin could mend.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
# One worker per core: threads inside the decoder would only stand in each other's way.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


class _Damaged(MediaError):
    """A file that breaks off or does not make sense; some of it may be read all the same."""


def read(file: BinaryIO, family: Family, wanted: Fit) -> Picture:
    """The picture in a file, in no more pixels than are wanted; its damage is told where not all could be read.

    Raises UnsupportedMedia where Pillow knows no such format, MediaError where nothing can be read.
    """
    damage = _silent_damage(file, family)
    try:
        return _read(file, family, wanted, damage)
    except _Damaged as error:
        # Once more, and this time what is missing stays grey.
        file.seek(0)
        with _forgiving():
            return _read(file, family, wanted, damage or str(error))


def _silent_damage(file: BinaryIO, family: Family) -> str | None:
    """Damage that decoders pass over without a word."""
    if family is Family.HEIF:
        return images_headers.damage_of_boxes(file)
    return images_headers.damage_of_jpeg(file) if family is Family.JPEG else None


@contextmanager
def _forgiving() -> Iterator[None]:
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def _read(file: BinaryIO, family: Family, wanted: Fit, damage: str | None) -> Picture:
    with _opened(file, family) as image:
        if family is Family.JPEG:
            orientation = _orientation_of(image)
            shown = turned(image.size, orientation)
            # JPEG decodes at a half, a quarter or an eighth for a fraction of the work.
            image.draft(None, turned(wanted(shown), orientation))
            image.load()
        else:
            # Asked before, a PNG would be decoded once for its orientation alone; and Pillow turns a TIFF as it loads.
            image.load()
            orientation = _orientation_of(image)
            shown = turned(image.size, orientation)
        small = resized(plain(image), turned(wanted(shown), orientation))
        profile = image.info.get("icc_profile")
        picture, kept = in_rgb(small, profile if isinstance(profile, bytes) else None)
        return Picture(upright(picture, orientation), kept, shown, damage)


@contextmanager
def _opened(file: BinaryIO, family: Family) -> Iterator[Image.Image]:
    """The picture in the file, its header read and found to be within limits."""
    if family is Family.JXL:
        _check_size(images_headers.size_of_jxl(file))
    with _damage_told():
        try:
            image = Image.open(file, formats=_formats_of(family))
        except UnidentifiedImageError:
            raise UnsupportedMedia("The file is no picture of a format that can be read") from None
        with image:
            _check_size(image.size)
            yield image


def _formats_of(family: Family) -> tuple[str, ...]:
    if family is Family.HEIF:
        _register_heif()
        return (AvifImagePlugin.AvifImageFile.format, "HEIF")
    if family is Family.JXL:
        _register_jxl()
        return ("JXL",)
    return _FORMATS


def _check_size(size: Size) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise MediaError(f"The picture has more than {MAX_PIXELS // 1_000_000} megapixels")


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
        raise _Damaged(f"The picture is damaged: {error}") from error


def _orientation_of(image: Image.Image) -> int:
    # libjxl has turned the pixels already, but for a JPEG that it gave back as it was.
    if image.format == "JXL" and not getattr(image, "jpeg", False):
        return 1
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except _DAMAGE:
        return 1  # broken EXIF beside a sound picture


@cache
def _register_heif() -> None:
    """Teaches Pillow HEIC; imported when the first such file comes, for its library is large."""
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)


@cache
def _register_jxl() -> None:
    from pillow_jxl import JpegXLImagePlugin

    JpegXLImagePlugin.DECODE_THREADS = 0
