"""The time zone of a place on Earth."""

from zoneinfo import ZoneInfo

from media import workshop
from media.dates import zone_named


def zone_at(latitude: float, longitude: float) -> ZoneInfo | None:
    """The zone whose clocks are used there; at sea the nautical one (`Etc/GMT+3`)."""
    zone = zone_named(workshop.run(name_at, latitude, longitude))
    return zone if isinstance(zone, ZoneInfo) else None


def name_at(latitude: float, longitude: float) -> str:
    """The name in the time zone database of the zone of a place, asked in the workshop."""
    # The borders of all zones take 34 MB, which nobody but a child that soon ends should hold.
    from tzfpy import get_tz

    return get_tz(longitude, latitude)
