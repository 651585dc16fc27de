"""API keys: /api/api-keys."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response
from pydantic import Field

from blueprints.http import Dto, body_of, current_system, iso, no_content, require, signed_in
from models.users import ApiKey
from services import api_keys
from services.api_keys import NewKey
from services.permissions import Permission

bp = Blueprint("api_keys", __name__, url_prefix="/api/api-keys")


class KeyCreation(Dto):
    name: str = "API Key"
    permissions: list[Permission] = Field(min_length=1)


class KeyUpdate(Dto):
    name: str | None = None
    permissions: list[Permission] | None = Field(default=None, min_length=1)


@bp.post("")
def create_key() -> tuple[dict[str, Any], int]:
    who = require(Permission.API_KEY_CREATE)
    body = body_of(KeyCreation)
    return new_key_json(api_keys.create_key(current_system(), who, body.name, body.permissions)), 201


@bp.get("")
def list_keys() -> list[dict[str, Any]]:
    return [key_json(key) for key in api_keys.keys_of(current_system(), require(Permission.API_KEY_READ))]


@bp.get("/me")
def asking_key() -> dict[str, Any]:
    return key_json(api_keys.asking_key(current_system(), signed_in()))


@bp.get("/<id:key_id>")
def show_key(key_id: UUID) -> dict[str, Any]:
    return key_json(api_keys.key_of(current_system(), require(Permission.API_KEY_READ), key_id))


@bp.put("/<id:key_id>")
def update_key(key_id: UUID) -> dict[str, Any]:
    who = require(Permission.API_KEY_UPDATE)
    body = body_of(KeyUpdate)
    return key_json(api_keys.update_key(current_system(), who, key_id, body.name, body.permissions))


@bp.post("/<id:key_id>/rotate")
def rotate_key(key_id: UUID) -> tuple[dict[str, Any], int]:
    who = require(Permission.API_KEY_ROTATE)
    return new_key_json(api_keys.rotate_key(current_system(), who, key_id)), 201


@bp.delete("/<id:key_id>")
def delete_key(key_id: UUID) -> Response:
    api_keys.delete_key(current_system(), require(Permission.API_KEY_DELETE), key_id)
    return no_content()


def key_json(key: ApiKey) -> dict[str, Any]:
    """ApiKeyResponseDto."""
    return {
        "id": str(key.id),
        "name": key.name,
        "createdAt": iso(key.created_at),
        "updatedAt": iso(key.updated_at),
        "permissions": key.permissions,
    }


def new_key_json(new: NewKey) -> dict[str, Any]:
    """ApiKeyCreateResponseDto: flat as in 3.2, and nested as in clients before it."""
    shape = key_json(new.key)
    return {**shape, "secret": new.secret, "apiKey": shape}
