"""Metadata: the job that reads what an asset's file and its sidecar say about it."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from uuid import UUID

from sqlalchemy import Select, select

from errors import MediaError
from jobs.names import JobName
from jobs.registry import job
from media.exif import Metadata, read_metadata
from media.outline import make_outline
from media.probe import Probe
from models.assets import Asset, AssetExif, AssetFile, AssetFileType, AssetType, EditedProperty
from services import live_photos, motion_photos, videos
from services.system import System
from storage.types import ByteRange

logger = logging.getLogger(__name__)

# EXIF's words for the degrees by which a video is turned clockwise.
_ORIENTATIONS = {0: "1", 90: "6", 180: "3", 270: "8"}


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read of an asset's file and its sidecar, which lies at `sidecar_path` where there is one.

    `video` is None where the file is no video, or none that anybody could show.
    """

    metadata: Metadata
    video: Probe | None
    sidecar_path: str | None


@job(JobName.ASSET_EXTRACT_METADATA)
def extract_metadata(system: System, id: UUID) -> None:
    """Reads an asset's metadata into its rows, or reads it again; an asset that is gone is no error.

    Raises ToolFailed and ToolTimeout where exiftool cannot read the file at all.
    """
    is_kept = False
    while not is_kept:
        with system.database.read() as session:
            asset, sidecar_path = session.get(Asset, id), session.scalar(_sidecar_path(id))
        if asset is None:
            return
        known = _read(system, asset, sidecar_path)
        is_kept = _keep(system, id, known)
    if known.metadata.live_photo_cid is not None:
        live_photos.pair_up(system, id)


def _sidecar_path(asset_id: UUID) -> Select[str]:
    return select(AssetFile.path).where(AssetFile.asset_id == asset_id, AssetFile.type == AssetFileType.SIDECAR)


def _read(system: System, asset: Asset, sidecar_path: str | None) -> _Known:
    with ExitStack() as stack:
        sidecar = None
        if sidecar_path is not None:
            sidecar = stack.enter_context(system.staging.stage_to_temp(system.storage, sidecar_path))
        file = stack.enter_context(_readable(system, asset))
        metadata = read_metadata(file, sidecar)
        if metadata.motion is not None and asset.type is AssetType.IMAGE:
            # Here, where the file is at hand.
            motion_photos.extract_video(system, asset, file, metadata.motion)
    video = _look_into(system, asset) if asset.type is AssetType.VIDEO else None
    return _Known(metadata, video, sidecar_path)


@contextmanager
def _readable(system: System, asset: Asset) -> Iterator[Path]:
    """The original as a local file, for exiftool; of a large video that is not staged its outline will do."""
    with ExitStack() as stack:
        file = None
        if asset.type is AssetType.VIDEO:
            file = stack.enter_context(system.staging.stage_if_small(system.storage, asset.original_path))
            file = file or stack.enter_context(_outline_of(system, asset.original_path))
        yield file or stack.enter_context(system.staging.stage_to_temp(system.storage, asset.original_path))


@contextmanager
def _outline_of(system: System, path: str) -> Iterator[Path | None]:
    """What a video says about itself without its pictures and sound; None where it is in no container for that."""

    def read(start: int, stop: int) -> bytes:
        with system.storage.read_stream(path, ByteRange(start, stop)) as stream:
            return stream.read()

    outline = system.staging.new_path(PurePosixPath(path).suffix)
    try:
        is_made = make_outline(read, system.storage.head(path).size, outline)
        yield outline if is_made else None
    finally:
        outline.unlink(missing_ok=True)


def _look_into(system: System, asset: Asset) -> Probe | None:
    try:
        return videos.probe_of(system, asset.original_path)
    except MediaError as error:
        # What exiftool knows of it is worth keeping all the same.
        logger.warning("the video of %s cannot be looked into: %s", asset.id, error)
        return None


def _keep(system: System, asset_id: UUID, known: _Known) -> bool:
    """Writes the rows; False where the sidecar that was read is not the asset's any more."""
    metadata = known.metadata
    # A power failure that undoes it undoes the end of the job as well, which then reads again.
    with system.database.write_soon() as session:
        # The lock keeps the asset from being edited or removed between this look and the commit.
        asset = session.get(Asset, asset_id, with_for_update=True)
        if asset is None:
            return True
        if session.scalar(_sidecar_path(asset_id)) != known.sidecar_path:
            return False
        exif = session.get(AssetExif, asset_id)
        if exif is None:
            exif = AssetExif(asset_id=asset_id)
            session.add(exif)
        locked = frozenset(exif.locked_properties or ())
        if EditedProperty.DATE_TIME_ORIGINAL not in locked:
            _date(asset, exif, metadata)
        _describe(exif, metadata)
        _describe_unless(locked, exif, metadata)
        exif.modify_date = asset.file_modified_at
        asset.width, asset.height = metadata.width, metadata.height
        if known.video is not None:
            _describe_video(asset, exif, known.video)
    return True


def _date(asset: Asset, exif: AssetExif, metadata: Metadata) -> None:
    """Dates as Immich sets them: when the picture was taken, else the older of the file's own dates."""
    taken = metadata.taken_at
    if taken is not None:
        asset.file_created_at, asset.local_date_time = taken.moment, taken.local
    else:
        asset.file_created_at = min(asset.file_created_at, asset.file_modified_at)
        asset.local_date_time = asset.file_created_at
    exif.date_time_original = asset.file_created_at
    exif.time_zone = taken.zone if taken is not None else None


def _describe(exif: AssetExif, metadata: Metadata) -> None:
    exif.file_size_in_byte = metadata.file_size
    exif.make, exif.model, exif.lens_model = metadata.make, metadata.model, metadata.lens_model
    exif.exif_image_width, exif.exif_image_height = metadata.exif_image_width, metadata.exif_image_height
    exif.orientation = metadata.orientation
    exif.f_number, exif.focal_length = metadata.f_number, metadata.focal_length
    exif.iso, exif.exposure_time = metadata.iso, metadata.exposure_time
    exif.projection_type, exif.live_photo_cid = metadata.projection_type, metadata.live_photo_cid


def _describe_unless(locked: frozenset[str], exif: AssetExif, metadata: Metadata) -> None:
    """What clients may edit, where they have not done so since the sidecar was written."""
    if EditedProperty.LATITUDE not in locked:
        exif.latitude, exif.longitude = metadata.latitude, metadata.longitude
    if EditedProperty.DESCRIPTION not in locked:
        exif.description = metadata.description
    if EditedProperty.RATING not in locked:
        exif.rating = metadata.rating


def _describe_video(asset: Asset, exif: AssetExif, found: Probe) -> None:
    """What ffprobe knows better than exiftool, and than the client that uploaded."""
    video = found.video
    asset.duration = asset.duration if found.duration is None else found.duration
    asset.width, asset.height = video.width, video.height
    exif.exif_image_width, exif.exif_image_height = video.stored_width, video.stored_height
    exif.orientation = _ORIENTATIONS[video.rotation]
    exif.fps = video.fps
