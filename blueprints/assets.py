"""Assets: details, counts, originals, thumbnails, deletion."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, jsonify, request

from blueprints.delivery import deliver
from blueprints.disposition import Disposition
from blueprints.http import Dto, body_of, credentials_of_request, current_system, no_content, query_of, require
from blueprints.shapes import asset_json
from models.assets import AssetVisibility
from services import assets, people, trash
from services.assets import Elsewhere, ThumbnailSize
from services.auth import Auth
from services.permissions import Permission

bp = Blueprint("assets", __name__, url_prefix="/api/assets")


class StatisticsQuery(Dto):
    is_favorite: bool | None = None
    is_trashed: bool | None = None
    visibility: AssetVisibility | None = None


class ThumbnailQuery(Dto):
    size: ThumbnailSize = ThumbnailSize.THUMBNAIL


class OriginalQuery(Dto):
    # Ours, for the pages: a link to be saved, which browsers would show otherwise.
    download: bool = False


class AssetBulkDelete(Dto):
    ids: list[UUID]
    force: bool = False


@bp.get("/statistics")
def asset_statistics() -> Response:
    who = require(Permission.ASSET_STATISTICS)
    query = query_of(StatisticsQuery)
    counts = assets.statistics(
        current_system(),
        who,
        is_favorite=query.is_favorite,
        is_trashed=query.is_trashed,
        visibility=query.visibility,
    )
    return jsonify(images=counts.images, videos=counts.videos, total=counts.images + counts.videos)


@bp.get("/<id:asset_id>")
def asset_info(asset_id: UUID) -> dict[str, Any]:
    return details_json(require(Permission.ASSET_READ), asset_id)


def details_json(who: Auth, asset_id: UUID) -> dict[str, Any]:
    """AssetResponseDto with all that the user may see. Raises BadRequest where that is nothing."""
    found = assets.details_of(current_system(), who, asset_id)
    shown = people.people_in(current_system(), who, [asset_id]).get(asset_id, ())
    shape = asset_json(
        found.asset, exif=found.exif, has_metadata=found.exif is not None, owner=found.owner, people=shown
    )
    # What somebody likes best is their own affair (Immich's way).
    return shape if found.owner.id == who.user_id else {**shape, "isFavorite": False}


@bp.get("/<id:asset_id>/original")
def download_original(asset_id: UUID) -> Response:
    disposition: Disposition = "attachment" if query_of(OriginalQuery).download else "inline"
    found = assets.original_of(current_system(), credentials_of_request(), asset_id)
    return deliver(found, disposition=disposition)


@bp.get("/<id:asset_id>/thumbnail")
def view_thumbnail(asset_id: UUID) -> Response:
    size = query_of(ThumbnailQuery).size
    found = assets.thumbnail_of(current_system(), credentials_of_request(), asset_id, size)
    if isinstance(found, Elsewhere):
        return _redirect(found)
    return deliver(found)


@bp.get("/<id:asset_id>/video/playback")
def play_video(asset_id: UUID) -> Response:
    return deliver(assets.playback_of(current_system(), credentials_of_request(), asset_id))


@bp.delete("")
def delete_assets() -> Response:
    who = require(Permission.ASSET_DELETE)
    body = body_of(AssetBulkDelete)
    trash.delete_assets(current_system(), who, body.ids, force=body.force)
    return no_content()


def _redirect(found: Elsewhere) -> Response:
    """A relative Location, as Immich sends it: it also holds behind a proxy that adds a path."""
    query = [(name, value) for name, value in request.args.items(multi=True) if name != "size"]
    address = "original"
    if found.size is not ThumbnailSize.ORIGINAL:
        address, query = "thumbnail", [*query, ("size", found.size)]
    response = Response(status=302)
    response.autocorrect_location_header = False
    response.headers["Location"] = f"{address}?{urlencode(query)}" if query else address
    return response
