"""Signed-in devices: /api/sessions."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response

from blueprints.http import current_system, iso, no_content, require
from models.users import UserSession
from services import sessions
from services.permissions import Permission

bp = Blueprint("sessions", __name__, url_prefix="/api/sessions")


@bp.get("")
def list_sessions() -> list[dict[str, Any]]:
    who = require(Permission.SESSION_READ)
    return [session_json(one, who.session_id) for one in sessions.sessions_of(current_system(), who.user_id)]


@bp.delete("")
def end_other_sessions() -> Response:
    sessions.end_other_sessions(current_system(), require(Permission.SESSION_DELETE))
    return no_content()


@bp.delete("/<id:session_id>")
def end_session(session_id: UUID) -> Response:
    sessions.end_session(current_system(), require(Permission.SESSION_DELETE), session_id)
    return no_content()


def session_json(session: UserSession, current_id: UUID | None) -> dict[str, Any]:
    """SessionResponseDto; the session that asks is the current one."""
    shape = {
        "id": str(session.id),
        "createdAt": iso(session.created_at),
        "updatedAt": iso(session.updated_at),
        "current": session.id == current_id,
        "deviceType": session.device_type,
        "deviceOS": session.device_os,
        "appVersion": session.app_version,
        "isPendingSyncReset": False,
    }
    if session.expires_at is not None:
        shape["expiresAt"] = iso(session.expires_at)
    return shape
