"""The ledger: jobs as rows, enqueued with what they are about, claimed under a lease, fenced by attempt.

Delivery is at least once: whoever claimed a job and went silent loses it to the next who asks.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from operator import itemgetter
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Executable, Select, and_, bindparam, delete, func, select, text, union_all, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from errors import AppError, StorageUnavailable
from jobs.names import DEFAULT_CONCURRENCY, JobName, QueueName
from models.base import Database, UtcDateTime, rows_changed, table_of, utc_now
from models.jobs import Job, JobStatus, QueueState

# A worker renews its leases every quarter of this; one that misses four beats has lost its jobs.
LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 3
_FIRST_RETRY = timedelta(seconds=5)
_LONGEST_RETRY = timedelta(minutes=10)
_ERROR_LENGTH = 4000
_WORKER_DIED = "The worker that ran this job died, or went silent for longer than its lease."
# Wakes every thread of a large installation; the ledger tells each of them what to do.
RING_AT_MOST = 64
_RING_LIST = "enqueued jobs"
# Any number that no other advisory lock of ours uses.
_TURN = 0x0B0C4E7
_LONGEST_SILENCE = "20s"
_WAIT_FOR_TURN = text(
    "SELECT set_config('idle_in_transaction_session_timeout', :silence, true), pg_advisory_xact_lock(:turn)"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A job in the hands of one worker; `attempt` fences it against the job's next holder."""

    id: UUID
    name: str
    queue: QueueName
    data: Mapping[str, Any]
    attempt: int
    max_attempts: int


def enqueue(session: Session, name: JobName, *, due_at: datetime | None = None, **data: Any) -> UUID:
    """Adds a job to the caller's transaction, and returns its id.

    An equal job (name and data) that no worker has started yet is returned instead; it keeps the
    earlier of both times. Data are JSON values, or UUIDs.
    """
    row = _row(name, due_at or utc_now(), data)
    job_id: UUID = session.execute(_upsert(_is_sqlite(session)), row).scalar_one()
    if due_at is None or due_at <= utc_now():
        _remember_to_ring(session, [job_id])
    return job_id


@cache
def _upsert(is_sqlite: bool) -> Executable:
    """Built once: building costs more than executing, and every upload enqueues."""
    jobs = table_of(Job)
    insert = sqlite.insert(jobs) if is_sqlite else postgresql.insert(jobs)
    earlier = (func.min if is_sqlite else func.least)(jobs.c.due_at, insert.excluded.due_at)
    both = and_(jobs.c.backfill, insert.excluded.backfill)
    return insert.on_conflict_do_update(
        index_elements=[jobs.c.dedupe_key], set_={"due_at": earlier, "backfill": both}
    ).returning(jobs.c.id)


def enqueue_all(session: Session, name: JobName, many: Iterable[Mapping[str, Any]]) -> None:
    """Adds one job for each mapping of data to the caller's transaction; fresh work goes before them.

    Data for which an equal job is waiting are passed over.
    """
    now = utc_now()
    rows = [_row(name, now, data) | {"backfill": True} for data in many]
    if not rows:
        return
    # In one order for all, so that two transactions with the same jobs wait for each other one way only.
    rows.sort(key=itemgetter("dedupe_key"))
    session.execute(_insert(session).on_conflict_do_nothing(index_elements=[Job.dedupe_key]), rows)
    _remember_to_ring(session, [row["id"] for row in rows[:RING_AT_MOST]])


def enqueued_in(session: Session) -> list[UUID]:
    """The jobs enqueued in a transaction that are due; asked once, after its commit, to ring for them."""
    ids: list[UUID] = session.info.pop(_RING_LIST, [])
    return ids[:RING_AT_MOST]


def _remember_to_ring(session: Session, ids: list[UUID]) -> None:
    session.info.setdefault(_RING_LIST, []).extend(ids)


def _row(name: JobName, due_at: datetime, data: Mapping[str, Any]) -> dict[str, Any]:
    plain = {key: str(value) if isinstance(value, UUID) else value for key, value in data.items()}
    wording = json.dumps([name, plain], sort_keys=True).encode()
    return {
        "id": uuid4(),
        "name": name.value,
        "queue": name.queue.value,
        "data": plain,
        "dedupe_key": hashlib.blake2b(wording, digest_size=16).hexdigest(),
        "backfill": False,
        "max_attempts": MAX_ATTEMPTS,
        "due_at": due_at,
    }


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def _insert(session: Session) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(Job) if _is_sqlite(session) else postgresql.insert(Job)


def alone(session: Session) -> None:
    """Keeps other transactions that call this waiting until the session's ends.

    On SQLite every writing transaction is alone. On PostgreSQL a session that falls silent inside its
    transaction, on a machine that was cut off perhaps, is ended by the server so that others go on.
    """
    if not _is_sqlite(session):
        session.execute(_WAIT_FOR_TURN, {"silence": _LONGEST_SILENCE, "turn": _TURN})


def claim(database: Database, worker: str, queues: Collection[QueueName]) -> Claim | None:
    """Takes the next due job of these queues, or None where nothing may run now.

    Paused queues and queues that run as many jobs as they may are passed over. Fresh work goes
    before backfill, then what was due first.
    """
    now = utc_now()
    # Where a power failure undoes it, nobody has the job any more: it waits again.
    with database.write_soon() as session:
        alone(session)
        open_queues = _open_queues(session, queues)
        if not open_queues:
            return None
        row = session.execute(
            _claiming(open_queues), {"now": now, "lease_end": now + LEASE, "holder": worker}
        ).one_or_none()
    if row is None:
        return None
    return Claim(row.id, row.name, QueueName(row.queue), row.data, row.attempt, row.max_attempts)


# On the table, as the rows need not be loaded: for a model, each execution would build the statement anew.
_JOBS = table_of(Job)


@cache
def _claiming(queues: tuple[QueueName, ...]) -> Executable:
    """The one statement that claims, kept because building it costs far more than running it."""
    head = union_all(*(_head(queue, backfill) for queue in queues for backfill in (False, True))).subquery()
    first = select(head.c.id).order_by(head.c.backfill, head.c.due_at).limit(1).scalar_subquery()
    return (
        update(_JOBS)
        .where(_JOBS.c.id == first, _JOBS.c.status == JobStatus.WAITING)
        .values(
            status=JobStatus.ACTIVE,
            attempt=_JOBS.c.attempt + 1,
            leased_until=bindparam("lease_end"),
            started_at=bindparam("now"),
            worker=bindparam("holder"),
            dedupe_key=None,
            progress=None,
        )
        .returning(*(_JOBS.c[name] for name in ("id", "name", "queue", "data", "attempt", "max_attempts")))
    )


def _head(queue: QueueName, backfill: bool) -> Select[tuple[UUID, bool, datetime]]:
    jobs = _JOBS.c
    first = (
        select(jobs.id, jobs.backfill, jobs.due_at)
        .where(jobs.queue == queue, jobs.status == JobStatus.WAITING, jobs.backfill == backfill)
        .where(jobs.due_at <= bindparam("now", type_=UtcDateTime()))
        .order_by(jobs.due_at)
        .limit(1)
        .subquery()
    )
    return select(first.c.id, first.c.backfill, first.c.due_at)


_STATES = table_of(QueueState)
_RUNNING = select(_JOBS.c.queue, func.count()).where(_JOBS.c.status == JobStatus.ACTIVE).group_by(_JOBS.c.queue)
_DECIDED = select(_STATES.c.name, _STATES.c.is_paused, _STATES.c.concurrency)


def _open_queues(session: Session, queues: Collection[QueueName]) -> tuple[QueueName, ...]:
    """The queues that may start a job now, in a stable order."""
    running = {queue: number for queue, number in session.execute(_RUNNING)}  # noqa: C416 - mypy knows no dict(rows)
    limits: dict[str, int] = {queue.value: limit for queue, limit in DEFAULT_CONCURRENCY.items()}
    for name, is_paused, concurrency in session.execute(_DECIDED):
        if is_paused or concurrency is not None:
            limits[name] = 0 if is_paused else concurrency or 0
    return tuple(
        queue
        for queue in QueueName
        if queue in queues and ((limit := limits.get(queue)) is None or running.get(queue, 0) < limit)
    )


def heartbeat(database: Database, claims: Collection[Claim]) -> list[Claim]:
    """Renews the leases of running jobs; returns the claims that were lost."""
    if not claims:
        return []
    with database.write_soon() as session:
        return [held for held in claims if not _change(session, held, leased_until=utc_now() + LEASE)]


def progress(database: Database, held: Claim, done: float) -> bool:
    """Records how much of a job is done, from 0 to 1; False where the claim was lost."""
    with database.write_soon() as session:
        return _change(session, held, progress=done)


def finish(database: Database, held: Claim) -> bool:
    """Strikes a job that is done off the ledger; False where the claim was lost.

    Where a power failure undoes it, the job is done once more.
    """
    with database.write_soon() as session:
        return bool(rows_changed(session, _FINISH, {"held_id": held.id, "held_attempt": held.attempt}))


def fail(database: Database, held: Claim, error: Exception) -> bool:
    """Sends a job that failed back for a later attempt, or sets it aside; False where the claim was lost.

    Set aside at once: an error of ours that another attempt would meet again (not `retryable`).
    Tried again without an end: a store that does not answer, which is not the job's fault. Tried
    again up to its number of attempts: everything else. The wait grows fourfold, up to 10 minutes.
    """
    changes: dict[str, Any] = {"status": JobStatus.WAITING, "due_at": utc_now() + retry_delay(held.attempt)}
    if isinstance(error, StorageUnavailable):
        changes["max_attempts"] = held.max_attempts + 1
    elif held.attempt >= held.max_attempts or (isinstance(error, AppError) and not error.retryable):
        changes = {"status": JobStatus.FAILED}
    with database.write() as session:
        return _change(session, held, error=_wording(error), leased_until=None, worker=None, **changes)


def retry_delay(attempt: int) -> timedelta:
    """How long a job waits after its attempt of this number, counted from 1, has failed."""
    return min(_FIRST_RETRY * 4.0 ** min(attempt - 1, 8), _LONGEST_RETRY)


def _wording(error: Exception) -> str:
    """The error as text that every database takes: no NUL, no lone surrogates."""
    words = f"{type(error).__name__}: {error}"[:_ERROR_LENGTH]
    return words.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def release(database: Database, claims: Collection[Claim]) -> None:
    """Gives unfinished jobs back at once, with the attempt they did not get to use."""
    with database.write() as session:
        for held in claims:
            _change(session, held, status=JobStatus.WAITING, due_at=utc_now(), leased_until=None, worker=None,
                    max_attempts=held.max_attempts + 1)  # fmt: skip


# Built once, as every job executes it.
_FINISH = delete(_JOBS).where(
    _JOBS.c.id == bindparam("held_id"),
    _JOBS.c.attempt == bindparam("held_attempt"),
    _JOBS.c.status == JobStatus.ACTIVE,
)


def _is_held(held: Claim) -> ColumnElement[bool]:
    """The fence: the row is still the one that this claim took."""
    return and_(Job.id == held.id, Job.attempt == held.attempt, Job.status == JobStatus.ACTIVE)


def _change(session: Session, held: Claim, **values: Any) -> bool:
    statement = update(Job).where(_is_held(held)).values(**values).returning(Job.id)
    return session.execute(statement).one_or_none() is not None


def recover(database: Database) -> list[UUID]:
    """Takes jobs away from workers whose leases have lapsed; returns those that wait again.

    A job that brought its worker down as often as it may be tried is set aside.
    """
    now = utc_now()
    lapsed = and_(Job.status == JobStatus.ACTIVE, Job.leased_until < now)
    takes_it_away = {"leased_until": None, "worker": None, "error": _WORKER_DIED}
    with database.write() as session:
        session.execute(
            update(Job)
            .where(lapsed, Job.attempt >= Job.max_attempts)
            .values(status=JobStatus.FAILED, **takes_it_away)
            .execution_options(synchronize_session=False)
        )
        again = (
            update(Job)
            .where(lapsed)
            .values(status=JobStatus.WAITING, due_at=now, **takes_it_away)
            .returning(Job.id)
            .execution_options(synchronize_session=False)
        )
        return list(session.scalars(again))


def due(database: Database, queue: QueueName, limit: int = RING_AT_MOST) -> list[UUID]:
    """The first jobs of a queue that are due, to ring for them."""
    with database.read() as session:
        return list(
            session.scalars(
                select(Job.id)
                .where(Job.queue == queue, Job.status == JobStatus.WAITING, Job.due_at <= utc_now())
                .order_by(Job.backfill, Job.due_at)
                .limit(limit)
            )
        )
