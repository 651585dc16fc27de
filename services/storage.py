"""The storage as a whole: checked at start, counted, swept."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from config import MediaKind, StorageEngine
from errors import MountCheckFailed
from jobs.names import JobName
from jobs.registry import job
from models.base import utc_now
from models.objects import StoredObject
from models.system import SystemMetadata
from services import objects
from services.system import System
from storage.location import S3_SCHEME, MediaLocation
from storage.mounts import ProbeResult, check_folders, probe

logger = logging.getLogger(__name__)

# Where Immich keeps which folders it has checked before.
SYSTEM_FLAGS = "system-flags"
# A multipart upload or a half-written file of this age belongs to no request any more.
STALE_UPLOAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class KindUsage:
    """What is stored of one kind, by our own count; `size` in bytes."""

    kind: MediaKind
    engine: StorageEngine
    objects: int
    size: int


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep removed."""

    objects: int
    staging_folders: int
    stale_uploads: int


def check_mounts(system: System) -> None:
    """The check before the start (RFC, Mount checks): every place that is written to must work.

    Raises MountCheckFailed with the first sentence, unless the settings say to go on.
    """
    for result in probe_all(system):
        if result.ok:
            logger.info("%s: %s", result.location, result.sentence)
        elif system.settings.ignore_mount_check_errors:
            logger.warning("%s: %s (ignored)", result.location, result.sentence)
        else:
            raise MountCheckFailed(result.sentence)


def probe_all(system: System) -> Sequence[ProbeResult]:
    """Checks every location that the settings write to, one result each."""
    return [
        probe(location, backend.probe if location.root.startswith(S3_SCHEME) else lambda: _check_folders(system))
        for location, backend in system.storage.mounts
        if _is_written_to(system, location)
    ]


def usage(system: System) -> Sequence[KindUsage]:
    """What is stored of each kind on each engine."""
    on_s3 = StoredObject.path.startswith(S3_SCHEME, autoescape=True)
    query = (
        select(StoredObject.kind, on_s3, func.count(), func.sum(StoredObject.size))
        .group_by(StoredObject.kind, on_s3)
        .order_by(StoredObject.kind, on_s3)
    )
    with system.database.read() as session:
        rows = session.execute(query).all()
    return [
        KindUsage(kind, StorageEngine.S3 if is_s3 else StorageEngine.LOCAL, count, int(size))
        for kind, is_s3, count, size in rows
    ]


def sweep(system: System) -> Swept:
    """Removes what crashes left behind: objects without an owner, staging folders, stale uploads.

    Safe at any time: what a running upload may still need is left alone.
    """
    return _sweep(system, utc_now(), STALE_UPLOAD)


def sweep_all(system: System) -> Swept:
    """As `sweep`, without waiting until what looks unfinished is old: for a server that is stopped.

    An upload that runs all the same is told to try again; nothing that has a row is touched.
    """
    return _sweep(system, utc_now() + timedelta(days=36500), timedelta(0))


@job(JobName.FILE_DELETE, every=timedelta(minutes=5))
def remove_orphans(system: System) -> None:
    """Removes objects whose announcements have expired without an owner, and dead staging folders."""
    removed, folders = objects.sweep_pending(system, utc_now()), system.staging.sweep()
    if removed or folders:
        logger.info("removed %d objects without an owner and %d staging folders", removed, folders)


@job(JobName.INTEGRITY_UNTRACKED_FILES, every=timedelta(days=1))
def sweep_storage(system: System) -> None:
    """The whole sweep; once a day, as finding unfinished writes on disk walks through all folders."""
    logger.info("swept: %s", sweep(system))


def _sweep(system: System, as_of: datetime, stale: timedelta) -> Swept:
    return Swept(
        objects=objects.sweep_pending(system, as_of),
        staging_folders=system.staging.sweep(),
        stale_uploads=sum(backend.abort_stale_uploads(stale) for _, backend in system.storage.mounts),
    )


def _is_written_to(system: System, location: MediaLocation) -> bool:
    engine = StorageEngine.S3 if location.root.startswith(S3_SCHEME) else StorageEngine.LOCAL
    return engine in system.settings.engines.values()


def _check_folders(system: System) -> None:
    """The `.immich` files of Immich, with its flags in the database (IMMICH.md 5.1)."""
    with system.database.write() as session:
        row = session.get(SystemMetadata, SYSTEM_FLAGS)
        flags = {} if row is None else row.value
        checked = check_folders(system.settings.media_location, flags.get("mountChecks", {}))
        session.merge(SystemMetadata(key=SYSTEM_FLAGS, value={**flags, "mountChecks": checked}))
