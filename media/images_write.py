"""Writing what is derived from a picture: preview, thumbnail and thumbhash."""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from media.images import PREVIEW_SIDE, QUALITY, THUMBNAIL_SIDE, Preview, Size
from media.images_pixels import fit, on_white, resized
from media.images_read import read
from media.thumbhash import LARGEST, thumbhash

# What the encoders can write, in pixels a side.
_JPEG_LONGEST = 65_500
_WEBP_LONGEST = 16_383
# Half the time of the default for 3 % more bytes, at the same likeness.
_WEBP_METHOD = 2
_LONGEST_SENTENCE = 500


def write_previews(source: Path, preview: Path, thumbnail: Path, fullsize: Path | None) -> Preview:
    """See `images.make_previews`."""
    picture = read(source, _preview_size if fullsize is None else _full_size)
    if fullsize is not None:
        fullsize.write_bytes(jpeg(picture.image, picture.profile))
    shown = resized(picture.image, _preview_size(picture.image.size))
    tiny = resized(shown, _thumbnail_size(shown.size))
    preview.write_bytes(jpeg(shown, picture.profile))
    thumbnail.write_bytes(webp(tiny, picture.profile))
    width, height = picture.size
    damage = None if picture.damage is None else _sentence(picture.damage)
    return Preview(width, height, _hash_of(tiny), tiny.mode == "RGBA", damage)


def jpeg(image: Image.Image, profile: bytes | None) -> bytes:
    """A JPEG of an RGB or RGBA picture, on white, each pixel with a colour of its own (4:4:4, as Immich)."""
    return _encoded(on_white(image), "JPEG", profile, subsampling=0)


def webp(image: Image.Image, profile: bytes | None) -> bytes:
    """A WebP of an RGB or RGBA picture."""
    return _encoded(image, "WEBP", profile, method=_WEBP_METHOD)


def _full_size(size: Size) -> Size:
    return fit(size, min(size), _JPEG_LONGEST)


def _preview_size(size: Size) -> Size:
    return fit(size, PREVIEW_SIDE, _JPEG_LONGEST)


def _thumbnail_size(size: Size) -> Size:
    return fit(size, THUMBNAIL_SIDE, _WEBP_LONGEST)


def _encoded(image: Image.Image, format: str, profile: bytes | None, **options: int) -> bytes:
    # Without `info` no comment, EXIF or XMP of the source can slip into the result.
    image.info = {}
    output = BytesIO()
    image.save(output, format, quality=QUALITY, icc_profile=profile, **options)
    return output.getvalue()


def _hash_of(image: Image.Image) -> bytes:
    small = resized(image, fit(image.size, LARGEST, LARGEST))
    return thumbhash(np.asarray(small.convert("RGBA")))


def _sentence(words: str) -> str:
    """The words as text that every database takes: not long, no NUL, no lone surrogates."""
    return words[:_LONGEST_SENTENCE].replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
