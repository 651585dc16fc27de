"""Sidecars: the jobs that write what clients edited into them, and have them read again."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from config import MediaKind
from jobs import ledger
from jobs.names import JobName
from jobs.registry import job
from media import mime, sidecars
from media.dates import TakenAt
from media.sidecars import SidecarValues
from media.staging import Digest
from models.assets import Asset, AssetExif, AssetFile, AssetFileType, EditedProperty
from models.objects import StoredObject
from services import objects
from services.system import System
from storage import core


@dataclass(frozen=True, slots=True)
class _Unwritten:
    """What is to be written into an asset's sidecar, which lies at `former` where it has one."""

    asset_id: UUID
    owner_id: UUID
    former: str | None
    values: SidecarValues
    # As they stood in the row, to see afterwards whether they were edited again.
    properties: Mapping[EditedProperty, object]


@job(JobName.SIDECAR_WRITE)
def write_sidecar(system: System, id: UUID) -> None:
    """Writes what was edited about an asset into a new sidecar, which takes the place of the former one.

    The object comes first, then in one commit its rows, the end of the former one's, and the word
    that the edits are written. Raises MediaError where the former one cannot be written into; the
    edits stay in the rows, and safe from being read over.
    """
    unwritten = _unwritten(system, id)
    if unwritten is None:
        return
    path = system.storage.new_path(core.sidecar_key(unwritten.owner_id), MediaKind.ORIGINALS)
    with ExitStack() as stack:
        base = None
        if unwritten.former is not None:
            base = stack.enter_context(system.staging.stage_to_temp(system.storage, unwritten.former))
        content_type = mime.content_type_of(path)
        output = stack.enter_context(
            system.staging.upload_from_temp(system.storage, path, content_type=content_type)
        )
        sidecars.write_sidecar(output.path, unwritten.values, base)
        objects.announce(system, path, output.path.stat().st_size)
    _exchange(system, unwritten, path, output.digest)


@job(JobName.SIDECAR_CHECK)
def check_sidecar(system: System, id: UUID) -> None:
    """Has an asset's sidecar read again; first written, where edits are not in it yet."""
    with system.transaction() as session:
        exif = session.get(AssetExif, id)
        if exif is not None and exif.locked_properties:
            ledger.enqueue_all(session, JobName.SIDECAR_WRITE, [{"id": id}])
        elif _sidecar_of(session, id) is not None:
            ledger.enqueue_all(session, JobName.ASSET_EXTRACT_METADATA, [{"id": id}])


def _sidecar_of(session: Session, asset_id: UUID) -> AssetFile | None:
    return session.scalar(
        select(AssetFile).where(AssetFile.asset_id == asset_id, AssetFile.type == AssetFileType.SIDECAR)
    )


def _unwritten(system: System, asset_id: UUID) -> _Unwritten | None:
    with system.database.read() as session:
        asset, exif = session.get(Asset, asset_id), session.get(AssetExif, asset_id)
        file = _sidecar_of(session, asset_id)
    if asset is None or exif is None or not exif.locked_properties:
        return None
    properties = [EditedProperty(name) for name in exif.locked_properties]
    return _Unwritten(
        asset_id=asset_id,
        owner_id=asset.owner_id,
        former=None if file is None else file.path,
        values=_values(asset, exif, properties),
        properties={one: one.of(exif) for one in properties},
    )


def _values(asset: Asset, exif: AssetExif, edited: list[EditedProperty]) -> SidecarValues:
    return SidecarValues(
        taken_at=_taken_at(asset, exif) if EditedProperty.DATE_TIME_ORIGINAL in edited else None,
        position=_position(exif) if EditedProperty.LATITUDE in edited else None,
        rating=exif.rating or 0 if EditedProperty.RATING in edited else None,
        description=exif.description if EditedProperty.DESCRIPTION in edited else None,
    )


def _taken_at(asset: Asset, exif: AssetExif) -> TakenAt:
    return TakenAt(asset.file_created_at, asset.local_date_time, exif.time_zone)


def _position(exif: AssetExif) -> tuple[float, float] | None:
    if exif.latitude is None or exif.longitude is None:
        return None
    return exif.latitude, exif.longitude


def _exchange(system: System, unwritten: _Unwritten, path: str, digest: Digest) -> None:
    """Puts the new sidecar in the place of the former one, unless another has come there meanwhile."""
    with system.transaction() as session:
        # The lock keeps the asset from being edited or removed between this look and the commit.
        asset = session.get(Asset, unwritten.asset_id, with_for_update=True)
        file = _sidecar_of(session, unwritten.asset_id)
        if asset is None:
            unwanted = [path]
        elif (None if file is None else file.path) != unwritten.former:
            unwanted = [path]
            ledger.enqueue(session, JobName.SIDECAR_WRITE, id=asset.id)
        else:
            unwanted = _replace(session, asset, file, path, digest)
            _unlock(session.get_one(AssetExif, asset.id), unwritten.properties)
        objects.disown(session, unwanted)
    objects.remove_disowned(system, unwanted)


def _replace(session: Session, asset: Asset, file: AssetFile | None, path: str, digest: Digest) -> list[str]:
    """Gives the sidecar its rows; the former object where it is ours to remove."""
    objects.adopt(session, path, MediaKind.ORIGINALS, asset.owner_id, digest)
    if file is None:
        session.add(AssetFile(asset_id=asset.id, type=AssetFileType.SIDECAR, path=path))
        return []
    former, file.path = file.path, path
    return [former] if session.get(StoredObject, former) is not None else []


def _unlock(exif: AssetExif, written: Mapping[EditedProperty, object]) -> None:
    """The written properties may be read from files again; those edited once more since may not."""
    left = [name for name in exif.locked_properties or () if not _is_written(exif, EditedProperty(name), written)]
    exif.locked_properties = left or None


def _is_written(exif: AssetExif, edited: EditedProperty, written: Mapping[EditedProperty, object]) -> bool:
    return edited in written and written[edited] == edited.of(exif)
