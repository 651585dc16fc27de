"""Queues as an admin sees them: counted, paused, emptied, looked into."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, true, update
from sqlalchemy.orm import Session

from jobs.ledger import MAX_ATTEMPTS
from jobs.names import QueueName
from models.base import Database, rows_changed, utc_now
from models.jobs import Job, JobStatus, QueueState

LISTED_AT_MOST = 1000


class JobState(StrEnum):
    """Immich's states of a job: a waiting job is `delayed` until it is due, `paused` while its queue is.

    Jobs that are done leave the ledger, so none is ever `completed`.
    """

    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"
    DELAYED = "delayed"
    WAITING = "waiting"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class QueueView:
    """A queue at one moment; `counts` has every JobState."""

    name: QueueName
    is_paused: bool
    counts: Mapping[JobState, int]


def all_queues(database: Database) -> list[QueueView]:
    """Every queue, in Immich's order."""
    state = func.coalesce(Job.due_at > utc_now(), False)
    tally = select(Job.queue, Job.status, state, func.count()).group_by(Job.queue, Job.status, state)
    with database.read() as session:
        paused = _paused(session)
        counts = {queue: dict.fromkeys(JobState, 0) for queue in QueueName}
        for queue, status, is_later, number in session.execute(tally):
            counts[QueueName(queue)][_state_of(status, bool(is_later), queue in paused)] += number
    return [QueueView(queue, queue in paused, counts[queue]) for queue in QueueName]


def _paused(session: Session) -> frozenset[str]:
    return frozenset(session.scalars(select(QueueState.name).where(QueueState.is_paused)))


def _state_of(status: JobStatus, is_later: bool, is_paused: bool) -> JobState:
    if status is not JobStatus.WAITING:
        return JobState(status.value)
    if is_later:
        return JobState.DELAYED
    return JobState.PAUSED if is_paused else JobState.WAITING


def jobs_of(database: Database, queue: QueueName, states: Collection[JobState]) -> Sequence[Job]:
    """The first 1000 jobs of a queue in these states, the next to run first."""
    with database.read() as session:
        wanted = _in_states(states, queue in _paused(session))
        jobs = select(Job).where(Job.queue == queue, wanted).order_by(Job.backfill, Job.due_at)
        return session.scalars(jobs.limit(LISTED_AT_MOST)).all()


def _in_states(states: Collection[JobState], is_paused: bool) -> ColumnElement[bool]:
    waiting = Job.status == JobStatus.WAITING
    tests = {
        JobState.ACTIVE: Job.status == JobStatus.ACTIVE,
        JobState.FAILED: Job.status == JobStatus.FAILED,
        JobState.DELAYED: and_(waiting, Job.due_at > utc_now()),
        JobState.PAUSED if is_paused else JobState.WAITING: and_(waiting, Job.due_at <= utc_now()),
    }
    return or_(~true(), *(tests[state] for state in states if state in tests))


def set_paused(database: Database, queue: QueueName, is_paused: bool) -> None:
    """Lets a queue start no more jobs, or again; those that are running go on."""
    with database.write() as session:
        session.merge(QueueState(name=queue.value, is_paused=is_paused))


def set_concurrency(database: Database, queue: QueueName, number: int | None) -> None:
    """How many jobs of a queue may run at once, over all workers; None is the queue's default."""
    with database.write() as session:
        session.merge(QueueState(name=queue.value, concurrency=number))


def empty(database: Database, queue: QueueName) -> int:
    """Strikes off the jobs of a queue that wait, now or for later; returns how many."""
    return _strike_off(database, queue, JobStatus.WAITING)


def clear_failed(database: Database, queue: QueueName) -> int:
    """Strikes off the jobs of a queue that were set aside; returns how many."""
    return _strike_off(database, queue, JobStatus.FAILED)


def _strike_off(database: Database, queue: QueueName, status: JobStatus) -> int:
    with database.write() as session:
        return rows_changed(session, delete(Job).where(Job.queue == queue, Job.status == status))


def retry_failed(database: Database, queue: QueueName) -> list[UUID]:
    """Sends the jobs that were set aside back, due now and with all their attempts; returns them."""
    again = (
        update(Job)
        .where(Job.queue == queue, Job.status == JobStatus.FAILED)
        .values(status=JobStatus.WAITING, due_at=utc_now(), max_attempts=Job.attempt + MAX_ATTEMPTS)
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    )
    with database.write() as session:
        return list(session.scalars(again))
