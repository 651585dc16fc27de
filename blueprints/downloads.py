"""Downloads of many assets as zip archives, by Immich's routes."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request
from pydantic import Field

from blueprints.delivery import deliver_archive
from blueprints.http import Dto, body_of, current_system, require
from services import archives, downloads
from services.downloads import Wanted
from services.permissions import Permission

bp = Blueprint("downloads", __name__, url_prefix="/api/download")

DEFAULT_NAME = "photos"


class DownloadInfo(Dto):
    asset_ids: list[UUID] | None = None
    album_id: UUID | None = None
    user_id: UUID | None = None
    archive_size: int | None = Field(default=None, ge=1, lt=2**53)


class DownloadArchive(Dto):
    asset_ids: list[UUID]
    archive_name: str | None = Field(default=None, max_length=255)
    # Edits are not kept as files of their own; the original is what there is.
    edited: bool = False


@bp.post("/info")
def download_info() -> tuple[dict[str, Any], int]:
    who = require(Permission.ASSET_DOWNLOAD)
    body = body_of(DownloadInfo)
    wanted = Wanted(body.asset_ids, body.album_id, body.user_id)
    parts = downloads.parts_of(current_system(), who, wanted, body.archive_size)
    listed = [{"size": part.size, "assetIds": part.asset_ids} for part in parts]
    return {"totalSize": sum(part.size for part in parts), "archives": listed}, 201


@bp.post("/archive")
def download_archive() -> Response:
    who = require(Permission.ASSET_DOWNLOAD)
    body = body_of(DownloadArchive)
    archive = archives.archive_of(current_system(), who.user_id, body.asset_ids, is_begun="Range" in request.headers)
    return deliver_archive(archive, f"{body.archive_name or DEFAULT_NAME}.zip", "application/octet-stream")
