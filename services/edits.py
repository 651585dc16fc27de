"""Edits: what owners change about their assets, in the rows at once and in sidecars soon after."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import islice
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from errors import BadRequest
from jobs import ledger
from jobs.names import JobName
from media import dates
from media.dates import TakenAt, WallClock
from models.albums import Album, AlbumAsset
from models.assets import Asset, AssetExif, AssetType, AssetVisibility, EditedProperty
from models.base import utc_now
from services.access import no_access
from services.assets import has_thumbnails
from services.auth import Auth
from services.changes import UNSET, Unset
from services.permissions import Permission
from services.system import System

BATCH = 1000


@dataclass(frozen=True, slots=True)
class NewDate:
    """A date in the place of the former one; without an offset it is in UTC, and the zone stays (Immich's way)."""

    clock: WallClock


@dataclass(frozen=True, slots=True)
class MovedDate:
    """The former date, so many minutes later; then shown in another zone where one is given."""

    minutes: int = 0
    zone: tzinfo | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """A place in degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What is to be different about assets; UNSET leaves as it is. `rating` None takes the stars away."""

    is_favorite: bool | Unset = UNSET
    visibility: AssetVisibility | Unset = UNSET
    duplicate_id: UUID | Unset | None = UNSET
    date: NewDate | MovedDate | Unset = UNSET
    position: Position | Unset = UNSET
    rating: int | Unset | None = UNSET
    description: str | Unset = UNSET

    @property
    def is_of_metadata(self) -> bool:
        """Whether it changes what sidecars say."""
        return not (self.date is self.position is self.rating is self.description is UNSET)


def edit_asset(
    system: System, auth: Auth, asset_id: UUID, edit: Edit, *, live_photo_video_id: UUID | Unset | None = UNSET
) -> None:
    """Changes one asset, and which video moves it; None lets go of the video.

    Raises BadRequest, in Immich's words, where the asset or the video is not the user's.
    """
    with system.transaction() as session:
        asset = _edit_all(session, auth, [asset_id], edit)[0]
        if live_photo_video_id is not UNSET:
            _let_go_of_video(session, asset, live_photo_video_id)
        if isinstance(live_photo_video_id, UUID):
            _link_video(session, auth, asset, live_photo_video_id)
        if edit.is_of_metadata:
            ledger.enqueue(session, JobName.SIDECAR_WRITE, id=asset_id)


def edit_assets(system: System, auth: Auth, asset_ids: Iterable[UUID], edit: Edit) -> None:
    """Changes many assets in one transaction; their sidecars are written when nothing else is to be done.

    All or none: raises BadRequest, in Immich's words, where one of them is not the user's.
    """
    # In one order for all, so that two transactions wait for each other one way only.
    wanted = sorted(set(asset_ids))
    with system.transaction() as session:
        for batch in _batches(wanted):
            _edit_all(session, auth, batch, edit)
            session.flush()
            session.expunge_all()
        if edit.is_of_metadata:
            ledger.enqueue_all(session, JobName.SIDECAR_WRITE, ({"id": asset_id} for asset_id in wanted))


def _batches(asset_ids: Sequence[UUID]) -> Iterator[list[UUID]]:
    rest = iter(asset_ids)
    while batch := list(islice(rest, BATCH)):
        yield batch


def _edit_all(session: Session, auth: Auth, asset_ids: list[UUID], edit: Edit) -> Sequence[Asset]:
    own = (Asset.id.in_(asset_ids), Asset.owner_id == auth.user_id)
    # The lock keeps a job that reads the file from writing what it read over the edit.
    assets = session.scalars(select(Asset).where(*own).order_by(Asset.id).with_for_update()).all()
    if len(assets) != len(asset_ids):
        raise no_access(Permission.ASSET_UPDATE)
    now = utc_now()
    for asset in assets:
        asset.updated_at = now
        _edit_row(session, asset, edit)
    if edit.visibility is AssetVisibility.LOCKED:
        _take_out_of_albums(session, asset_ids)
    if edit.is_of_metadata:
        exifs = session.scalars(select(AssetExif).where(AssetExif.asset_id.in_(asset_ids)))
        known = {exif.asset_id: exif for exif in exifs}
        for asset in assets:
            _edit_metadata(asset, known.get(asset.id) or _new_exif(session, asset), edit)
    return assets


def _edit_row(session: Session, asset: Asset, edit: Edit) -> None:
    if edit.is_favorite is not UNSET:
        asset.is_favorite = edit.is_favorite
    if edit.duplicate_id is not UNSET:
        asset.duplicate_id = edit.duplicate_id
    if edit.visibility is not UNSET:
        _show(session, asset, edit.visibility)


def _show(session: Session, asset: Asset, visibility: AssetVisibility) -> None:
    was_hidden = asset.visibility is AssetVisibility.HIDDEN
    asset.visibility = visibility
    # What is hidden has no thumbnails until it is shown.
    if was_hidden and has_thumbnails(asset):
        ledger.enqueue(session, JobName.ASSET_GENERATE_THUMBNAILS, id=asset.id)


def _take_out_of_albums(session: Session, asset_ids: list[UUID]) -> None:
    session.execute(delete(AlbumAsset).where(AlbumAsset.asset_id.in_(asset_ids)))
    covers = update(Album).where(Album.album_thumbnail_asset_id.in_(asset_ids))
    session.execute(covers.values(album_thumbnail_asset_id=None))


def _new_exif(session: Session, asset: Asset) -> AssetExif:
    """The row of an asset that no job has looked into yet."""
    exif = AssetExif(asset_id=asset.id)
    session.add(exif)
    return exif


def _edit_metadata(asset: Asset, exif: AssetExif, edit: Edit) -> None:
    edited = set(exif.locked_properties or ())
    if edit.date is not UNSET:
        _date(asset, exif, edit.date)
        edited |= {EditedProperty.DATE_TIME_ORIGINAL, EditedProperty.TIME_ZONE}
    if edit.position is not UNSET:
        exif.latitude, exif.longitude = edit.position.latitude, edit.position.longitude
        # The names were those of another place.
        exif.city = exif.state = exif.country = None
        edited |= {EditedProperty.LATITUDE, EditedProperty.LONGITUDE}
    if edit.rating is not UNSET:
        exif.rating = edit.rating
        edited.add(EditedProperty.RATING)
    if edit.description is not UNSET:
        # As it will be read from the sidecar.
        exif.description = edit.description.strip()
        edited.add(EditedProperty.DESCRIPTION)
    exif.locked_properties = sorted(edited)


def _date(asset: Asset, exif: AssetExif, change: NewDate | MovedDate) -> None:
    zone = None if exif.time_zone is None else dates.zone_named(exif.time_zone)
    moment = exif.date_time_original or asset.file_created_at
    taken = _new_date(change.clock, zone) if isinstance(change, NewDate) else _moved(moment, zone, change)
    asset.file_created_at, asset.local_date_time = taken.moment, taken.local
    exif.date_time_original, exif.time_zone = taken.moment, taken.zone


def _new_date(clock: WallClock, zone: tzinfo | None) -> TakenAt:
    if clock.offset is not None:
        return dates.at_offset(clock.shown - clock.offset, clock.offset)
    return dates.unzoned(clock.shown) if zone is None else dates.fixed(clock.shown, zone)


def _moved(moment: datetime, zone: tzinfo | None, move: MovedDate) -> TakenAt:
    try:
        moment += timedelta(minutes=move.minutes)
    except OverflowError:
        raise BadRequest("The date is out of range") from None
    if not dates.FIRST_YEAR <= moment.year <= dates.LAST_YEAR:
        raise BadRequest("The date is out of range")
    zone = zone if move.zone is None else move.zone
    return dates.unzoned(moment) if zone is None else dates.fixed(moment, zone)


def _let_go_of_video(session: Session, asset: Asset, successor: UUID | None) -> None:
    """Shows the former video of a live photo again, as the photo is shown."""
    if asset.live_photo_video_id is None or asset.live_photo_video_id == successor:
        return
    video = session.get_one(Asset, asset.live_photo_video_id, with_for_update=True)
    if video.original_path.endswith(f"{video.id}-MP.mp4"):
        raise BadRequest("Cannot unlink Android motion photos")
    asset.live_photo_video_id = None
    _show(session, video, asset.visibility)


def _link_video(session: Session, auth: Auth, asset: Asset, video_id: UUID) -> None:
    video = session.get(Asset, video_id, with_for_update=True)
    if video is None or video is asset or video.owner_id != auth.user_id:
        raise BadRequest("Live photo video not found")
    if video.type is not AssetType.VIDEO:
        raise BadRequest("Live photo video must be a video")
    asset.live_photo_video_id = video_id
    video.visibility = AssetVisibility.HIDDEN
