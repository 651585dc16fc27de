"""Lists that clients ask for at start and that this server has nothing for: it keeps no such things."""

from typing import Any

from flask import Blueprint

from blueprints.http import require
from services.permissions import Permission

bp = Blueprint("empty_lists", __name__, url_prefix="/api")


@bp.get("/tags")
def tags() -> list[Any]:
    require(Permission.TAG_READ)
    return []


@bp.get("/memories")
def memories() -> list[Any]:
    require(Permission.MEMORY_READ)
    return []


@bp.get("/notifications")
def notifications() -> list[Any]:
    require(Permission.NOTIFICATION_READ)
    return []


@bp.get("/partners")
def partners() -> list[Any]:
    require(Permission.PARTNER_READ)
    return []


@bp.get("/stacks")
def stacks() -> list[Any]:
    require(Permission.STACK_READ)
    return []
