"""The ledger: who gets a job, who loses it, and when it is tried again."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from errors import IntegrityMismatch, StorageUnavailable, ToolTimeout
from jobs import ledger
from jobs.ledger import Claim
from jobs.names import JobName, QueueName
from models.base import Database, utc_now
from models.jobs import Job, JobStatus, QueueState
from tests.jobs.conftest import Clock

ALL = frozenset(QueueName)
THUMBNAILS = JobName.ASSET_GENERATE_THUMBNAILS
METADATA = JobName.ASSET_EXTRACT_METADATA
SERIAL = JobName.INTEGRITY_UNTRACKED_FILES


def enqueue(database: Database, name: JobName = THUMBNAILS, **data: object) -> UUID:
    with database.write() as session:
        return ledger.enqueue(session, name, **data)  # type: ignore[arg-type]  # data are not `due_at`


def claim(database: Database, worker: str = "worker") -> Claim:
    held = ledger.claim(database, worker, ALL)
    assert held is not None
    return held


def job_of(database: Database, job_id: UUID) -> Job:
    with database.read() as session:
        return session.scalars(select(Job).where(Job.id == job_id)).one()


def names_in_order(database: Database) -> list[str]:
    """What the ledger hands out until it has nothing more."""
    order = []
    while (held := ledger.claim(database, "worker", ALL)) is not None:
        order.append(str(held.data.get("n", held.name)))
        ledger.finish(database, held)
    return order


def test_a_job_that_is_done_leaves_the_ledger(database: Database) -> None:
    asset_id = uuid4()
    enqueue(database, id=asset_id)
    held = claim(database)
    assert held.data == {"id": str(asset_id)}
    assert ledger.finish(database, held)
    with database.read() as session:
        assert session.scalars(select(Job)).all() == []


def test_a_job_of_a_transaction_that_was_rolled_back_does_not_exist(database: Database) -> None:
    def enqueue_and_fail() -> None:
        with database.write() as session:
            ledger.enqueue(session, THUMBNAILS)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        enqueue_and_fail()
    assert ledger.claim(database, "worker", ALL) is None


def test_what_was_enqueued_is_rung_for_once(database: Database) -> None:
    with database.write() as session:
        first = ledger.enqueue(session, THUMBNAILS, n=1)
        second = ledger.enqueue(session, METADATA, n=1)
        ledger.enqueue(session, METADATA, n=2, due_at=utc_now() + timedelta(hours=1))
    assert ledger.enqueued_in(session) == [first, second]
    assert ledger.enqueued_in(session) == []


def test_a_flood_of_jobs_rings_for_no_more_threads_than_there_can_be(database: Database) -> None:
    with database.write() as session:
        ledger.enqueue_all(session, THUMBNAILS, ({"n": n} for n in range(1000)))
        assert len(session.scalars(select(Job.id)).all()) == 1000
    assert len(ledger.enqueued_in(session)) == ledger.RING_AT_MOST


def test_an_equal_job_that_waits_is_returned_instead(database: Database) -> None:
    first = enqueue(database, id=1, force=True)
    assert enqueue(database, force=True, id=1) == first
    assert enqueue(database, id=1, force=False) != first
    assert enqueue(database, METADATA, id=1, force=True) != first


def test_an_equal_job_that_has_started_is_not_enough(database: Database) -> None:
    first = enqueue(database, id=1)
    held = claim(database)
    second = enqueue(database, id=1)
    assert second != first
    ledger.fail(database, held, RuntimeError())
    assert job_of(database, first).status is JobStatus.WAITING
    assert job_of(database, second).status is JobStatus.WAITING


def test_an_equal_job_keeps_the_earlier_time(database: Database, clock: Clock) -> None:
    later = clock.now + timedelta(hours=1)
    with database.write() as session:
        first = ledger.enqueue(session, THUMBNAILS, due_at=later)
        assert ledger.enqueue(session, THUMBNAILS) == first
        assert ledger.enqueue(session, THUMBNAILS, due_at=later) == first
    assert claim(database).id == first


def test_backfill_passes_over_what_waits_already(database: Database) -> None:
    asset_id = uuid4()
    enqueue(database, id=asset_id)
    with database.write() as session:
        ledger.enqueue_all(session, THUMBNAILS, [{"id": str(asset_id)}, {"id": "other"}])
        ledger.enqueue_all(session, THUMBNAILS, [])
    assert len(names_in_order(database)) == 2


def test_fresh_work_goes_before_backfill_and_first_come_first_served(database: Database, clock: Clock) -> None:
    with database.write() as session:
        ledger.enqueue_all(session, METADATA, [{"n": "backfill 1"}])
    for n in ("fresh 1", "fresh 2"):
        clock.forward(seconds=1)
        enqueue(database, THUMBNAILS if n == "fresh 1" else METADATA, n=n)
    clock.forward(seconds=1)
    with database.write() as session:
        ledger.enqueue_all(session, THUMBNAILS, [{"n": "backfill 2"}])
    assert names_in_order(database) == ["fresh 1", "fresh 2", "backfill 1", "backfill 2"]


def test_backfill_that_somebody_asks_for_becomes_fresh(database: Database, clock: Clock) -> None:
    with database.write() as session:
        ledger.enqueue_all(session, THUMBNAILS, [{"n": 1}])
        clock.forward(seconds=1)
        ledger.enqueue_all(session, THUMBNAILS, [{"n": 2}])
    enqueue(database, n=2)
    assert names_in_order(database) == ["2", "1"]


def test_a_job_is_not_handed_out_before_it_is_due(database: Database, clock: Clock) -> None:
    with database.write() as session:
        ledger.enqueue(session, THUMBNAILS, due_at=clock.now + timedelta(minutes=5))
    assert ledger.claim(database, "worker", ALL) is None
    clock.forward(minutes=5)
    assert claim(database).name == THUMBNAILS


def test_a_worker_gets_jobs_of_its_queues_only(database: Database) -> None:
    enqueue(database)
    assert ledger.claim(database, "worker", [QueueName.LIBRARY]) is None
    assert ledger.claim(database, "worker", []) is None
    assert ledger.claim(database, "worker", [THUMBNAILS.queue]) is not None


def test_a_paused_queue_hands_out_nothing_and_goes_on_when_resumed(database: Database) -> None:
    enqueue(database)
    with database.write() as session:
        session.add(QueueState(name=THUMBNAILS.queue, is_paused=True))
    assert ledger.claim(database, "worker", ALL) is None
    with database.write() as session:
        session.merge(QueueState(name=THUMBNAILS.queue, is_paused=False))
    assert ledger.claim(database, "worker", ALL) is not None


def test_a_queue_runs_no_more_jobs_at_once_than_it_may(database: Database) -> None:
    for n in range(3):
        enqueue(database, n=n)
        enqueue(database, SERIAL, n=n)
    with database.write() as session:
        session.add(QueueState(name=THUMBNAILS.queue, concurrency=2))
    held = [ledger.claim(database, "worker", ALL) for _ in range(6)]
    assert sorted(one.name for one in held if one) == [THUMBNAILS, THUMBNAILS, SERIAL]
    assert held[0] is not None
    ledger.finish(database, held[0])
    assert claim(database).name == held[0].name


def drain(url: URL) -> list[UUID]:
    """Claims whatever there is, as one process of a crowd; nothing is finished."""
    database = Database(url)
    claimed = []
    while (held := ledger.claim(database, "worker", ALL)) is not None:
        claimed.append(held.id)
    database.close()
    return claimed


def test_eight_threads_never_get_the_same_job(database: Database, database_url: URL) -> None:
    with database.write() as session:
        ledger.enqueue_all(session, THUMBNAILS, ({"n": n} for n in range(48)))
    with ThreadPoolExecutor(8) as threads:
        claimed = [job_id for ids in threads.map(drain, [database_url] * 8) for job_id in ids]
    assert len(claimed) == len(set(claimed)) == 48


@pytest.mark.servers
def test_two_processes_never_share_a_job_nor_start_more_than_allowed(database: Database, database_url: URL) -> None:
    with database.write() as session:
        ledger.enqueue_all(session, THUMBNAILS, ({"n": n} for n in range(30)))
        ledger.enqueue_all(session, SERIAL, ({"n": n} for n in range(5)))
    with multiprocessing.get_context("spawn").Pool(2) as processes:
        claimed = [job_id for ids in processes.map(drain, [database_url] * 2, chunksize=1) for job_id in ids]
    assert len(claimed) == len(set(claimed)) == 31


@pytest.mark.parametrize("database_kind", [pytest.param("postgresql", marks=pytest.mark.servers)])
def test_a_worker_that_freezes_while_it_claims_does_not_freeze_the_others(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = enqueue(database)

    def freeze() -> None:
        with database.write() as frozen:
            with monkeypatch.context() as impatience:
                impatience.setattr(ledger, "_LONGEST_SILENCE", "200ms")
                ledger.alone(frozen)
            assert claim(database).id == job_id

    with pytest.raises(DBAPIError, match="idle-in-transaction"):
        freeze()
    assert job_of(database, job_id).status is JobStatus.ACTIVE


def test_a_lease_that_lapsed_goes_to_the_next_and_fences_the_first_out(database: Database, clock: Clock) -> None:
    job_id = enqueue(database)
    first = claim(database, "first")
    clock.forward(seconds=61)
    assert ledger.recover(database) == [job_id]
    second = claim(database, "second")
    assert second.id == job_id
    assert ledger.heartbeat(database, [first, second]) == [first]
    assert not ledger.finish(database, first)
    assert not ledger.fail(database, first, RuntimeError())
    assert not ledger.progress(database, first, 0.5)
    ledger.release(database, [first])
    assert job_of(database, job_id).worker == "second"
    assert ledger.finish(database, second)


def test_a_heartbeat_keeps_the_job(database: Database, clock: Clock) -> None:
    enqueue(database)
    held = claim(database)
    for _ in range(4):
        clock.forward(seconds=45)
        assert ledger.heartbeat(database, [held]) == []
        assert ledger.recover(database) == []
    assert ledger.finish(database, held)


def test_progress_is_written_down(database: Database) -> None:
    held = claim_of(database, enqueue(database))
    assert ledger.progress(database, held, 0.25)
    assert job_of(database, held.id).progress == 0.25


def claim_of(database: Database, job_id: UUID) -> Claim:
    held = claim(database)
    assert held.id == job_id
    return held


def test_an_unexpected_error_is_tried_again_ever_later_and_then_set_aside(database: Database, clock: Clock) -> None:
    job_id = enqueue(database)
    for wait in (5, 20):
        assert ledger.fail(database, claim(database), ValueError("broken"))
        clock.forward(seconds=wait - 1)
        assert ledger.claim(database, "worker", ALL) is None
        clock.forward(seconds=1)
    assert ledger.fail(database, claim(database), ValueError("broken"))
    job = job_of(database, job_id)
    assert (job.status, job.error, job.worker) == (JobStatus.FAILED, "ValueError: broken", None)


def test_an_error_that_would_come_again_sets_the_job_aside_at_once(database: Database) -> None:
    job_id = enqueue(database)
    ledger.fail(database, claim(database), IntegrityMismatch("not the bytes"))
    assert job_of(database, job_id).status is JobStatus.FAILED


def test_an_error_of_ours_that_may_pass_is_tried_again(database: Database) -> None:
    job_id = enqueue(database)
    ledger.fail(database, claim(database), ToolTimeout("too slow"))
    assert job_of(database, job_id).status is JobStatus.WAITING


def test_a_store_that_is_away_for_hours_costs_no_job(database: Database, clock: Clock) -> None:
    job_id = enqueue(database)
    for _ in range(20):
        ledger.fail(database, claim(database), StorageUnavailable("no answer"))
        clock.forward(minutes=10)
    ledger.fail(database, claim(database), ValueError("an error of the job's own"))
    assert job_of(database, job_id).status is JobStatus.WAITING


def test_a_job_that_kills_its_worker_again_and_again_is_set_aside(database: Database, clock: Clock) -> None:
    job_id = enqueue(database)
    for _ in range(ledger.MAX_ATTEMPTS):
        claim(database)
        clock.forward(seconds=61)
        ledger.recover(database)
    job = job_of(database, job_id)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert "died" in job.error


def test_a_job_given_back_waits_at_once_and_keeps_its_attempts(database: Database) -> None:
    enqueue(database)
    for _ in range(ledger.MAX_ATTEMPTS + 2):
        held = claim(database)
        ledger.release(database, [held])
    assert held.max_attempts - held.attempt == ledger.MAX_ATTEMPTS - 1


def test_an_error_that_is_no_proper_text_can_be_kept(database: Database) -> None:
    job_id = enqueue(database)
    ledger.fail(database, claim(database), ValueError("nul \0 surrogate \udcff" + "x" * 10_000))
    assert (job_of(database, job_id).error or "").startswith("ValueError: nul \N{REPLACEMENT CHARACTER} surrogate ?")


# PostgreSQL's planner decides by statistics, so a small table tells nothing about it.
@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_the_head_of_a_long_queue_is_found_without_reading_the_queue(database: Database) -> None:
    head = "SELECT id FROM job WHERE queue = '' AND status = '' AND backfill = 0 AND due_at <= '' ORDER BY due_at"
    with database.read() as session:
        plan = " ".join(row[3] for row in session.execute(text(f"EXPLAIN QUERY PLAN {head} LIMIT 1")))
    assert "ix_job_queue_status_backfill_due_at" in plan
    assert "TEMP B-TREE" not in plan
