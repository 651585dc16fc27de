"""The trash: empty it, or take assets out of it."""

from uuid import UUID

from flask import Blueprint, Response, jsonify

from blueprints.http import Dto, body_of, current_system, require
from services import trash
from services.permissions import Permission

bp = Blueprint("trash", __name__, url_prefix="/api/trash")


class BulkIds(Dto):
    ids: list[UUID]


@bp.post("/empty")
def empty_trash() -> Response:
    who = require(Permission.ASSET_DELETE)
    return jsonify(count=trash.empty(current_system(), who))


@bp.post("/restore")
def restore_trash() -> Response:
    who = require(Permission.ASSET_DELETE)
    return jsonify(count=trash.restore_all(current_system(), who))


@bp.post("/restore/assets")
def restore_assets() -> Response:
    who = require(Permission.ASSET_DELETE)
    return jsonify(count=trash.restore_assets(current_system(), who, body_of(BulkIds).ids))
