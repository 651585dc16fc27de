"""Albums: /api/albums."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response
from pydantic import Field

from blueprints.http import Dto, InvalidUuid, body_of, current_system, iso, no_content, query_of, require
from blueprints.shapes import user_json
from models.albums import AlbumRole, AssetOrder
from services import album_assets, album_users, albums
from services.album_assets import IdResult
from services.album_users import Guest
from services.albums import AlbumChanges, AlbumFilter, AlbumView
from services.auth import Auth
from services.permissions import Permission

bp = Blueprint("albums", __name__, url_prefix="/api/albums")


class AlbumQuery(Dto):
    id: UUID | None = None
    name: str | None = None
    is_owned: bool | None = None
    is_shared: bool | None = None
    # What clients before version 3 ask.
    shared: bool | None = None
    asset_id: UUID | None = None


class GuestEntry(Dto):
    user_id: UUID
    role: AlbumRole = AlbumRole.EDITOR


class AlbumCreation(Dto):
    album_name: str
    description: str | None = None
    asset_ids: list[UUID] = []
    album_users: list[GuestEntry] = []


class AlbumUpdate(Dto):
    album_name: str = ""
    description: str | None = None
    is_activity_enabled: bool = True
    order: AssetOrder = AssetOrder.DESC
    album_thumbnail_asset_id: UUID | None = None


class Ids(Dto):
    ids: list[UUID]


class Sharing(Dto):
    album_users: list[GuestEntry] = Field(min_length=1)


class RoleChange(Dto):
    role: AlbumRole


@bp.get("")
def list_albums() -> list[dict[str, Any]]:
    who = require(Permission.ALBUM_READ)
    query = query_of(AlbumQuery)
    is_shared = query.shared if query.is_shared is None else query.is_shared
    wanted = AlbumFilter(query.id, query.name, query.is_owned, is_shared, query.asset_id)
    return [album_json(view) for view in albums.albums_of(current_system(), who, wanted)]


@bp.post("")
def create_album() -> tuple[dict[str, Any], int]:
    who = require(Permission.ALBUM_CREATE)
    body = body_of(AlbumCreation)
    view = album_assets.create_album(
        current_system(), who, body.album_name, body.description or "", body.asset_ids, _guests(body.album_users)
    )
    return album_json(view), 201


@bp.get("/statistics")
def statistics() -> dict[str, Any]:
    counts = albums.count_albums(current_system(), require(Permission.ALBUM_STATISTICS))
    return {"owned": counts.owned, "shared": counts.shared, "notShared": counts.not_shared}


@bp.get("/<id:album_id>")
def show_album(album_id: UUID) -> dict[str, Any]:
    return album_json(albums.album_of(current_system(), require(Permission.ALBUM_READ), album_id))


@bp.patch("/<id:album_id>")
def update_album(album_id: UUID) -> dict[str, Any]:
    who = require(Permission.ALBUM_UPDATE)
    given = body_of(AlbumUpdate).model_dump(exclude_unset=True)
    if "description" in given:
        given["description"] = given["description"] or ""
    if given.get("album_thumbnail_asset_id", "") is None:
        del given["album_thumbnail_asset_id"]
    return album_json(albums.update_album(current_system(), who, album_id, AlbumChanges(**given)))


@bp.delete("/<id:album_id>")
def delete_album(album_id: UUID) -> Response:
    albums.delete_album(current_system(), require(Permission.ALBUM_DELETE), album_id)
    return no_content()


@bp.put("/<id:album_id>/assets")
def add_assets(album_id: UUID) -> list[dict[str, Any]]:
    who = require(Permission.ALBUM_ASSET_CREATE)
    results = album_assets.add_assets(current_system(), who, album_id, body_of(Ids).ids)
    return [id_result_json(result) for result in results]


@bp.delete("/<id:album_id>/assets")
def remove_assets(album_id: UUID) -> list[dict[str, Any]]:
    who = require(Permission.ALBUM_ASSET_DELETE)
    results = album_assets.remove_assets(current_system(), who, album_id, body_of(Ids).ids)
    return [id_result_json(result) for result in results]


@bp.put("/<id:album_id>/users")
def share_album(album_id: UUID) -> dict[str, Any]:
    who = require(Permission.ALBUM_USER_CREATE)
    guests = _guests(body_of(Sharing).album_users)
    return album_json(album_users.share_album(current_system(), who, album_id, guests))


@bp.put("/<id:album_id>/user/<user>")
def change_role(album_id: UUID, user: str) -> Response:
    who = require(Permission.ALBUM_USER_UPDATE)
    album_users.change_role(current_system(), who, album_id, _user_id(user, who), body_of(RoleChange).role)
    return no_content()


@bp.delete("/<id:album_id>/user/<user>")
def remove_guest(album_id: UUID, user: str) -> Response:
    who = require(Permission.ALBUM_USER_DELETE)
    album_users.remove_guest(current_system(), who, album_id, _user_id(user, who))
    return no_content()


def album_json(view: AlbumView) -> dict[str, Any]:
    """AlbumResponseDto; an empty album has no dates."""
    album, contents = view.album, view.contents
    shape: dict[str, Any] = {
        "albumName": album.album_name,
        "description": album.description,
        "albumThumbnailAssetId": None if view.cover_id is None else str(view.cover_id),
        "createdAt": iso(album.created_at),
        "updatedAt": iso(album.updated_at),
        "id": str(album.id),
        "albumUsers": [{"user": user_json(member.user), "role": member.role} for member in view.members],
        "shared": len(view.members) > 1,
        "hasSharedLink": False,
    }
    if contents is not None:
        shape["startDate"], shape["endDate"] = _day(contents.first_date), _day(contents.last_date)
        shape["lastModifiedAssetTimestamp"] = iso(contents.last_modified)
    return {
        **shape,
        "assetCount": 0 if contents is None else contents.count,
        "isActivityEnabled": album.is_activity_enabled,
        "order": album.order,
    }


def id_result_json(result: IdResult) -> dict[str, Any]:
    """BulkIdResponseDto."""
    shape: dict[str, Any] = {"id": str(result.id), "success": result.refusal is None}
    return shape if result.refusal is None else {**shape, "error": result.refusal}


def _day(moment: datetime) -> str:
    """Local dates have no time zone, so Immich gives an album's days as their midnights."""
    return iso(moment.replace(hour=0, minute=0, second=0, microsecond=0))


def _guests(entries: list[GuestEntry]) -> list[Guest]:
    return [Guest(entry.user_id, entry.role) for entry in entries]


def _user_id(text: str, who: Auth) -> UUID:
    if text == "me":
        return who.user_id
    try:
        return UUID(text)
    except ValueError:
        raise InvalidUuid from None
