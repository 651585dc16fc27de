"""Sidecars: XMP files beside an original that say what its owner changed about it."""

from dataclasses import dataclass
from pathlib import Path

from errors import UnsupportedMedia
from media.dates import TakenAt, zone_named
from media.exiftool import exiftool


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarValues:
    """What a sidecar is to say; None leaves what it says.

    `position` is latitude and longitude in degrees, `rating` stars, 0 for none, -1 for rejected.
    """

    taken_at: TakenAt | None = None
    position: tuple[float, float] | None = None
    rating: int | None = None
    description: str | None = None


def write_sidecar(output: Path, values: SidecarValues, base: Path | None = None) -> None:
    """Makes a sidecar that says what `base` says, and these values; `base` is not changed.

    Raises UnsupportedMedia where `base` is no XMP, so that nothing in it is lost; ToolFailed and ToolTimeout.
    """
    if base is not None and exiftool.read(base, ["FileType"]).get("FileType") != "XMP":
        raise UnsupportedMedia("The sidecar is no XMP file, so nothing can be written into it")
    exiftool.write(output, _tags(values), base)


def _tags(values: SidecarValues) -> dict[str, str]:
    """The values as Immich writes them."""
    tags: dict[str, str] = {}
    if values.taken_at is not None:
        tags["XMP-exif:DateTimeOriginal"] = _date(values.taken_at)
    if values.position is not None:
        latitude, longitude = values.position
        # As numbers; exiftool makes degrees and minutes of them.
        tags |= {"XMP-exif:GPSLatitude#": f"{latitude:.10f}", "XMP-exif:GPSLongitude#": f"{longitude:.10f}"}
    if values.rating is not None:
        tags["XMP-xmp:Rating"] = str(values.rating)
    if values.description is not None:
        tags |= {"XMP-dc:Description": values.description, "XMP-tiff:ImageDescription": values.description}
    return tags


def _date(taken: TakenAt) -> str:
    zone = None if taken.zone is None else zone_named(taken.zone)
    if zone is None:
        return _wall_clock(taken.local.isoformat(" ", "milliseconds")[:23])
    return _wall_clock(taken.moment.astimezone(zone).isoformat(" ", "milliseconds"))


def _wall_clock(text: str) -> str:
    """`2024-01-12 21:38:53` with a camera's colons."""
    return text.replace("-", ":", 2)
