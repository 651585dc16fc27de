"""The server's own figures are the same on every database."""

from models.assets import AssetType
from services import preferences, server
from services.server import Usage
from services.system import System
from tests.systems import Person, add_asset, on_every_database

pytestmark = on_every_database


def test_usage_is_counted_by_user(system: System, admin: Person) -> None:
    add_asset(system, admin, size=2**40)
    add_asset(system, admin, size=5, type=AssetType.VIDEO)
    (usage,) = server.usage_by_user(system)
    assert usage.usage == Usage(photos=1, videos=1, photo_bytes=2**40, video_bytes=5)


def test_preferences_are_kept(system: System, admin: Person) -> None:
    preferences.update_preferences(system, admin.id, {"ratings": {"enabled": True}})
    assert preferences.preferences_of(system, admin.id)["ratings"] == {"enabled": True}
