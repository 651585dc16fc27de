"""Queues under an admin's hand: what Immich's job page commands, and the jobs that fill a queue."""

from collections.abc import Callable, Collection, Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, not_, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute

from errors import BadRequest
from jobs import ledger
from jobs import queues as board
from jobs.names import JobName, QueueName
from jobs.queues import JobState, QueueView
from jobs.registry import job
from models.assets import Asset, AssetExif, AssetFile, AssetFileType, AssetStatus, AssetType
from models.jobs import Job
from services import person_thumbnails
from services.assets import has_thumbnails
from services.system import System

BATCH = 1000

# What fills a queue with work for the whole library; the other queues are filled by events alone.
_FILLED_BY = {
    QueueName.METADATA_EXTRACTION: JobName.ASSET_EXTRACT_METADATA_QUEUE_ALL,
    QueueName.THUMBNAIL_GENERATION: JobName.ASSET_GENERATE_THUMBNAILS_QUEUE_ALL,
    QueueName.VIDEO_CONVERSION: JobName.ASSET_ENCODE_VIDEO_QUEUE_ALL,
    QueueName.SIDECAR: JobName.SIDECAR_QUEUE_ALL,
}


class QueueCommand(StrEnum):
    """What Immich's clients may tell a queue."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    EMPTY = "empty"
    CLEAR_FAILED = "clear-failed"


def all_queues(system: System) -> list[QueueView]:
    """Every queue with its counts, in Immich's order."""
    return board.all_queues(system.database)


def queue_of(system: System, name: QueueName) -> QueueView:
    """One queue with its counts."""
    return next(queue for queue in all_queues(system) if queue.name is name)


def command(system: System, name: QueueName, what: QueueCommand, *, force: bool = False) -> QueueView:
    """Carries out a command; returns the queue as it is then. Raises BadRequest where it cannot start."""
    match what:
        case QueueCommand.START:
            start(system, name, force=force)
        case QueueCommand.PAUSE | QueueCommand.RESUME:
            set_paused(system, name, what is QueueCommand.PAUSE)
        case QueueCommand.EMPTY:
            board.empty(system.database, name)
        case QueueCommand.CLEAR_FAILED:
            board.clear_failed(system.database, name)
    return queue_of(system, name)


def start(system: System, name: QueueName, *, force: bool) -> None:
    """Fills a queue with jobs for all assets that lack what it makes; with `force` for all assets.

    Raises BadRequest where the queue is at work already, or is not one that can be filled.
    """
    filler = _FILLED_BY.get(name)
    if filler is None:
        raise BadRequest(f"Queue {name} cannot be started by hand")
    if queue_of(system, name).counts[JobState.ACTIVE]:
        raise BadRequest(f"Queue {name} is running already")
    with system.transaction() as session:
        ledger.enqueue(session, filler, force=force)


def set_paused(system: System, name: QueueName, is_paused: bool) -> None:
    """Lets a queue start no more jobs, or again."""
    board.set_paused(system.database, name, is_paused)
    if not is_paused:
        system.carrier.ring(ledger.due(system.database, name))


def set_concurrency(system: System, name: QueueName, number: int | None) -> None:
    """How many jobs of a queue may run at once, over all workers; None is the queue's default."""
    board.set_concurrency(system.database, name, number)
    system.carrier.ring(ledger.due(system.database, name))


def jobs_of(system: System, name: QueueName, states: Collection[JobState]) -> Sequence[Job]:
    """The first 1000 jobs of a queue in these states."""
    return board.jobs_of(system.database, name, states)


def empty(system: System, name: QueueName, *, failed: bool) -> None:
    """Strikes off the waiting jobs of a queue, with `failed` those that were set aside too."""
    board.empty(system.database, name)
    if failed:
        board.clear_failed(system.database, name)


def retry_failed(system: System, name: QueueName) -> int:
    """Sends the jobs of a queue that were set aside back to work; returns how many."""
    again = board.retry_failed(system.database, name)
    system.carrier.ring(again[: ledger.RING_AT_MOST])
    return len(again)


@job(JobName.ASSET_EXTRACT_METADATA_QUEUE_ALL)
def fill_metadata_extraction(system: System, force: bool) -> None:
    """Enqueues the metadata job of every asset that was never looked into, or of every asset."""
    looked_into = _knows(AssetExif.file_size_in_byte)
    _fill(system, JobName.ASSET_EXTRACT_METADATA, true() if force else not_(looked_into), lambda asset: True)


@job(JobName.ASSET_GENERATE_THUMBNAILS_QUEUE_ALL)
def fill_thumbnail_generation(system: System, force: bool) -> None:
    """Enqueues the thumbnail job of all assets and people that lack a picture, or of all there are."""
    lacks_one = or_(
        Asset.thumbhash.is_(None), not_(_has(AssetFileType.PREVIEW)), not_(_has(AssetFileType.THUMBNAIL))
    )
    _fill(system, JobName.ASSET_GENERATE_THUMBNAILS, true() if force else lacks_one, has_thumbnails)
    with system.transaction() as session:
        person_thumbnails.enqueue_thumbnails(session, force=force)


@job(JobName.SIDECAR_QUEUE_ALL)
def fill_sidecar_checks(system: System, force: bool) -> None:
    """Enqueues a check of every asset with edits that no job has written yet; with `force`, of every sidecar too.

    There is nothing to discover beside uploads: their sidecars come with them.
    """
    is_unwritten = _knows(AssetExif.locked_properties)
    wanted = or_(is_unwritten, _has(AssetFileType.SIDECAR)) if force else is_unwritten
    _fill(system, JobName.SIDECAR_CHECK, wanted, lambda asset: True)


def _knows(column: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """Whether there is something in a column of the asset's metadata."""
    return select(AssetExif.asset_id).where(AssetExif.asset_id == Asset.id, column.is_not(None)).exists()


@job(JobName.ASSET_ENCODE_VIDEO_QUEUE_ALL)
def fill_video_conversion(system: System, force: bool) -> None:
    """Enqueues the transcode job of every video without an encoded file, needed or not, or of every video."""
    is_video = Asset.type == AssetType.VIDEO
    lacks_it = and_(is_video, not_(_has(AssetFileType.ENCODED_VIDEO)))
    _fill(system, JobName.ASSET_ENCODE_VIDEO, is_video if force else lacks_it, lambda asset: True)


def _has(kind: AssetFileType) -> ColumnElement[bool]:
    return select(AssetFile.id).where(AssetFile.asset_id == Asset.id, AssetFile.type == kind).exists()


def _fill(
    system: System, name: JobName, wanted: ColumnElement[bool], can: Callable[[Asset], bool]
) -> None:
    """Enqueues a job for each wanted asset, batch by batch, so that uploads get their turn in between."""
    last = UUID(int=0)
    while True:
        with system.transaction() as session:
            batch = session.scalars(
                select(Asset)
                .where(Asset.id > last, Asset.status != AssetStatus.DELETED, wanted)
                .order_by(Asset.id)
                .limit(BATCH)
            ).all()
            ledger.enqueue_all(session, name, ({"id": str(asset.id)} for asset in batch if can(asset)))
        if not batch:
            return
        last = batch[-1].id
