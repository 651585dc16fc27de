"""Dates and zones: what EXIF and people write, as moments and as clocks on the wall."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from media import dates
from media.dates import TakenAt, WallClock

NOON = datetime(2024, 1, 12, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(("text", "offset"), [
    ("2024:01:12 12:00:00", None),
    ("2024-01-12T12:00", None),
    ("2024:01:12 12:00:00.000Z", timedelta(0)),
    ("2024:01:12 12:00:00+05:30", timedelta(hours=5, minutes=30)),
    ("2024:01:12 12:00:00-0800", timedelta(hours=-8)),
    ("2024:01:12 12:00:00+23:00", None),
])
def test_a_date_is_a_clock_and_perhaps_an_offset(text: str, offset: timedelta | None) -> None:
    assert dates.read_date(text) == WallClock(NOON, offset)


@pytest.mark.parametrize("text", ["", "0000:00:00 00:00:00", "0999:01:01", "9999:01:01", "2024:02:30", "noon"])
def test_what_no_clock_shows_is_no_date(text: str) -> None:
    assert dates.read_date(text) is None


@pytest.mark.parametrize(("name", "hours"), [("UTC+5:30", 5.5), ("UTC-8", -8), ("UTC", 0), ("UTC+0", 0),
                                             ("Europe/Berlin", 1), ("America/Denver", -7)])
def test_a_zone_is_known_by_its_offset_or_its_place(name: str, hours: float) -> None:
    zone = dates.zone_named(name)
    assert zone is not None
    assert NOON.astimezone(zone).utcoffset() == timedelta(hours=hours)


@pytest.mark.parametrize("name", ["", "UTC+15", "Europe", "../zone", "/etc/passwd", "Europe/Nowhere", "a\0b"])
def test_what_nobody_knows_is_no_zone(name: str) -> None:
    assert dates.zone_named(name) is None


def test_the_name_of_an_offset_is_read_again_as_the_same_zone() -> None:
    for minutes in range(-12 * 60, 14 * 60 + 1, 15):
        taken = dates.at_offset(NOON, timedelta(minutes=minutes))
        assert taken.zone is not None
        zone = dates.zone_named(taken.zone)
        assert zone is not None
        assert dates.fixed(NOON, zone) == taken


def test_a_place_has_the_offset_of_the_day() -> None:
    assert dates.fixed(NOON, BERLIN) == TakenAt(NOON, NOON + timedelta(hours=1), "UTC+1")
    summer = NOON.replace(month=7)
    assert dates.in_zone(summer, BERLIN) == TakenAt(summer, summer + timedelta(hours=2), "Europe/Berlin")
    assert dates.shown_in_zone(summer, BERLIN) == TakenAt(summer - timedelta(hours=2), summer, "Europe/Berlin")
