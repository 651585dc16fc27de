"""A user's preferences: /api/users/me/preferences."""

from typing import Annotated, Any

from flask import Blueprint
from pydantic import Field

from blueprints.http import Dto, body_of, current_system, require
from models.albums import AssetOrder
from services import preferences
from services.permissions import Permission

bp = Blueprint("preferences", __name__, url_prefix="/api/users/me/preferences")

Count = Annotated[int, Field(ge=1, le=2**53 - 1)]


class Sidebar(Dto):
    enabled: bool = False
    sidebar_web: bool = False


class Enabled(Dto):
    enabled: bool = False


class Albums(Dto):
    default_asset_order: AssetOrder = AssetOrder.DESC


class Memories(Sidebar):
    duration: Count = 5


class People(Sidebar):
    minimum_faces: Count = 3


class EmailNotifications(Enabled):
    album_invite: bool = True
    album_update: bool = True


class Download(Dto):
    archive_size: Count = 1
    include_embedded_videos: bool = False


class Purchase(Dto):
    show_support_badge: bool = True
    hide_buy_button_until: str = ""


class Cast(Dto):
    g_cast_enabled: bool = Field(default=False, alias="gCastEnabled")


class RecentlyAdded(Dto):
    sidebar_web: bool = False


class PreferencesUpdate(Dto):
    albums: Albums = Albums()
    folders: Sidebar = Sidebar()
    memories: Memories = Memories()
    people: People = People()
    shared_links: Sidebar = Sidebar()
    ratings: Enabled = Enabled()
    tags: Sidebar = Sidebar()
    email_notifications: EmailNotifications = EmailNotifications()
    download: Download = Download()
    purchase: Purchase = Purchase()
    cast: Cast = Cast()
    recently_added: RecentlyAdded = RecentlyAdded()


@bp.get("")
def show_preferences() -> dict[str, Any]:
    return preferences.preferences_of(current_system(), require(Permission.USER_PREFERENCE_READ).user_id)


@bp.put("")
def update_preferences() -> dict[str, Any]:
    who = require(Permission.USER_PREFERENCE_UPDATE)
    changes = body_of(PreferencesUpdate).model_dump(mode="json", by_alias=True, exclude_unset=True)
    return preferences.update_preferences(current_system(), who.user_id, changes)
