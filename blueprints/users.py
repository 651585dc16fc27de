"""Oneself and the other users: /api/users."""

from typing import Any
from uuid import UUID

from flask import Blueprint

from blueprints.fields import Email
from blueprints.http import Dto, body_of, current_system, require
from blueprints.shapes import user_admin_json, user_json
from services import users
from services.permissions import Permission
from services.users import AvatarColor, UserChanges

bp = Blueprint("users", __name__, url_prefix="/api/users")


class MyUpdate(Dto):
    email: Email = ""
    name: str = ""
    password: str = ""
    avatar_color: AvatarColor | None = None


@bp.get("")
def list_users() -> list[dict[str, Any]]:
    require(Permission.USER_READ)
    return [user_json(user) for user in users.all_users(current_system())]


@bp.get("/<id:user_id>")
def show_user(user_id: UUID) -> dict[str, Any]:
    require(Permission.USER_READ)
    return user_json(users.user_of(current_system(), user_id))


@bp.get("/me")
def show_me() -> dict[str, Any]:
    who = require(Permission.USER_READ)
    return user_admin_json(users.user_of(current_system(), who.user_id))


@bp.put("/me")
def update_me() -> dict[str, Any]:
    who = require(Permission.USER_UPDATE)
    given = body_of(MyUpdate).model_dump(exclude_unset=True)
    if "password" in given:
        # A new password opens everything, so a key that may do less cannot set one.
        who.demand(Permission.ALL)
        given["should_change_password"] = False
    return user_admin_json(users.update_user(current_system(), who, who.user_id, UserChanges(**given)))
