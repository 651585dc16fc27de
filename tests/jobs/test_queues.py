"""Queues as an admin sees them: Immich's counts, pausing, emptying."""

from datetime import timedelta

from sqlalchemy import select

from errors import IntegrityMismatch
from jobs import ledger, queues
from jobs.ledger import Claim
from jobs.names import JobName, QueueName
from jobs.queues import JobState
from models.base import Database
from models.jobs import QueueState
from tests.jobs.conftest import Clock

THUMBNAILS, METADATA = JobName.ASSET_GENERATE_THUMBNAILS, JobName.ASSET_EXTRACT_METADATA
QUEUE = THUMBNAILS.queue


def fill(database: Database, clock: Clock) -> None:
    """One job of each state, in an order of their own, and one more that waits; one in another queue."""
    with database.write() as session:
        ledger.enqueue(session, THUMBNAILS, n="failed")
    ledger.fail(database, claim(database), IntegrityMismatch("not the bytes"))
    with database.write() as session:
        ledger.enqueue(session, THUMBNAILS, n="active")
    claim(database)
    with database.write() as session:
        ledger.enqueue(session, THUMBNAILS, n="delayed", due_at=clock.now + timedelta(hours=1))
        ledger.enqueue(session, METADATA, n="elsewhere")
        ledger.enqueue_all(session, THUMBNAILS, [{"n": "waiting later"}])
        ledger.enqueue(session, THUMBNAILS, n="waiting")


def claim(database: Database) -> Claim:
    held = ledger.claim(database, "worker", [QUEUE])
    assert held is not None
    return held


def counts_of(database: Database, name: QueueName = QUEUE) -> dict[str, int]:
    queue = next(queue for queue in queues.all_queues(database) if queue.name is name)
    return {state.value: number for state, number in queue.counts.items() if number}


def listed(database: Database, *states: JobState) -> list[str]:
    return [job.data["n"] for job in queues.jobs_of(database, QUEUE, states)]


def test_every_queue_is_there_in_immichs_order_and_counts_every_state(database: Database) -> None:
    shown = queues.all_queues(database)
    assert [queue.name for queue in shown] == list(QueueName)
    assert all(list(queue.counts) == list(JobState) and not queue.is_paused for queue in shown)


def test_jobs_are_counted_by_immichs_states(database: Database, clock: Clock) -> None:
    fill(database, clock)
    assert counts_of(database) == {"active": 1, "failed": 1, "delayed": 1, "waiting": 2}
    assert counts_of(database, METADATA.queue) == {"waiting": 1}


def test_waiting_jobs_of_a_paused_queue_count_as_paused(database: Database, clock: Clock) -> None:
    fill(database, clock)
    queues.set_paused(database, QUEUE, True)
    assert counts_of(database) == {"active": 1, "failed": 1, "delayed": 1, "paused": 2}
    assert counts_of(database, METADATA.queue) == {"waiting": 1}
    queues.set_paused(database, QUEUE, False)
    assert counts_of(database)["waiting"] == 2


def test_jobs_are_listed_by_state_the_next_to_run_first(database: Database, clock: Clock) -> None:
    fill(database, clock)
    assert listed(database, JobState.WAITING) == ["waiting", "waiting later"]
    assert listed(database, JobState.ACTIVE) == ["active"]
    assert sorted(listed(database, JobState.FAILED, JobState.DELAYED)) == ["delayed", "failed"]
    assert listed(database, JobState.COMPLETED) == listed(database, JobState.PAUSED) == []
    queues.set_paused(database, QUEUE, True)
    assert listed(database, JobState.PAUSED) == ["waiting", "waiting later"]
    assert listed(database, JobState.WAITING) == []


def test_emptying_a_queue_takes_what_waits_and_nothing_else(database: Database, clock: Clock) -> None:
    fill(database, clock)
    assert queues.empty(database, QUEUE) == 3
    assert counts_of(database) == {"active": 1, "failed": 1}
    assert counts_of(database, METADATA.queue) == {"waiting": 1}


def test_clearing_takes_what_failed_and_nothing_else(database: Database, clock: Clock) -> None:
    fill(database, clock)
    assert queues.clear_failed(database, QUEUE) == 1
    assert counts_of(database) == {"active": 1, "delayed": 1, "waiting": 2}


def test_a_failed_job_that_is_sent_back_has_all_its_attempts_again(database: Database, clock: Clock) -> None:
    fill(database, clock)
    queues.empty(database, QUEUE)
    assert len(queues.retry_failed(database, QUEUE)) == 1
    for _ in range(ledger.MAX_ATTEMPTS):
        assert "failed" not in counts_of(database)
        ledger.fail(database, claim(database), ValueError())
        clock.forward(minutes=10)
    assert counts_of(database)["failed"] == 1


def test_pausing_leaves_the_number_of_jobs_at_once_as_it_was(database: Database) -> None:
    with database.write() as session:
        session.add(QueueState(name=QUEUE, concurrency=7))
    queues.set_paused(database, QUEUE, True)
    with database.read() as session:
        assert session.execute(select(QueueState.is_paused, QueueState.concurrency)).one() == (True, 7)


def test_a_number_for_a_queue_holds_and_leaves_its_pause_alone(database: Database) -> None:
    queues.set_paused(database, QUEUE, True)
    queues.set_concurrency(database, QUEUE, 3)
    with database.read() as session:
        state = session.get_one(QueueState, QUEUE.value)
    assert (state.concurrency, state.is_paused) == (3, True)
