"""A user's preferences, which clients keep here; only what differs from the defaults is stored."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any
from uuid import UUID

from models.users import UserMetadata
from services.locks import take_turns
from services.system import System

# One group of preferences by name: its fields by name.
Preferences = dict[str, dict[str, Any]]

KEY = "preferences"
DEFAULTS: Preferences = {
    "albums": {"defaultAssetOrder": "desc"},
    "folders": {"enabled": False, "sidebarWeb": False},
    "memories": {"enabled": True, "duration": 5, "sidebarWeb": False},
    # The last one is of Immich 3.3; clients made for that do not do without.
    "people": {"enabled": True, "sidebarWeb": False, "minimumFaces": 3, "updateStrategy": "self"},
    "sharedLinks": {"enabled": True, "sidebarWeb": False},
    "ratings": {"enabled": False},
    "tags": {"enabled": False, "sidebarWeb": False},
    "emailNotifications": {"enabled": True, "albumInvite": True, "albumUpdate": True},
    "download": {"archiveSize": 4 * 1024**3, "includeEmbeddedVideos": False},
    "purchase": {"showSupportBadge": True, "hideBuyButtonUntil": "2022-02-12T00:00:00.000Z"},
    "cast": {"gCastEnabled": False},
    "recentlyAdded": {"sidebarWeb": False},
}


def preferences_of(system: System, user_id: UUID) -> Preferences:
    """All preferences of the user, the defaults where nothing else was chosen."""
    with system.database.read() as session:
        row = session.get(UserMetadata, (user_id, KEY))
    return _merged(DEFAULTS, row.value if row else {})


def update_preferences(system: System, user_id: UUID, changes: Mapping[str, Mapping[str, Any]]) -> Preferences:
    """The preferences with the fields changed that `changes` names, group by group."""
    with system.transaction() as session:
        take_turns(session, f"preferences {user_id}")
        row = session.get(UserMetadata, (user_id, KEY)) or UserMetadata(user_id=user_id, key=KEY, value={})
        row.value = _merged(row.value, changes)
        session.add(row)
    return _merged(DEFAULTS, row.value)


def _merged(base: Preferences, changes: Mapping[str, Mapping[str, Any]]) -> Preferences:
    merged = deepcopy(base)
    for group, fields in changes.items():
        merged.setdefault(group, {}).update(fields)
    return merged
