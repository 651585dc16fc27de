"""The long tail of formats, read by ImageMagick under our own policy (imagemagick/policy.xml)."""

import os
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from errors import MediaError, UnsupportedMedia
from media.images_pixels import Fit, Picture, turned, upright, without_idle_alpha

_POLICY = Path(__file__).parent / "imagemagick"


def read(file: BinaryIO, wanted: Fit) -> Picture:
    """The first picture in a file of a format that the policy allows.

    Raises UnsupportedMedia for any other, also where ImageMagick is not installed, MediaError where
    the picture is damaged or larger than the policy allows.
    """
    wand = _wand()
    if wand is None:
        raise UnsupportedMedia("The file is no picture of a format that can be read")
    refusals = (wand.exceptions.PolicyError, wand.exceptions.MissingDelegateError, wand.exceptions.BlobError)
    try:
        with wand.image.Image(file=file) as image:
            return _picture(wand, image, wanted)
    except refusals:
        raise UnsupportedMedia("The file is no picture of a format that can be read") from None
    except wand.exceptions.WandException as error:
        raise MediaError(f"The picture is damaged: {error}") from error


def _picture(wand: Any, image: Any, wanted: Fit) -> Picture:
    image.iterator_set(0)
    orientation = max(1, wand.image.ORIENTATION_TYPES.index(image.orientation))
    size = turned((image.width, image.height), orientation)
    profile = image.profiles["icc"] if image.colorspace == "srgb" else None
    image.transform_colorspace("srgb")
    lying = turned(wanted(size), orientation)
    if image.size != lying:
        image.resize(*lying, filter="lanczos")
    image.depth = 8
    pixels = Image.frombytes("RGBA", image.size, image.make_blob("RGBA"))
    return Picture(upright(without_idle_alpha(pixels), orientation), profile, size)


@cache
def _wand() -> Any:
    """Wand, bound to ImageMagick under our policy; None where it is not installed, or does not obey."""
    os.environ["MAGICK_CONFIGURE_PATH"] = str(_POLICY)
    try:
        import wand.exceptions  # type: ignore[import-untyped]
        import wand.image  # type: ignore[import-untyped]
    except ImportError:
        return None
    try:
        wand.image.Image(filename="xc:red").close()
    except wand.exceptions.PolicyError:
        return wand
    return None
