"""Reading a picture file of any format: by its content, whatever its name."""

from pathlib import Path
from typing import BinaryIO

from errors import UnsupportedMedia
from media import images_headers, images_pillow
from media.images_headers import Family
from media.images_pixels import Fit, Picture


def read(source: Path, wanted: Fit) -> Picture:
    """The picture in a file, in no more pixels than are wanted of its size as shown.

    Raises UnsupportedMedia for what is no picture of a known format, MediaError for one that is too
    large or of which nothing can be read.
    """
    with source.open("rb") as file:
        head = file.read(images_headers.HEAD)
        if not head:
            raise UnsupportedMedia("The file is empty")
        family = images_headers.family_of(head)
        if family is Family.SVG:
            return _svg(source, wanted)
        file.seek(0)
        is_raw = family is Family.RAW or (family is Family.TIFF and images_headers.may_be_raw(file))
        if is_raw and (picture := _raw(source, wanted)) is not None:
            return picture
        try:
            return images_pillow.read(file, family, wanted)
        except UnsupportedMedia:
            file.seek(0)
            return _magick(file, wanted)


# The libraries behind these are loaded when the first such picture comes.


def _svg(source: Path, wanted: Fit) -> Picture:
    from media import images_svg

    return images_svg.read(source, wanted)


def _raw(source: Path, wanted: Fit) -> Picture | None:
    from media import images_raw

    return images_raw.read(source, wanted)


def _magick(file: BinaryIO, wanted: Fit) -> Picture:
    from media import images_magick

    return images_magick.read(file, wanted)
