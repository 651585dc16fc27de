"""Edits of assets: one by one, or many at once."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from flask import Blueprint, Response
from pydantic import AfterValidator, Field, model_validator

from blueprints.assets import details_json
from blueprints.http import Dto, body_of, current_system, no_content, require
from media import dates
from media.dates import WallClock
from media.exif import LONGEST_DESCRIPTION
from models.assets import AssetVisibility
from services import edits
from services.changes import UNSET
from services.edits import Edit, MovedDate, NewDate, Position
from services.permissions import Permission

bp = Blueprint("asset_edits", __name__, url_prefix="/api/assets")


def _is_date(text: str) -> str:
    _clock(text)
    return text


def _clock(text: str) -> WallClock:
    """What a client means by an ISO 8601 date. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if not dates.FIRST_YEAR <= moment.year <= dates.LAST_YEAR:
        raise ValueError("a year that no photo is of")
    offset = moment.utcoffset()
    if offset is not None and not dates.is_offset(offset):
        raise ValueError("an offset that no zone has")
    milliseconds = moment.microsecond // 1000 * 1000
    return WallClock(moment.replace(microsecond=milliseconds, tzinfo=UTC), offset)


def _is_zone(name: str) -> str:
    if dates.zone_named(name) is None:
        raise ValueError("not a time zone")
    return name


class AssetEdit(Dto):
    """What every edit may hold; a field that was not sent stays as it is, whatever stands here."""

    is_favorite: bool = False
    visibility: AssetVisibility = AssetVisibility.TIMELINE
    date_time_original: Annotated[str, AfterValidator(_is_date)] | None = None
    latitude: Annotated[float, Field(ge=-90, le=90)] = 0
    longitude: Annotated[float, Field(ge=-180, le=180)] = 0
    rating: Annotated[int, Field(ge=-1, le=5)] | None = None
    description: Annotated[str, Field(max_length=LONGEST_DESCRIPTION)] = ""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if ("latitude" in self.model_fields_set) != ("longitude" in self.model_fields_set):
            raise ValueError("latitude and longitude go together")
        return self

    def edit(self) -> Edit:
        """What was sent, in the service's words."""
        sent = self.model_fields_set
        return Edit(
            is_favorite=self.is_favorite if "is_favorite" in sent else UNSET,
            visibility=self.visibility if "visibility" in sent else UNSET,
            date=UNSET if self.date_time_original is None else NewDate(_clock(self.date_time_original)),
            position=Position(self.latitude, self.longitude) if "latitude" in sent else UNSET,
            # Clients before version 3 take the stars away with a 0.
            rating=self.rating or None if "rating" in sent else UNSET,
            description=self.description if "description" in sent else UNSET,
        )


class AssetUpdate(AssetEdit):
    live_photo_video_id: UUID | None = None


class AssetBulkUpdate(AssetEdit):
    ids: list[UUID]
    duplicate_id: UUID | None = None
    # Minutes.
    date_time_relative: Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1)] = 0
    time_zone: Annotated[str, AfterValidator(_is_zone)] | None = None

    @model_validator(mode="after")
    def _has_one_date(self) -> Self:
        if self.date_time_original is not None and (self.date_time_relative or self.time_zone is not None):
            raise ValueError("dateTimeOriginal goes neither with dateTimeRelative nor with timeZone")
        return self

    def edit(self) -> Edit:
        edit = super().edit()
        if "duplicate_id" in self.model_fields_set:
            edit = replace(edit, duplicate_id=self.duplicate_id)
        zone = None if self.time_zone is None else dates.zone_named(self.time_zone)
        if zone is not None or self.date_time_relative:
            edit = replace(edit, date=MovedDate(self.date_time_relative, zone))
        return edit


@bp.put("/<id:asset_id>")
def update_asset(asset_id: UUID) -> dict[str, Any]:
    who = require(Permission.ASSET_UPDATE)
    body = body_of(AssetUpdate)
    video_id = body.live_photo_video_id if "live_photo_video_id" in body.model_fields_set else UNSET
    edits.edit_asset(current_system(), who, asset_id, body.edit(), live_photo_video_id=video_id)
    return details_json(who, asset_id)


@bp.put("")
def update_assets() -> Response:
    who = require(Permission.ASSET_UPDATE)
    body = body_of(AssetBulkUpdate)
    edits.edit_assets(current_system(), who, body.ids, body.edit())
    return no_content()
