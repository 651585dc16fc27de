"""When a picture was taken: the moment, the clock on the wall, and the zone that the clock was set to."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

# As EXIF and XMP write it: `2022:03:31 11:31:56.18+02:00`, or with hyphens and a T.
_DATE = re.compile(
    r"(\d{4})[:-](\d\d)[:-](\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?\s*(Z|[+-]\d\d?:?\d\d)?"
)
_OFFSET = re.compile(r"([+-])(\d\d?):?(\d\d)")
_OFFSET_NAME = re.compile(r"UTC(?:([+-])(\d\d?)(?::(\d\d))?)?")
# A zone's offset lies between these on Earth; a camera's may be nonsense.
_WEST, _EAST = timedelta(hours=-12), timedelta(hours=14)
# Room on both sides for a zone, and no year that a camera or a person could mean is outside.
FIRST_YEAR, LAST_YEAR = 1000, 9998


@dataclass(frozen=True, slots=True)
class WallClock:
    """What a clock showed, as if it were UTC, and how far it was ahead of UTC where that is known."""

    shown: datetime
    offset: timedelta | None


@dataclass(frozen=True, slots=True)
class TakenAt:
    """When a picture was taken: the moment, what the clock on the wall showed (as if it were UTC), the zone."""

    moment: datetime
    local: datetime
    # `UTC+5:30` or `Europe/Berlin` as Immich writes it; None where nothing tells, and the clock counts as UTC.
    zone: str | None


def read_date(text: str) -> WallClock | None:
    """The date at the beginning of a text of EXIF or XMP; None where there is none, or an impossible one."""
    match = _DATE.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction = (match[index] or "0" for index in range(1, 8))
    if not FIRST_YEAR <= int(year) <= LAST_YEAR:
        return None
    try:
        shown = datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second),
            int(fraction.ljust(3, "0")[:3]) * 1000, UTC,
        )  # fmt: skip
    except ValueError:
        return None
    return WallClock(shown, read_offset(match[8]))


def read_offset(text: str | None) -> timedelta | None:
    """How far `+05:30` or `Z` is ahead of UTC; None for anything else."""
    if text == "Z":
        return timedelta(0)
    match = _OFFSET.fullmatch(text or "")
    if match is None:
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    offset = -offset if match[1] == "-" else offset
    return offset if is_offset(offset) else None


def is_offset(offset: timedelta) -> bool:
    """Whether clocks somewhere on Earth are so far ahead of UTC."""
    return _WEST <= offset <= _EAST


def zone_named(name: str) -> tzinfo | None:
    """The zone that `UTC+5:30` or `Europe/Berlin` names; None where nobody knows it."""
    match = _OFFSET_NAME.fullmatch(name)
    if match is not None:
        offset = timedelta(hours=int(match[2] or 0), minutes=int(match[3] or 0))
        offset = -offset if match[1] == "-" else offset
        return timezone(offset) if is_offset(offset) else None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # No such file, none that may be asked for, or a folder of zones.
        return None


def unzoned(shown: datetime) -> TakenAt:
    """A clock of which nothing tells the zone."""
    return TakenAt(shown, shown, None)


def at_offset(moment: datetime, offset: timedelta) -> TakenAt:
    """A moment as a clock shows it that is so far ahead of UTC."""
    minutes = round(offset / timedelta(minutes=1))
    return TakenAt(moment, moment + timedelta(minutes=minutes), _offset_name(minutes))


def fixed(moment: datetime, zone: tzinfo) -> TakenAt:
    """A moment as clocks of a zone show it; the zone is named by the offset that it had then.

    Only an offset can be written beside a date, so only such a name is the same when it is read again.
    """
    return at_offset(moment, moment.astimezone(zone).utcoffset() or timedelta(0))


def in_zone(moment: datetime, zone: ZoneInfo) -> TakenAt:
    """A moment as clocks of a place show it, under the place's name."""
    return TakenAt(moment, moment.astimezone(zone).replace(tzinfo=UTC), zone.key)


def shown_in_zone(shown: datetime, zone: ZoneInfo) -> TakenAt:
    """What a clock of a place showed; of an hour that comes twice it is the first."""
    return TakenAt(shown.replace(tzinfo=zone).astimezone(UTC), shown, zone.key)


def _offset_name(minutes: int) -> str:
    sign = "-" if minutes < 0 else "+"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{sign}{hours}" + (f":{rest:02}" if rest else "")
