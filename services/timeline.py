"""The timeline: a user's photos or an album's by month, and page by page for those who scroll."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Self, TypeVarTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, Uuid, func, literal, select, tuple_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.functions import FunctionElement

from errors import BadRequest, Unauthorized
from models.albums import AlbumAsset, AlbumUser, AssetOrder
from models.assets import Asset, AssetExif, AssetStatus, AssetVisibility
from models.base import UtcDateTime
from models.objects import StoredObject
from services import albums, features
from services.access import no_access
from services.archives import batches
from services.auth import Auth
from services.downloads import EMBEDDED_VIDEO
from services.permissions import Permission
from services.preferences import preferences_of
from services.system import System

_Columns = TypeVarTuple("_Columns")

# What a user sees without asking for anything in particular.
SHOWN = (AssetVisibility.TIMELINE, AssetVisibility.ARCHIVE)


class TimelineDate(StrEnum):
    """Which date files a photo under its month: when it was taken, or when it came here."""

    TAKEN_AT = "takenAt"
    CREATED_AT = "createdAt"


@dataclass(frozen=True, slots=True)
class TimelineFilter:
    """Which photos of the user's the timeline shows; None is no opinion."""

    album_id: UUID | None = None
    person_id: UUID | None = None
    is_favorite: bool | None = None
    is_trashed: bool = False
    visibility: AssetVisibility | None = None
    order: AssetOrder = AssetOrder.DESC
    order_by: TimelineDate = TimelineDate.TAKEN_AT


@dataclass(frozen=True, slots=True)
class MonthCount:
    """`month` is the first day of the month, as `2024-05-01`."""

    month: str
    count: int


@dataclass(frozen=True, slots=True)
class TimelinePhoto:
    """A photo of the timeline with what is known of its place and projection."""

    asset: Asset
    projection_type: str | None
    city: str | None
    country: str | None
    latitude: float | None
    longitude: float | None


@dataclass(frozen=True, slots=True)
class PageCursor:
    """The last photo of a page; the next page begins after it."""

    local_date_time: datetime
    asset_id: UUID

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises BadRequest where the text was not written by `__str__`."""
        try:
            moment, _, asset_id = urlsafe_b64decode(text.encode()).decode().partition("|")
            cursor = cls(datetime.fromisoformat(moment), UUID(asset_id))
        except ValueError:
            raise BadRequest("The cursor is not one of this server") from None
        if cursor.local_date_time.tzinfo is None:
            raise BadRequest("The cursor is not one of this server")
        return cursor

    def __str__(self) -> str:
        return urlsafe_b64encode(f"{self.local_date_time.isoformat()}|{self.asset_id}".encode()).decode()


@dataclass(frozen=True, slots=True)
class PagePhoto:
    """A photo of a page; `size` is what its download has in bytes, a live photo's video included."""

    asset: Asset
    size: int


@dataclass(frozen=True, slots=True)
class LibraryPage:
    """Photos, newest first; `next_cursor` is None on the last page."""

    photos: Sequence[PagePhoto]
    next_cursor: PageCursor | None


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The photos beside one in the library or an album: `newer` stands before it, `older` after it."""

    newer: UUID | None
    older: UUID | None


class _MonthOf(FunctionElement[str]):
    """The first day of a moment's month in UTC, as text that sorts by time."""

    type = Text()
    inherit_cache = True


@compiles(_MonthOf, "sqlite")
def _month_on_sqlite(element: _MonthOf, compiler: Any, **options: Any) -> str:
    return f"strftime('%Y-%m-01', {compiler.process(element.clauses, **options)})"


@compiles(_MonthOf, "postgresql")
def _month_on_postgresql(element: _MonthOf, compiler: Any, **options: Any) -> str:
    # The session's time zone must not decide in which month a photo was taken.
    return f"to_char({compiler.process(element.clauses, **options)} AT TIME ZONE 'UTC', 'YYYY-MM-\"01\"')"


def month_counts(system: System, auth: Auth, wanted: TimelineFilter) -> list[MonthCount]:
    """How many photos each month has, in the filter's order; months without photos are left out."""
    month = _MonthOf(_date_of(wanted.order_by))
    query = _filtered(select(month.label("month"), func.count()), auth, wanted).group_by("month")
    descending = wanted.order is AssetOrder.DESC
    with system.database.read() as session:
        _check_album(session, auth, wanted.album_id)
        rows = session.execute(query).all()
    return [MonthCount(first, count) for first, count in sorted(rows, reverse=descending)]


def photos_of_month(system: System, auth: Auth, wanted: TimelineFilter, month: datetime) -> list[TimelinePhoto]:
    """The photos of the calendar month in which `month` lies, in the filter's order."""
    date = _date_of(wanted.order_by)
    start = month.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    query = select(
        Asset, AssetExif.projection_type, AssetExif.city, AssetExif.country, AssetExif.latitude, AssetExif.longitude
    ).outerjoin(AssetExif, AssetExif.asset_id == Asset.id)
    query = _filtered(query, auth, wanted).where(date >= start)
    if (end := _next_month(start)) is not None:
        query = query.where(date < end)
    if wanted.order is AssetOrder.DESC:
        query = query.order_by(date.desc(), Asset.id.desc())
    else:
        query = query.order_by(date, Asset.id)
    with system.database.read() as session:
        _check_album(session, auth, wanted.album_id)
        return [TimelinePhoto(*row) for row in session.execute(query)]


def library_page(
    system: System, auth: Auth, *, before: PageCursor | None, limit: int, album_id: UUID | None = None
) -> LibraryPage:
    """One page of the user's timeline, or of an album that they see, newest first.

    The timeline's costs one step down an index, however deep the page. Raises BadRequest (Immich's)
    where the user is no member of the album.
    """
    query = _on_pages(auth, album_id)
    if before is not None:
        query = query.where(_position() < _position_at(before.local_date_time, before.asset_id))
    query = query.order_by(Asset.local_date_time.desc(), Asset.id.desc()).limit(limit + 1)
    photos = _sized(system, auth, query, album_id)
    if len(photos) <= limit:
        return LibraryPage(photos, None)
    last = photos[limit - 1].asset
    return LibraryPage(photos[:limit], PageCursor(last.local_date_time, last.id))


def photos_by_id(
    system: System, auth: Auth, asset_ids: Sequence[UUID], album_id: UUID | None = None
) -> Sequence[PagePhoto]:
    """Those of the assets that stand in the user's timeline or in an album, newest first. Raises as library_page."""
    query = _on_pages(auth, album_id).where(Asset.id.in_(asset_ids))
    return _sized(system, auth, query.order_by(Asset.local_date_time.desc(), Asset.id.desc()), album_id)


def neighbours_of(system: System, auth: Auth, asset: Asset, album_id: UUID | None = None) -> Neighbours:
    """What the arrow keys lead to from a photo of the library or of an album. Raises as library_page."""
    here = _position_at(asset.local_date_time, asset.id)
    ids = _on_pages(auth, album_id).with_only_columns(Asset.id).limit(1)
    newer = ids.where(_position() > here).order_by(Asset.local_date_time, Asset.id)
    older = ids.where(_position() < here).order_by(Asset.local_date_time.desc(), Asset.id.desc())
    with system.database.read() as session:
        _check_album(session, auth, album_id)
        return Neighbours(newer=session.scalar(newer), older=session.scalar(older))


def album_size(system: System, auth: Auth, album_id: UUID) -> int:
    """What the download of all photos of an album has in bytes. Raises as library_page."""
    photos = _with_sizes(_on_pages(auth, album_id), embedded=_wants_embedded_videos(system, auth)).subquery()
    with system.database.read() as session:
        _check_album(session, auth, album_id)
        return int(session.scalar(select(func.sum(photos.c.download_size))) or 0)


def days_of(system: System, asset_ids: Sequence[UUID]) -> tuple[date, date]:
    """The first and the last day of the assets, one at least, by the clocks of those who took them."""
    moment = Asset.local_date_time
    found: list[datetime] = []
    with system.database.read() as session:
        for batch in batches(asset_ids):
            found += session.execute(select(func.min(moment), func.max(moment)).where(Asset.id.in_(batch))).one()
    return min(found).date(), max(found).date()


def _on_pages(auth: Auth, album_id: UUID | None) -> Select[Asset]:
    if album_id is not None:
        in_album = select(AlbumAsset.asset_id).where(AlbumAsset.album_id == album_id)
        return select(Asset).where(Asset.id.in_(in_album), albums.IS_SHOWN)
    return select(Asset).where(
        Asset.owner_id == auth.user_id,
        Asset.status == AssetStatus.ACTIVE,
        Asset.visibility == AssetVisibility.TIMELINE,
    )


def _sized(system: System, auth: Auth, photos: Select[Asset], album_id: UUID | None) -> list[PagePhoto]:
    query = _with_sizes(photos, embedded=_wants_embedded_videos(system, auth))
    with system.database.read() as session:
        _check_album(session, auth, album_id)
        return [PagePhoto(asset, size) for asset, size in session.execute(query)]


def _with_sizes(photos: Select[Asset], *, embedded: bool) -> Select[Asset, int]:
    """The photos, and what the download of each has in bytes; as `downloads.parts_of` counts it."""
    video, video_object = aliased(Asset), aliased(StoredObject)
    is_its_video = video.id == Asset.live_photo_video_id
    if not embedded:
        is_its_video &= ~video.original_path.endswith(EMBEDDED_VIDEO)
    size = func.coalesce(StoredObject.size, 0) + func.coalesce(video_object.size, 0)
    return (
        photos.add_columns(size.label("download_size"))
        .outerjoin(StoredObject, StoredObject.path == Asset.original_path)
        .outerjoin(video, is_its_video)
        .outerjoin(video_object, video_object.path == video.original_path)
    )


def _wants_embedded_videos(system: System, auth: Auth) -> bool:
    return bool(preferences_of(system, auth.user_id)["download"]["includeEmbeddedVideos"])


def _position() -> ColumnElement[Any]:
    return tuple_(Asset.local_date_time, Asset.id)


def _position_at(moment: datetime, asset_id: UUID) -> ColumnElement[Any]:
    return tuple_(literal(moment, UtcDateTime()), literal(asset_id, Uuid()))


def _date_of(order_by: TimelineDate) -> ColumnElement[datetime]:
    column = Asset.created_at if order_by is TimelineDate.CREATED_AT else Asset.local_date_time
    return column.expression


def _filtered(query: Select[*_Columns], auth: Auth, wanted: TimelineFilter) -> Select[*_Columns]:
    if wanted.visibility is AssetVisibility.LOCKED:
        # Immich opens the locked folder to sessions that gave their PIN code; nobody can give one here.
        raise Unauthorized("Elevated permission is required")
    query = query.where(Asset.owner_id == auth.user_id)
    # What is on its way out for good shows nowhere, not even in the trash.
    query = query.where(Asset.status == (AssetStatus.TRASHED if wanted.is_trashed else AssetStatus.ACTIVE))
    query = query.where(
        Asset.visibility.in_(SHOWN) if wanted.visibility is None else Asset.visibility == wanted.visibility
    )
    if wanted.is_favorite is not None:
        query = query.where(Asset.is_favorite == wanted.is_favorite)
    if wanted.person_id is not None:
        query = query.where(features.shows(wanted.person_id))
    if wanted.album_id is not None:
        query = query.where(Asset.id.in_(select(AlbumAsset.asset_id).where(AlbumAsset.album_id == wanted.album_id)))
    return query


def _check_album(session: Session, auth: Auth, album_id: UUID | None) -> None:
    if album_id is None:
        return
    query = select(AlbumUser.album_id).where(AlbumUser.album_id == album_id, AlbumUser.user_id == auth.user_id)
    if session.scalar(query) is None:
        raise no_access(Permission.ALBUM_READ)


def _next_month(start: datetime) -> datetime | None:
    """None after the last month of the calendar."""
    if start.month < 12:
        return start.replace(month=start.month + 1)
    return start.replace(year=start.year + 1, month=1) if start.year < 9999 else None
