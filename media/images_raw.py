"""Camera RAW, read by LibRaw: the camera's own JPEG where it is large enough, else its sensor's data."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import rawpy
from PIL import ExifTags, Image

from errors import MediaError
from media import images_pillow
from media.images import MAX_PIXELS, PREVIEW_SIDE, Size
from media.images_headers import Family
from media.images_pixels import Fit, Picture, resized, turned, upright

# LibRaw's turns in EXIF's words.
_ORIENTATIONS = {0: 1, 3: 3, 5: 8, 6: 6}


def read(source: Path, wanted: Fit) -> Picture | None:
    """The picture in a RAW file; None where LibRaw knows no such camera.

    Raises MediaError where the file is too large, or neither its JPEG nor its data can be read.
    """
    try:
        raw = rawpy.imread(str(source))
    except (rawpy.LibRawFileUnsupportedError, rawpy.LibRawIOError):
        return None
    with raw, _damage_told():
        sizes = raw.sizes
        if sizes.raw_width * sizes.raw_height > MAX_PIXELS:
            raise MediaError(f"The picture has more than {MAX_PIXELS // 1_000_000} megapixels")
        orientation = _ORIENTATIONS.get(sizes.flip, 1)
        size = turned((sizes.width, sizes.height), orientation)
        embedded = _embedded(raw, size, orientation, wanted)
        if embedded is not None and min(embedded.image.size) >= _enough(wanted(size)):
            return embedded
        try:
            return _developed(raw, size, wanted)
        except rawpy.LibRawError as error:
            if embedded is None:
                raise
            return Picture(embedded.image, embedded.profile, size, f"The sensor's data cannot be read: {error}")


@contextmanager
def _damage_told() -> Iterator[None]:
    try:
        yield
    except rawpy.LibRawError as error:
        raise MediaError(f"The picture is damaged: {error}") from error


def _embedded(raw: rawpy.RawPy, size: Size, orientation: int, wanted: Fit) -> Picture | None:
    """The JPEG that the camera made, upright; None where there is none that can be read."""
    try:
        thumb = raw.extract_thumb()
    except rawpy.LibRawError:
        return None
    if thumb.format is not rawpy.ThumbFormat.JPEG or not isinstance(thumb.data, bytes):
        return None
    try:
        return _upright_jpeg(thumb.data, size, orientation, wanted)
    except MediaError:
        return None


def _enough(wanted: Size) -> float:
    """The shorter side that a camera's JPEG needs; of the full size it mostly lacks the sensor's rim."""
    return min(wanted) if min(wanted) <= PREVIEW_SIDE else max(PREVIEW_SIDE, 0.9 * min(wanted))


def _upright_jpeg(data: bytes, size: Size, raw_orientation: int, wanted: Fit) -> Picture:
    """The JPEG turned as its own EXIF says; where that says nothing, as the RAW says, unless it is turned already."""
    with Image.open(BytesIO(data), formats=("JPEG",)) as image:
        exif = image.getexif()
        stands = _is_quarter(raw_orientation) and (image.height > image.width) == (size[1] > size[0])
    # LibRaw gives EXIF with the RAW's orientation to a JPEG that has none.
    is_inserted = str(exif.get(ExifTags.Base.Software, "")).startswith("dcraw")
    if is_inserted:
        data = _without_first_segment(data)
    turn = 1 if stands or (ExifTags.Base.Orientation in exif and not is_inserted) else raw_orientation
    picture = images_pillow.read(BytesIO(data), Family.JPEG, lambda lying: turned(wanted(turned(lying, turn)), turn))
    return Picture(upright(picture.image, turn), picture.profile, size, picture.damage)


def _without_first_segment(jpeg: bytes) -> bytes:
    return jpeg[:2] + jpeg[4 + int.from_bytes(jpeg[4:6], "big") :]


def _is_quarter(orientation: int) -> bool:
    return turned((1, 2), orientation) == (2, 1)


def _developed(raw: rawpy.RawPy, size: Size, wanted: Fit) -> Picture:
    """The sensor's data in sRGB, by the camera's white balance; at half the size where that is enough."""
    small = wanted(size)
    is_half = min(small) <= min(size) // 2
    pixels = raw.postprocess(use_camera_wb=True, half_size=is_half, output_bps=8)
    return Picture(resized(Image.fromarray(pixels), small), None, size)
