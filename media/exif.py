"""Metadata of a media file, read by exiftool and reduced to values that a database takes."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from media import dates, motion, zones
from media.dates import TakenAt, WallClock
from media.exiftool import exiftool
from media.motion import MotionClue

Tags = Mapping[str, Any]

# Immich's order: the first that holds a valid date is the moment the picture was taken.
_DATES = (
    "SubSecDateTimeOriginal", "SubSecCreateDate", "SubSecMediaCreateDate", "DateTimeOriginal", "CreationDate",
    "CreateDate", "MediaCreateDate", "DateTimeCreated", "GPSDateTime", "DateTimeUTC", "SonyDateTime2",
    "SourceImageCreateTime",
)
# In UTC by their nature, whatever zone the picture was taken in; in videos so are the container's own dates.
_UTC_DATES = frozenset(("GPSDateTime", "DateTimeUTC"))
_UTC_DATES_OF_VIDEOS = _UTC_DATES | {"CreateDate", "MediaCreateDate", "SubSecCreateDate", "SubSecMediaCreateDate"}
_OFFSETS = ("OffsetTimeOriginal", "OffsetTime", "OffsetTimeDigitized", "TimeZone")
_MAKES = ("Make", "DeviceManufacturer", "AndroidMake")
_MODELS = ("Model", "DeviceModelName", "AndroidModel")
_LENSES = ("LensID", "LensType", "LensSpec", "LensModel")
_DESCRIPTIONS = ("ImageDescription", "Description")
_POSITION = ("GPSLatitude", "GPSLongitude")
_OTHERS = ("ExposureTime", "ProjectionType")
# Asked for as numbers; the rest as exiftool prints it for people (`1/4000`, a lens's name).
_NUMBERS = ("FNumber", "FocalLength", "ISO", "Rating")
# About the pixels of one file; a sidecar's say nothing about them.
_PIXELS = ("ImageSize", "ImageWidth", "ImageHeight", "Orientation", "Rotation", "MIMEType")

_SIDECAR_TAGS = (
    *_DATES, *_OFFSETS, *_MAKES, *_MODELS, *_LENSES, *_DESCRIPTIONS, *_OTHERS,
    *(f"{name}#" for name in (*_POSITION, *_NUMBERS)),
)
# What the two halves of a live photo have in common, by Apple's names for it, new and old.
_PAIRS = ("ContentIdentifier", "MediaGroupUUID")
_TAGS = (*_SIDECAR_TAGS, *(f"{name}#" for name in _PIXELS), *_PAIRS, *motion.TAGS)
# Where a sidecar has one of a group, the file's own of that group count no more.
_GROUPS = (_MAKES, _MODELS, _LENSES, _DESCRIPTIONS, _POSITION)

_INT4 = 2**31 - 1
_NAME_LENGTH = 1_000
LONGEST_DESCRIPTION = 100_000
# A sidecar's position has so many decimals, give or take: a tenth of a millimetre.
_DEGREE_DECIMALS = 9


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file tells about itself; anything absent, absurd or unreadable is None.

    `exif_image_*` are the pixels as stored, `width` and `height` as shown after orientation.
    `focal_length` is in millimetres, `exposure_time` in seconds (`1/4000`), `rating` in stars, -1 for rejected.
    `live_photo_cid` is the same in both halves of a live photo; `motion` says that a video is inside.
    """

    file_size: int
    make: str | None
    model: str | None
    lens_model: str | None
    exif_image_width: int | None
    exif_image_height: int | None
    width: int | None
    height: int | None
    orientation: str | None
    taken_at: TakenAt | None
    f_number: float | None
    focal_length: float | None
    iso: int | None
    exposure_time: str | None
    latitude: float | None
    longitude: float | None
    description: str
    projection_type: str | None
    rating: int | None
    live_photo_cid: str | None
    motion: MotionClue | None


def read_metadata(path: Path, sidecar: Path | None = None) -> Metadata:
    """The metadata of a file; what its `.xmp` sidecar says wins.

    A file without metadata, or broken, gives a Metadata that knows little. Raises ToolFailed and
    ToolTimeout.
    """
    tags = exiftool.read(path, _TAGS)
    if sidecar is not None:
        tags = _merged(tags, exiftool.read(sidecar, _SIDECAR_TAGS))
    width, height = _stored_size(tags)
    swapped = _is_quarter_turned(tags)
    latitude, longitude = _position(tags)
    return Metadata(
        file_size=path.stat().st_size,
        make=_first_text(tags, _MAKES),
        model=_first_text(tags, _MODELS),
        lens_model=_lens(tags),
        exif_image_width=width,
        exif_image_height=height,
        width=height if swapped else width,
        height=width if swapped else height,
        orientation=_orientation(tags),
        taken_at=_taken_at(tags),
        f_number=_positive(tags, "FNumber"),
        focal_length=_positive(tags, "FocalLength"),
        iso=_whole(tags, "ISO", 1, _INT4),
        exposure_time=_text(tags.get("ExposureTime")),
        latitude=latitude,
        longitude=longitude,
        description=_description(tags),
        projection_type=(_text(tags.get("ProjectionType")) or "").upper() or None,
        rating=_whole(tags, "Rating", -1, 5) or None,
        live_photo_cid=_first_text(tags, _PAIRS),
        motion=motion.clue_in(tags),
    )


def _merged(tags: Tags, sidecar: Tags) -> Tags:
    hidden = {name for group in _GROUPS if not sidecar.keys().isdisjoint(group) for name in group}
    if next(_clocks(sidecar), None) is not None:
        hidden |= {*_DATES, *_OFFSETS}
    return {name: value for name, value in tags.items() if name not in hidden} | dict(sidecar)


def _clocks(tags: Tags) -> Iterator[tuple[str, WallClock]]:
    """The valid dates, the best one first."""
    for name in _DATES:
        clock = dates.read_date(_text(tags.get(name)) or "")
        if clock is not None:
            yield name, clock


def _taken_at(tags: Tags) -> TakenAt | None:
    name, clock = next(_clocks(tags), (None, None))
    if name is None or clock is None:
        return None
    # What the panorama software notes as its zone is the zone of the computer.
    offset = None if name == "SourceImageCreateTime" else _offset(tags)
    if name in (_UTC_DATES_OF_VIDEOS if _is_video(tags) else _UTC_DATES) and not clock.offset:
        return _utc(tags, clock.shown, offset)
    offset = offset if clock.offset is None else clock.offset
    if offset is not None:
        return dates.at_offset(clock.shown - offset, offset)
    zone = _zone(tags)
    return dates.unzoned(clock.shown) if zone is None else dates.shown_in_zone(clock.shown, zone)


def _utc(tags: Tags, moment: datetime, offset: timedelta | None) -> TakenAt:
    if offset is not None:
        return dates.at_offset(moment, offset)
    zone = _zone(tags)
    return dates.at_offset(moment, timedelta(0)) if zone is None else dates.in_zone(moment, zone)


def _offset(tags: Tags) -> timedelta | None:
    offsets = (dates.read_offset(_text(tags.get(name))) for name in _OFFSETS)
    return next((offset for offset in offsets if offset is not None), None)


def _zone(tags: Tags) -> ZoneInfo | None:
    """The zone of the place, asked only where no offset is known."""
    latitude, longitude = _position(tags)
    return None if latitude is None or longitude is None else zones.zone_at(latitude, longitude)


def _is_video(tags: Tags) -> bool:
    return str(tags.get("MIMEType", "")).startswith("video/")


def _stored_size(tags: Tags) -> tuple[int | None, int | None]:
    # `ImageSize` first: in some RAW files width and height are those of the embedded preview.
    sizes = str(tags.get("ImageSize", "")).split()
    if len(sizes) != 2:
        sizes = [str(tags.get("ImageWidth")), str(tags.get("ImageHeight"))]
    width, height = (int(size) if re.fullmatch(r"[1-9]\d{0,8}", size) else None for size in sizes)
    return (width, height) if width and height else (None, None)


def _is_quarter_turned(tags: Tags) -> bool:
    # HEIF keeps its rotation outside EXIF, and decoders obey that one alone.
    if tags.get("MIMEType") in ("image/heic", "image/heif", "image/avif"):
        return _number(tags.get("Rotation")) in (90, 270)
    return _number(tags.get("Orientation")) in (5, 6, 7, 8)


def _orientation(tags: Tags) -> str | None:
    orientation = _whole(tags, "Orientation", 1, 8)
    return None if orientation is None else str(orientation)


def _position(tags: Tags) -> tuple[float | None, float | None]:
    latitude, longitude = (_number(tags.get(name)) for name in _POSITION)
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None, None
    # 0, 0 is what devices write that do not know where they are.
    if not latitude and not longitude:
        return None, None
    return round(latitude, _DEGREE_DECIMALS), round(longitude, _DEGREE_DECIMALS)


def _lens(tags: Tags) -> str | None:
    name = _first_text(tags, _LENSES)
    if name is None or name == "----" or name.startswith("Unknown"):
        return None
    # exiftool names every lens that the number may stand for.
    return name.partition(" or ")[0]


def _description(tags: Tags) -> str:
    texts = (_text(tags.get(name), LONGEST_DESCRIPTION) for name in _DESCRIPTIONS)
    return next((text for text in texts if text), "")


def _first_text(tags: Tags, names: Iterable[str]) -> str | None:
    return next((text for name in names if (text := _text(tags.get(name)))), None)


def _text(value: object, longest: int = _NAME_LENGTH) -> str | None:
    """The value as text that PostgreSQL takes: no NUL, no half of a surrogate pair."""
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, str | int | float):
        return None
    text = str(value).replace("\0", "").encode("utf-8", "ignore").decode().strip()
    return text if 0 < len(text) <= longest else None


def _number(value: object) -> float | None:
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def _positive(tags: Tags, name: str) -> float | None:
    number = _number(tags.get(name))
    return number if number is not None and 0 < number < 1e6 else None


def _whole(tags: Tags, name: str, low: int, high: int) -> int | None:
    number = _number(tags.get(name))
    return round(number) if number is not None and low <= number <= high else None

