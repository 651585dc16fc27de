"""Search: a user's assets by what is known about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVarTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute

from errors import Unauthorized
from models.albums import AlbumAsset, AssetOrder
from models.assets import Asset, AssetExif, AssetFile, AssetFileType, AssetStatus, AssetType, AssetVisibility
from services import features
from services.auth import Auth
from services.system import System

_Columns = TypeVarTuple("_Columns")


class SearchDate(StrEnum):
    """The dates that a search can bound."""

    TAKEN = "taken"
    CREATED = "created"
    UPDATED = "updated"
    TRASHED = "trashed"


class SearchText(StrEnum):
    """What is searched for a piece of text, in whatever case."""

    ORIGINAL_FILE_NAME = "originalFileName"
    ORIGINAL_PATH = "originalPath"
    DESCRIPTION = "description"


class SearchFact(StrEnum):
    """What must be exactly as asked; None asks for assets of which it is not known."""

    MAKE = "make"
    MODEL = "model"
    LENS_MODEL = "lensModel"
    CITY = "city"
    STATE = "state"
    COUNTRY = "country"
    RATING = "rating"
    LIBRARY_ID = "libraryId"


class SearchOrderField(StrEnum):
    FILE_CREATED_AT = "fileCreatedAt"
    LOCAL_DATE_TIME = "localDateTime"
    FILE_SIZE_IN_BYTES = "fileSizeInBytes"
    RATING = "rating"


@dataclass(frozen=True, slots=True)
class Span:
    """Both ends belong to it; None is open."""

    after: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFilter:
    """All that is asked must hold; None is no opinion.

    `files` maps a kind of derived file to its stored path; `album_ids` asks for assets that
    are in every one of the albums, `person_ids` for those that show every one of the people.
    """

    asset_id: UUID | None = None
    checksum: bytes | None = None
    type: AssetType | None = None
    visibility: AssetVisibility = AssetVisibility.TIMELINE
    is_favorite: bool | None = None
    is_offline: bool | None = None
    is_encoded: bool | None = None
    is_motion: bool | None = None
    is_not_in_album: bool | None = None
    album_ids: frozenset[UUID] = frozenset()
    person_ids: frozenset[UUID] = frozenset()
    with_deleted: bool = False
    dates: Mapping[SearchDate, Span] = field(default_factory=dict)
    texts: Mapping[SearchText, str] = field(default_factory=dict)
    facts: Mapping[SearchFact, str | int | UUID | None] = field(default_factory=dict)
    files: Mapping[AssetFileType, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Which slice of the results, and in which order; `number` counts from 1."""

    number: int
    size: int
    field: SearchOrderField = SearchOrderField.FILE_CREATED_AT
    direction: AssetOrder = AssetOrder.DESC


@dataclass(frozen=True, slots=True)
class FoundAsset:
    asset: Asset
    exif: AssetExif | None


@dataclass(frozen=True, slots=True)
class SearchResult:
    items: Sequence[FoundAsset]
    has_more: bool


_DATES: Mapping[SearchDate, InstrumentedAttribute[Any]] = {
    SearchDate.TAKEN: Asset.file_created_at,
    SearchDate.CREATED: Asset.created_at,
    SearchDate.UPDATED: Asset.updated_at,
    SearchDate.TRASHED: Asset.deleted_at,
}
_TEXTS: Mapping[SearchText, InstrumentedAttribute[str]] = {
    SearchText.ORIGINAL_FILE_NAME: Asset.original_file_name,
    SearchText.ORIGINAL_PATH: Asset.original_path,
    SearchText.DESCRIPTION: AssetExif.description,
}
_FACTS: Mapping[SearchFact, InstrumentedAttribute[Any]] = {
    SearchFact.MAKE: AssetExif.make,
    SearchFact.MODEL: AssetExif.model,
    SearchFact.LENS_MODEL: AssetExif.lens_model,
    SearchFact.CITY: AssetExif.city,
    SearchFact.STATE: AssetExif.state,
    SearchFact.COUNTRY: AssetExif.country,
    SearchFact.RATING: AssetExif.rating,
    SearchFact.LIBRARY_ID: Asset.library_id,
}
_ORDERS: Mapping[SearchOrderField, InstrumentedAttribute[Any]] = {
    SearchOrderField.FILE_CREATED_AT: Asset.file_created_at,
    SearchOrderField.LOCAL_DATE_TIME: Asset.local_date_time,
    SearchOrderField.FILE_SIZE_IN_BYTES: AssetExif.file_size_in_byte,
    SearchOrderField.RATING: AssetExif.rating,
}


def find(system: System, auth: Auth, wanted: SearchFilter, page: SearchPage) -> SearchResult:
    """One page of the assets that match. Raises Unauthorized (Immich's) for the locked folder."""
    column = _ORDERS[page.field]
    query = _matching(select(Asset, AssetExif), auth, wanted)
    if column.expression.nullable:
        # What is not known goes last, on both databases and in both directions.
        query = query.order_by(column.is_(None))
    if page.direction is AssetOrder.ASC:
        query = query.order_by(column.asc(), Asset.id.asc())
    else:
        query = query.order_by(column.desc(), Asset.id.desc())
    query = query.offset((page.number - 1) * page.size).limit(page.size + 1)
    with system.database.read() as session:
        items = [FoundAsset(*row) for row in session.execute(query)]
    return SearchResult(items[: page.size], has_more=len(items) > page.size)


def find_random(system: System, auth: Auth, wanted: SearchFilter, size: int) -> list[FoundAsset]:
    """Some of the assets that match, different ones each time."""
    query = _matching(select(Asset, AssetExif), auth, wanted).order_by(func.random()).limit(size)
    with system.database.read() as session:
        return [FoundAsset(*row) for row in session.execute(query)]


def count(system: System, auth: Auth, wanted: SearchFilter) -> int:
    """How many assets match."""
    query = _matching(select(func.count(Asset.id)), auth, wanted)
    with system.database.read() as session:
        return session.scalar(query) or 0


def _matching(query: Select[*_Columns], auth: Auth, wanted: SearchFilter) -> Select[*_Columns]:
    if wanted.visibility is AssetVisibility.LOCKED:
        # Immich opens the locked folder to sessions that gave their PIN code; nobody can give one here.
        raise Unauthorized("Elevated permission is required")
    query = query.select_from(Asset).outerjoin(AssetExif, AssetExif.asset_id == Asset.id)
    query = query.where(Asset.owner_id == auth.user_id, Asset.visibility == wanted.visibility)
    # What is on its way out for good is found by nobody.
    stays = [AssetStatus.ACTIVE]
    if wanted.with_deleted or SearchDate.TRASHED in wanted.dates:
        stays.append(AssetStatus.TRASHED)
    query = query.where(Asset.status.in_(stays))
    return query.where(*_equalities(wanted), *_bounds(wanted), *_memberships(wanted))


def _equalities(wanted: SearchFilter) -> list[ColumnElement[bool]]:
    asked: list[tuple[InstrumentedAttribute[Any], object]] = [
        (Asset.id, wanted.asset_id),
        (Asset.checksum, wanted.checksum),
        (Asset.type, wanted.type),
        (Asset.is_favorite, wanted.is_favorite),
        (Asset.is_offline, wanted.is_offline),
    ]
    found = [column == value for column, value in asked if value is not None]
    found += [_FACTS[fact].is_(None) if value is None else _FACTS[fact] == value
              for fact, value in wanted.facts.items()]  # fmt: skip
    # autoescape: % and _ in what somebody types are letters like any other.
    found += [_TEXTS[one].icontains(text, autoescape=True) for one, text in wanted.texts.items()]
    return found


def _bounds(wanted: SearchFilter) -> list[ColumnElement[bool]]:
    after = [_DATES[date] >= span.after for date, span in wanted.dates.items() if span.after is not None]
    before = [_DATES[date] <= span.before for date, span in wanted.dates.items() if span.before is not None]
    return after + before


def _memberships(wanted: SearchFilter) -> list[ColumnElement[bool]]:
    in_any_album = exists().where(AlbumAsset.asset_id == Asset.id)
    found: list[ColumnElement[bool]] = [
        in_any_album.where(AlbumAsset.album_id == album_id) for album_id in sorted(wanted.album_ids)
    ]
    found += [features.shows(person_id) for person_id in sorted(wanted.person_ids)]
    if wanted.is_not_in_album is not None:
        found.append(~in_any_album if wanted.is_not_in_album else in_any_album)
    if wanted.is_motion is not None:
        is_motion = Asset.live_photo_video_id.is_not(None)
        found.append(is_motion if wanted.is_motion else ~is_motion)
    if wanted.is_encoded is not None:
        is_encoded = _has_file(AssetFileType.ENCODED_VIDEO)
        found.append(is_encoded if wanted.is_encoded else ~is_encoded)
    return found + [_has_file(kind).where(AssetFile.path == path) for kind, path in wanted.files.items()]


def _has_file(kind: AssetFileType) -> Any:
    return exists().where(AssetFile.asset_id == Asset.id, AssetFile.type == kind)
