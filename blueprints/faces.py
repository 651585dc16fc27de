"""Faces in one's pictures: /api/faces."""

from typing import Annotated, Any
from uuid import UUID

from flask import Blueprint, Response
from pydantic import Field

from blueprints.http import Dto, body_of, current_system, no_content, query_of, require
from blueprints.shapes import face_json, person_json
from services import faces
from services.faces import NewFace
from services.permissions import Permission

bp = Blueprint("faces", __name__, url_prefix="/api/faces")

# Pixels; beyond any picture, and within what every database keeps.
_FURTHEST = 10**6
Coordinate = Annotated[int, Field(ge=-_FURTHEST, le=_FURTHEST)]
Length = Annotated[int, Field(ge=1, le=_FURTHEST)]


class FacesQuery(Dto):
    id: UUID


class AssetFaceCreate(Dto):
    asset_id: UUID
    person_id: UUID
    image_width: Length
    image_height: Length
    x: Coordinate
    y: Coordinate
    width: Length
    height: Length


class FaceId(Dto):
    id: UUID


class AssetFaceDelete(Dto):
    force: bool


@bp.get("")
def list_faces() -> list[dict[str, Any]]:
    who = require(Permission.FACE_READ)
    return [face_json(seen) for seen in faces.faces_in(current_system(), who, query_of(FacesQuery).id)]


@bp.post("")
def create_face() -> Response:
    who = require(Permission.FACE_CREATE)
    faces.create_face(current_system(), who, NewFace(**body_of(AssetFaceCreate).model_dump()))
    return Response(status=201)


@bp.put("/<id:person_id>")
def reassign_face(person_id: UUID) -> dict[str, Any]:
    """The address names the person, the body the face (Immich's way)."""
    who = require(Permission.FACE_UPDATE)
    return person_json(faces.reassign_face(current_system(), who, body_of(FaceId).id, person_id))


@bp.delete("/<id:face_id>")
def delete_face(face_id: UUID) -> Response:
    who = require(Permission.FACE_DELETE)
    faces.delete_face(current_system(), who, face_id, force=body_of(AssetFaceDelete).force)
    return no_content()
