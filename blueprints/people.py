"""People in one's pictures: /api/people."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

from flask import Blueprint, Response
from pydantic import AfterValidator, BeforeValidator, Field

from blueprints.albums import id_result_json
from blueprints.delivery import deliver
from blueprints.http import Dto, body_of, credentials_of_request, current_system, no_content, query_of, require
from blueprints.shapes import person_json
from errors import BadRequest
from services import faces, people
from services.faces import FacesOf
from services.people import PersonChanges, PersonUpdate
from services.permissions import Permission

bp = Blueprint("people", __name__, url_prefix="/api/people")

# Far beyond any library, and within what every database takes as an offset.
MAX_PAGE = 10**9
# SQLite takes some tens of thousands of bound values at most.
MAX_IDS = 5000
# A face may change at any time while its address stays.
CACHE_AND_ASK = "private, no-cache, no-transform"
_COLOR = re.compile(r"#?([0-9A-Fa-f]{3}|[0-9A-Fa-f]{4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})")


def _born(day: date) -> date:
    # Somewhere it may be tomorrow already.
    if day > datetime.now(UTC).date():
        raise ValueError("Birth date cannot be in the future")
    return day


def _color(text: str) -> str:
    if not _COLOR.fullmatch(text):
        raise ValueError("Not a color in hex")
    return text


def _none_if_empty(value: Any) -> Any:
    return None if value == "" else value


BirthDate = Annotated[Annotated[date, AfterValidator(_born)] | None, BeforeValidator(_none_if_empty)]
Color = Annotated[Annotated[str, AfterValidator(_color)] | None, BeforeValidator(_none_if_empty)]


class PeopleQuery(Dto):
    page: int = Field(default=1, ge=1, le=MAX_PAGE)
    size: int = Field(default=500, ge=1, le=1000)
    with_hidden: bool = False


class PersonFields(Dto):
    name: str = ""
    birth_date: BirthDate = None
    is_hidden: bool = False
    is_favorite: bool = False
    color: Color = None

    def changes(self) -> PersonChanges:
        return PersonChanges(**{name: getattr(self, name) for name in PersonFields.model_fields
                                if name in self.model_fields_set})  # fmt: skip


class PersonUpdateFields(PersonFields):
    feature_face_asset_id: UUID | None = None

    def update(self, person_id: UUID) -> PersonUpdate:
        return PersonUpdate(person_id, self.changes(), self.feature_face_asset_id)


class PeopleUpdateItem(PersonUpdateFields):
    id: UUID


class PeopleUpdate(Dto):
    people: list[PeopleUpdateItem] = Field(max_length=MAX_IDS)


class PersonIds(Dto):
    ids: list[UUID] = Field(max_length=MAX_IDS)


class AssetFaceUpdateItem(Dto):
    person_id: UUID
    asset_id: UUID


class AssetFaceUpdate(Dto):
    data: list[AssetFaceUpdateItem] = Field(max_length=MAX_IDS)


@bp.get("")
def list_people() -> dict[str, Any]:
    who = require(Permission.PERSON_READ)
    query = query_of(PeopleQuery)
    found = people.list_people(
        current_system(), who, page=query.page, size=query.size, with_hidden=query.with_hidden
    )
    return {
        "people": [person_json(person) for person in found.people],
        "hasNextPage": found.has_more,
        "total": found.total,
        "hidden": found.hidden,
    }


@bp.post("")
def create_person() -> tuple[dict[str, Any], int]:
    who = require(Permission.PERSON_CREATE)
    return person_json(people.create_person(current_system(), who, body_of(PersonFields).changes())), 201


@bp.put("")
def update_people() -> list[dict[str, Any]]:
    who = require(Permission.PERSON_UPDATE)
    updates = [item.update(item.id) for item in body_of(PeopleUpdate).people]
    return [id_result_json(result) for result in people.update_people(current_system(), who, updates)]


@bp.delete("")
def delete_people() -> Response:
    who = require(Permission.PERSON_DELETE)
    people.delete_people(current_system(), who, body_of(PersonIds).ids)
    return no_content()


@bp.post("/merge")
def merge_people() -> list[dict[str, Any]]:
    who = require(Permission.PERSON_MERGE)
    ids = body_of(PersonIds).ids
    if len(ids) < 2:
        raise BadRequest("At least two people are required for merging")
    return [id_result_json(result) for result in people.merge_people(current_system(), who, ids[0], ids[1:])]


@bp.get("/<id:person_id>")
def show_person(person_id: UUID) -> dict[str, Any]:
    return person_json(people.person_of(current_system(), require(Permission.PERSON_READ), person_id))


@bp.put("/<id:person_id>")
def update_person(person_id: UUID) -> dict[str, Any]:
    who = require(Permission.PERSON_UPDATE)
    return person_json(people.update_person(current_system(), who, body_of(PersonUpdateFields).update(person_id)))


@bp.delete("/<id:person_id>")
def delete_person(person_id: UUID) -> Response:
    people.delete_people(current_system(), require(Permission.PERSON_DELETE), [person_id])
    return no_content()


@bp.post("/<id:person_id>/merge")
def merge_person(person_id: UUID) -> list[dict[str, Any]]:
    who = require(Permission.PERSON_MERGE)
    results = people.merge_people(current_system(), who, person_id, body_of(PersonIds).ids)
    return [id_result_json(result) for result in results]


@bp.put("/<id:person_id>/reassign")
def reassign_faces(person_id: UUID) -> list[dict[str, Any]]:
    """The person once for each item, as Immich answers."""
    who = require(Permission.PERSON_REASSIGN)
    which = [FacesOf(item.person_id, item.asset_id) for item in body_of(AssetFaceUpdate).data]
    person = faces.reassign_faces(current_system(), who, person_id, which)
    return [person_json(person)] * len(which)


@bp.get("/<id:person_id>/statistics")
def person_statistics(person_id: UUID) -> dict[str, int]:
    who = require(Permission.PERSON_STATISTICS)
    return {"assets": people.count_assets(current_system(), who, person_id)}


@bp.get("/<id:person_id>/thumbnail")
def view_person(person_id: UUID) -> Response:
    found = people.thumbnail_of(current_system(), credentials_of_request(), person_id)
    return deliver(found, cache_control=CACHE_AND_ASK)
