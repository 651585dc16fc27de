"""Search by metadata, at random, and by number alone: /api/search."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from flask import Blueprint, Response, jsonify
from pydantic import AfterValidator, Field

from blueprints.http import Dto, body_of, current_system, require
from blueprints.shapes import asset_json
from blueprints.upload import Moment, checksum_of
from errors import BadRequest, ValidationFailed
from models.albums import AssetOrder
from models.assets import AssetFileType, AssetType, AssetVisibility
from services import people, search
from services.auth import Auth
from services.permissions import Permission
from services.search import (
    FoundAsset,
    SearchDate,
    SearchFact,
    SearchFilter,
    SearchOrderField,
    SearchPage,
    SearchText,
    Span,
)

bp = Blueprint("search", __name__, url_prefix="/api/search")

# Far beyond any library, and within what every database takes as an offset.
MAX_PAGE = 10**9
DEFAULT_SIZE = 250
# Immich's bound for the pages of clients before 3.
MAX_SIZE = 1000


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds a NUL")
    return text


Text = Annotated[str, AfterValidator(_without_nul)]


class FilterDto(Dto):
    """What every kind of search can ask."""

    album_ids: list[UUID] = Field(default=[], max_length=100)
    city: Text | None = None
    country: Text | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None
    description: Text | None = None
    filter: dict[str, Any] | None = None
    is_encoded: bool | None = None
    is_favorite: bool | None = None
    is_motion: bool | None = None
    is_not_in_album: bool | None = None
    is_offline: bool | None = None
    lens_model: Text | None = None
    library_id: UUID | None = None
    make: Text | None = None
    model: Text | None = None
    ocr: str | None = None
    person_ids: list[UUID] = Field(default=[], max_length=100)
    rating: Annotated[int, Field(ge=-1, le=5)] | None = None
    state: Text | None = None
    tag_ids: list[UUID] | None = None
    taken_after: Moment | None = None
    taken_before: Moment | None = None
    trashed_after: Moment | None = None
    trashed_before: Moment | None = None
    type: AssetType | None = None
    updated_after: Moment | None = None
    updated_before: Moment | None = None
    visibility: AssetVisibility = AssetVisibility.TIMELINE
    with_deleted: bool = False
    with_exif: bool = False
    with_people: bool = False

    @property
    def is_unmatched(self) -> bool:
        """No asset has tags or recognised text on this server."""
        return bool(self.tag_ids or self.ocr)

    def wanted(self) -> SearchFilter:
        """Raises ValidationFailed for the filter language of Immich 3.2, which is not spoken here."""
        if self.filter:
            raise ValidationFailed([{"path": ["filter"], "message": "Invalid input: use the single fields"}])
        return SearchFilter(**self._asked())

    def _asked(self) -> dict[str, Any]:
        same = ("type", "visibility", "is_favorite", "is_offline", "is_encoded", "is_motion", "is_not_in_album")
        return {
            **{name: getattr(self, name) for name in same},
            "album_ids": frozenset(self.album_ids),
            "person_ids": frozenset(self.person_ids),
            "with_deleted": self.with_deleted or bool(self.is_offline),
            "dates": {date: span for date in SearchDate if (span := self._span(date)) != Span()},
            "texts": {text: value for text in SearchText if (value := self._text(text)) is not None},
            # A field that is sent as null asks for assets without it.
            "facts": {fact: self._value(fact) for fact in SearchFact if self._field(fact) in self.model_fields_set},
        }

    def _span(self, date: SearchDate) -> Span:
        return Span(getattr(self, f"{date}_after"), getattr(self, f"{date}_before"))

    def _text(self, text: SearchText) -> str | None:
        value: str | None = getattr(self, self._field(text), None)
        return value

    def _value(self, fact: SearchFact) -> str | int | UUID | None:
        value: str | int | UUID | None = getattr(self, self._field(fact))
        return value

    def _field(self, member: SearchFact | SearchText) -> str:
        return member.name.lower()


class RandomSearch(FilterDto):
    size: int = Field(default=DEFAULT_SIZE, ge=1, le=MAX_SIZE)


class Order(Dto):
    field: SearchOrderField = SearchOrderField.FILE_CREATED_AT
    direction: AssetOrder = AssetOrder.DESC


class MetadataSearch(RandomSearch):
    checksum: str | None = None
    cursor: str | None = None
    encoded_video_path: Text | None = None
    id: UUID | None = None
    order: AssetOrder | None = None
    order_by: Order = Order()
    original_file_name: Text | None = None
    original_path: Text | None = None
    page: int = Field(default=1, ge=1, le=MAX_PAGE)
    preview_path: Text | None = None
    thumbnail_path: Text | None = None

    def _asked(self) -> dict[str, Any]:
        files = {AssetFileType.PREVIEW: self.preview_path, AssetFileType.THUMBNAIL: self.thumbnail_path,
                 AssetFileType.ENCODED_VIDEO: self.encoded_video_path}  # fmt: skip
        return super()._asked() | {
            "asset_id": self.id,
            "checksum": self._checksum(),
            "files": {kind: path for kind, path in files.items() if path is not None},
        }

    def _checksum(self) -> bytes | None:
        if self.checksum is None:
            return None
        found = checksum_of(self.checksum)
        if found is None:
            raise ValidationFailed([{"path": ["checksum"], "message": "Invalid input: expected hex or base64"}])
        return found

    def slice(self) -> SearchPage:
        number = self.page if self.cursor is None else _page_of(self.cursor)
        return SearchPage(number, self.size, self.order_by.field, self.order or self.order_by.direction)


@bp.post("/metadata")
def search_metadata() -> Response:
    who = require(Permission.ASSET_READ)
    body = body_of(MetadataSearch)
    wanted, page = body.wanted(), body.slice()
    items: Sequence[FoundAsset] = []
    following = None
    if not body.is_unmatched:
        result = search.find(current_system(), who, wanted, page)
        items, following = result.items, page.number + 1 if result.has_more else None
    assets = {
        "total": len(items),
        "count": len(items),
        "items": _items_json(who, items, body),
        "facets": [],
        "nextPage": None if following is None else str(following),
        "nextCursor": None if following is None else _cursor_to(following),
    }
    return jsonify(albums={"total": 0, "count": 0, "items": [], "facets": []}, assets=assets)


@bp.post("/random")
def search_random() -> Response:
    who = require(Permission.ASSET_READ)
    body = body_of(RandomSearch)
    wanted = body.wanted()
    items = [] if body.is_unmatched else search.find_random(current_system(), who, wanted, body.size)
    return jsonify(_items_json(who, items, body))


@bp.post("/statistics")
def search_statistics() -> Response:
    who = require(Permission.ASSET_STATISTICS)
    body = body_of(FilterDto)
    wanted = body.wanted()
    return jsonify(total=0 if body.is_unmatched else search.count(current_system(), who, wanted))


def _items_json(who: Auth, items: Sequence[FoundAsset], body: FilterDto) -> list[dict[str, Any]]:
    seen = people.people_in(current_system(), who, [one.asset.id for one in items]) if body.with_people else {}
    return [
        asset_json(
            one.asset,
            exif=one.exif if body.with_exif else None,
            has_metadata=one.exif is not None,
            people=seen.get(one.asset.id, ()),
        )
        for one in items
    ]


def _cursor_to(page: int) -> str:
    return urlsafe_b64encode(f"page {page}".encode()).decode()


def _page_of(cursor: str) -> int:
    """Raises BadRequest where the cursor was not written here."""
    try:
        word, _, number = urlsafe_b64decode(cursor.encode()).decode("ascii").partition(" ")
        page = int(number)
    except (binascii.Error, ValueError):
        raise BadRequest("The cursor is not one of this server") from None
    if word != "page" or not 1 <= page <= MAX_PAGE:
        raise BadRequest("The cursor is not one of this server")
    return page
