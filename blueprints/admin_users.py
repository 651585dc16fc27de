"""Users as administrators manage them: /api/admin/users."""

from typing import Annotated, Any
from uuid import UUID

from flask import Blueprint
from pydantic import BeforeValidator, Field

from blueprints.fields import ByteCount, Email
from blueprints.http import Dto, body_of, current_system, query_of, require_admin
from blueprints.sessions import session_json
from blueprints.shapes import user_admin_json
from services import sessions, users
from services.permissions import Permission
from services.users import AvatarColor, UserChanges

bp = Blueprint("admin_users", __name__, url_prefix="/api/admin/users")

# A folder's name in the library; an empty one is none, as in Immich.
StorageLabel = Annotated[
    Annotated[str, Field(pattern=r"^[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]{0,99}$")] | None,
    BeforeValidator(lambda value: None if value == "" else value),
]


class UserCreation(Dto):
    email: Email
    password: str
    name: str
    is_admin: bool = False
    should_change_password: bool = True
    avatar_color: AvatarColor | None = None
    storage_label: StorageLabel = None
    quota_size_in_bytes: ByteCount | None = None


class UserUpdate(Dto):
    email: Email = ""
    password: str = ""
    name: str = ""
    is_admin: bool = False
    should_change_password: bool = False
    avatar_color: AvatarColor | None = None
    storage_label: StorageLabel = None
    quota_size_in_bytes: ByteCount | None = None


class UserSearch(Dto):
    with_deleted: bool = False
    id: UUID | None = None


@bp.get("")
def list_users() -> list[dict[str, Any]]:
    require_admin(Permission.ADMIN_USER_READ)
    query = query_of(UserSearch)
    found = users.all_users(current_system(), with_deleted=query.with_deleted)
    return [user_admin_json(user) for user in found if query.id in (None, user.id)]


@bp.post("")
def create_user() -> tuple[dict[str, Any], int]:
    require_admin(Permission.ADMIN_USER_CREATE)
    given = body_of(UserCreation).model_dump(exclude_unset=True)
    return user_admin_json(users.create_user(current_system(), given.pop("email"), UserChanges(**given))), 201


@bp.get("/<id:user_id>")
def show_user(user_id: UUID) -> dict[str, Any]:
    require_admin(Permission.ADMIN_USER_READ)
    return user_admin_json(users.user_of(current_system(), user_id, with_deleted=True))


@bp.put("/<id:user_id>")
def update_user(user_id: UUID) -> dict[str, Any]:
    who = require_admin(Permission.ADMIN_USER_UPDATE)
    changes = UserChanges(**body_of(UserUpdate).model_dump(exclude_unset=True))
    return user_admin_json(users.update_user(current_system(), who, user_id, changes))


@bp.delete("/<id:user_id>")
def delete_user(user_id: UUID) -> dict[str, Any]:
    who = require_admin(Permission.ADMIN_USER_DELETE)
    return user_admin_json(users.delete_user(current_system(), who, user_id))


@bp.post("/<id:user_id>/restore")
def restore_user(user_id: UUID) -> dict[str, Any]:
    require_admin(Permission.ADMIN_USER_DELETE)
    return user_admin_json(users.restore_user(current_system(), user_id))


@bp.get("/<id:user_id>/sessions")
def list_sessions(user_id: UUID) -> list[dict[str, Any]]:
    who = require_admin(Permission.ADMIN_SESSION_READ)
    return [session_json(one, who.session_id) for one in sessions.sessions_of(current_system(), user_id)]
