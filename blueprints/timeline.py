"""The timeline's months and the photos in each, as parallel arrays."""

from base64 import b64encode
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, jsonify

from blueprints.http import Dto, current_system, query_of, require
from errors import ValidationFailed
from models.albums import AssetOrder
from models.assets import AssetType, AssetVisibility
from services import timeline
from services.access import no_access
from services.auth import Auth
from services.permissions import Permission
from services.timeline import TimelineDate, TimelineFilter, TimelinePhoto

bp = Blueprint("timeline", __name__, url_prefix="/api/timeline")


class TimelineQuery(Dto):
    user_id: UUID | None = None
    album_id: UUID | None = None
    person_id: UUID | None = None
    tag_id: UUID | None = None
    is_favorite: bool | None = None
    is_trashed: bool | None = None
    visibility: AssetVisibility | None = None
    order: AssetOrder | None = None
    order_by: TimelineDate | None = None
    with_coordinates: bool = False

    @property
    def is_unmatched(self) -> bool:
        """No photo has a tag on this server."""
        return self.tag_id is not None

    def filter_for(self, who: Auth) -> TimelineFilter:
        """Raises BadRequest (Immich's) where someone else's timeline is asked for."""
        if self.user_id not in (None, who.user_id):
            raise no_access(Permission.TIMELINE_READ)
        return TimelineFilter(
            album_id=self.album_id,
            person_id=self.person_id,
            is_favorite=self.is_favorite,
            is_trashed=bool(self.is_trashed),
            visibility=self.visibility,
            order=self.order or AssetOrder.DESC,
            order_by=self.order_by or TimelineDate.TAKEN_AT,
        )


class BucketQuery(TimelineQuery):
    time_bucket: str

    def month(self) -> datetime:
        """The month that a date, or a moment as older clients write it, names."""
        try:
            day = date.fromisoformat(self.time_bucket[:10])
        except ValueError:
            raise ValidationFailed([{"path": ["timeBucket"], "message": "Invalid input: expected a date"}]) from None
        return datetime(day.year, day.month, 1, tzinfo=UTC)


@bp.get("/buckets")
def list_buckets() -> Response:
    who = require(Permission.ASSET_READ)
    query = query_of(TimelineQuery)
    wanted = query.filter_for(who)
    months = [] if query.is_unmatched else timeline.month_counts(current_system(), who, wanted)
    return jsonify([{"timeBucket": one.month, "count": one.count} for one in months])


@bp.get("/bucket")
def read_bucket() -> Response:
    who = require(Permission.ASSET_READ)
    query = query_of(BucketQuery)
    wanted, month = query.filter_for(who), query.month()
    photos = [] if query.is_unmatched else timeline.photos_of_month(current_system(), who, wanted, month)
    columns = _columns(photos)
    if query.with_coordinates:
        columns |= {"latitude": [one.latitude for one in photos], "longitude": [one.longitude for one in photos]}
    return jsonify(columns)


def _columns(photos: list[TimelinePhoto]) -> dict[str, list[Any]]:
    """TimeBucketAssetResponseDto: one array per field, all of the same length."""
    assets = [one.asset for one in photos]
    return {
        "duration": [one.duration for one in assets],
        "id": [str(one.id) for one in assets],
        "visibility": [one.visibility for one in assets],
        "isFavorite": [one.is_favorite for one in assets],
        "isImage": [one.type == AssetType.IMAGE for one in assets],
        "isTrashed": [one.deleted_at is not None for one in assets],
        "livePhotoVideoId": [one.live_photo_video_id and str(one.live_photo_video_id) for one in assets],
        "fileCreatedAt": [_plain(one.file_created_at) for one in assets],
        "localOffsetHours": [_hours_between(one.file_created_at, one.local_date_time) for one in assets],
        "createdAt": [_plain(one.created_at) for one in assets],
        "ownerId": [str(one.owner_id) for one in assets],
        "projectionType": [one.projection_type for one in photos],
        "ratio": [_ratio(one.width, one.height) for one in assets],
        "status": [one.status for one in assets],
        "thumbhash": [one.thumbhash and b64encode(one.thumbhash).decode() for one in assets],
        "city": [one.city for one in photos],
        "country": [one.country for one in photos],
    }


def _plain(moment: datetime) -> str:
    """UTC without its Z: so Immich writes times in these arrays, and nowhere else."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat()


def _hours_between(instant: datetime, wall_clock: datetime) -> float:
    return round((wall_clock - instant).total_seconds() / 3600, 4)


def _ratio(width: int | None, height: int | None) -> float:
    """Width by height; a photo that nobody has measured yet counts as square."""
    return round(width / height, 3) if width and height else 1
