"""Zones of places on land and at sea."""

import pytest

from media import zones


@pytest.mark.parametrize(("latitude", "longitude", "name"), [
    (39.0, -108.0, "America/Denver"), (52.5, 13.4, "Europe/Berlin"), (-33.9, 151.2, "Australia/Sydney"),
    (0.0, -150.0, "Etc/GMT+10"),
])
def test_a_place_has_a_zone(latitude: float, longitude: float, name: str) -> None:
    zone = zones.zone_at(latitude, longitude)
    assert zone is not None
    assert zone.key == name


@pytest.mark.parametrize(("latitude", "longitude"), [(90.0, 180.0), (-90.0, -180.0), (90.0, 0.0), (0.0, 180.0)])
def test_the_ends_of_the_earth_break_nothing(latitude: float, longitude: float) -> None:
    zones.zone_at(latitude, longitude)
