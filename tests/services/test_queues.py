"""Commands to queues, and the jobs that fill them with the whole library."""

import time
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from errors import BadRequest
from jobs import ledger, registry
from jobs.names import JobName, QueueName
from jobs.queues import JobState
from models.assets import AssetFile, AssetFileType, AssetStatus, AssetVisibility
from models.jobs import Job
from services import queues
from services.queues import QueueCommand
from services.system import System
from tests.rows import add_asset
from tests.services.pictures import picture, upload
from tests.systems import Person, SilentCarrier, on_every_database, on_local_disk

THUMBNAILS, METADATA = QueueName.THUMBNAIL_GENERATION, QueueName.METADATA_EXTRACTION


def add_finished_asset(system: System, owner_id: UUID) -> UUID:
    """An asset that lacks nothing."""
    asset_id = add_asset(system, owner_id, exif={"file_size_in_byte": 1}, thumbhash=b"hash")
    with system.database.write() as session:
        for kind in (AssetFileType.PREVIEW, AssetFileType.THUMBNAIL):
            session.add(AssetFile(asset_id=asset_id, type=kind, path=f"/{asset_id}/{kind}"))
    return asset_id


def run_next(system: System, queue: QueueName) -> None:
    held = ledger.claim(system.database, "worker", [queue])
    assert held is not None
    registry.perform(system, held.name, held.data, lambda done: None)
    ledger.finish(system.database, held)


def waiting_for(system: System, name: JobName) -> set[UUID]:
    with system.database.read() as session:
        return {UUID(data["id"]) for data in session.scalars(select(Job.data).where(Job.name == name))}


@on_every_database
@pytest.mark.parametrize(
    ("queue", "name"), [(THUMBNAILS, JobName.ASSET_GENERATE_THUMBNAILS), (METADATA, JobName.ASSET_EXTRACT_METADATA)]
)
def test_a_start_fills_the_queue_with_what_is_missing_or_with_everything(
    system: System, admin: Person, queue: QueueName, name: JobName
) -> None:
    missing, finished = add_asset(system, admin.id), add_finished_asset(system, admin.id)
    queues.command(system, queue, QueueCommand.START)
    run_next(system, queue)
    assert waiting_for(system, name) == {missing}
    queues.command(system, queue, QueueCommand.START, force=True)
    run_next(system, queue)
    assert waiting_for(system, name) == {missing, finished}


def test_an_asset_that_was_only_edited_was_not_looked_into(system: System, admin: Person) -> None:
    edited = add_asset(system, admin.id, exif={"description": "mine"})
    queues.start(system, METADATA, force=False)
    run_next(system, METADATA)
    assert waiting_for(system, JobName.ASSET_EXTRACT_METADATA) == {edited}


@on_every_database
def test_sidecars_are_checked_where_edits_are_missing_in_them_or_all_of_them(system: System, admin: Person) -> None:
    edited = add_asset(system, admin.id, exif={"locked_properties": ["rating"]})
    beside = add_asset(system, admin.id, exif={"locked_properties": None})
    add_asset(system, admin.id, exif={})
    with system.database.write() as session:
        session.add(AssetFile(asset_id=beside, type=AssetFileType.SIDECAR, path="/a.xmp"))
    queues.start(system, QueueName.SIDECAR, force=False)
    run_next(system, QueueName.SIDECAR)
    assert waiting_for(system, JobName.SIDECAR_CHECK) == {edited}
    queues.start(system, QueueName.SIDECAR, force=True)
    run_next(system, QueueName.SIDECAR)
    assert waiting_for(system, JobName.SIDECAR_CHECK) == {edited, beside}


@on_every_database
@on_local_disk
def test_ten_thousand_jobs_of_backfill_delay_no_upload(system: System, admin: Person, tmp_path: Path) -> None:
    work = (JobName.ASSET_EXTRACT_METADATA, JobName.ASSET_GENERATE_THUMBNAILS, JobName.SIDECAR_WRITE)
    for name in work:
        with system.database.write() as session:
            ledger.enqueue_all(session, name, ({"id": str(uuid4())} for _ in range(10_000 // len(work) + 1)))
    asset_id = upload(system, admin, picture(tmp_path))
    upload_jobs = {JobName.ASSET_EXTRACT_METADATA, JobName.ASSET_GENERATE_THUMBNAILS}
    # Whatever two workers take next is the upload's.
    started = time.monotonic()
    claims = [ledger.claim(system.database, f"worker {number}", list(QueueName)) for number in range(2)]
    assert time.monotonic() - started < 1
    assert {held.name for held in claims if held is not None} == upload_jobs
    assert all(held is not None and held.data == {"id": str(asset_id)} for held in claims)


def test_a_full_queue_leaves_the_others_their_turn(system: System, admin: Person) -> None:
    queues.set_concurrency(system, THUMBNAILS, 1)
    with system.transaction() as session:
        ledger.enqueue_all(session, JobName.ASSET_GENERATE_THUMBNAILS, ({"id": str(uuid4())} for _ in range(3)))
        ledger.enqueue_all(session, JobName.SIDECAR_WRITE, ({"id": str(uuid4())} for _ in range(3)))
    claims = [ledger.claim(system.database, "worker", [THUMBNAILS, QueueName.SIDECAR]) for _ in range(3)]
    assert sorted(held.queue for held in claims if held) == ["sidecar", "sidecar", "thumbnailGeneration"]


@pytest.mark.parametrize("kind", [AssetFileType.PREVIEW, AssetFileType.THUMBNAIL])
def test_an_asset_that_lacks_one_picture_lacks_enough(system: System, admin: Person, kind: AssetFileType) -> None:
    asset_id = add_finished_asset(system, admin.id)
    with system.database.write() as session:
        session.delete(session.scalars(select(AssetFile).where(AssetFile.type == kind)).one())
    queues.start(system, THUMBNAILS, force=False)
    run_next(system, THUMBNAILS)
    assert waiting_for(system, JobName.ASSET_GENERATE_THUMBNAILS) == {asset_id}


def test_nothing_is_made_of_what_is_hidden_or_on_its_way_out(system: System, admin: Person) -> None:
    add_asset(system, admin.id, visibility=AssetVisibility.HIDDEN)
    add_asset(system, admin.id, status=AssetStatus.DELETED)
    in_the_trash = add_asset(system, admin.id, status=AssetStatus.TRASHED)
    queues.start(system, THUMBNAILS, force=True)
    run_next(system, THUMBNAILS)
    assert waiting_for(system, JobName.ASSET_GENERATE_THUMBNAILS) == {in_the_trash}


def test_a_library_larger_than_a_batch_is_filled_in_whole(
    system: System, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "BATCH", 2)
    assets = {add_asset(system, admin.id) for _ in range(5)}
    queues.start(system, METADATA, force=False)
    run_next(system, METADATA)
    assert waiting_for(system, JobName.ASSET_EXTRACT_METADATA) == assets


def test_a_queue_that_is_at_work_is_not_started_again(system: System) -> None:
    queues.start(system, THUMBNAILS, force=False)
    ledger.claim(system.database, "worker", [THUMBNAILS])
    with pytest.raises(BadRequest):
        queues.start(system, THUMBNAILS, force=False)


def test_a_queue_that_only_events_fill_cannot_be_started(system: System) -> None:
    with pytest.raises(BadRequest):
        queues.start(system, QueueName.NOTIFICATIONS, force=True)


def test_resuming_rings_for_what_waits(system: System) -> None:
    queues.set_paused(system, THUMBNAILS, True)
    with system.database.write() as session:
        job_id = ledger.enqueue(session, JobName.ASSET_GENERATE_THUMBNAILS)
    queues.set_paused(system, THUMBNAILS, False)
    assert isinstance(system.carrier, SilentCarrier)
    assert system.carrier.rung == [job_id]


def test_a_rollback_rings_for_nobody(system: System) -> None:
    def enqueue_and_fail() -> None:
        with system.transaction() as session:
            ledger.enqueue(session, JobName.ASSET_GENERATE_THUMBNAILS)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        enqueue_and_fail()
    assert isinstance(system.carrier, SilentCarrier)
    assert system.carrier.rung == []


def test_every_command_does_what_it_says(system: System) -> None:
    def jobs_after(what: QueueCommand) -> dict[JobState, int]:
        counts = queues.command(system, THUMBNAILS, what).counts
        return {state: number for state, number in counts.items() if number}

    with system.transaction() as session:
        ledger.enqueue(session, JobName.ASSET_GENERATE_THUMBNAILS)
    assert jobs_after(QueueCommand.PAUSE) == {JobState.PAUSED: 1}
    assert jobs_after(QueueCommand.RESUME) == {JobState.WAITING: 1}
    held = ledger.claim(system.database, "worker", [THUMBNAILS])
    assert held is not None
    ledger.fail(system.database, held, BadRequest("never"))
    with system.transaction() as session:
        ledger.enqueue(session, JobName.ASSET_GENERATE_THUMBNAILS)
    assert jobs_after(QueueCommand.EMPTY) == {JobState.FAILED: 1}
    assert jobs_after(QueueCommand.CLEAR_FAILED) == {}
