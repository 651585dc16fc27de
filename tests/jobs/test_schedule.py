"""Jobs that come round: enqueued once an interval, however many workers ask."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from jobs import ledger, registry, schedule
from jobs.names import JobName, QueueName
from models.base import Database
from models.jobs import Job
from tests.jobs.conftest import Clock

HOURLY, DAILY = JobName.ASSET_DELETE_CHECK, JobName.INTEGRITY_UNTRACKED_FILES


@pytest.fixture(autouse=True)
def rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_intervals", {HOURLY: timedelta(hours=1), DAILY: timedelta(days=1)})


def enqueue_due(database: Database) -> list[str]:
    """The names of what was enqueued, all of it done at once."""
    with database.write() as session:
        schedule.enqueue_due(session)
    with database.read() as session:
        names = sorted(session.scalars(select(Job.name)))
    while (held := ledger.claim(database, "worker", list(QueueName))) is not None:
        ledger.finish(database, held)
    return names


def test_a_job_comes_at_the_first_start_and_then_once_an_interval(database: Database, clock: Clock) -> None:
    assert enqueue_due(database) == [HOURLY, DAILY]
    assert enqueue_due(database) == []
    clock.forward(minutes=59)
    assert enqueue_due(database) == []
    clock.forward(minutes=1)
    assert enqueue_due(database) == [HOURLY]
    clock.forward(hours=23)
    assert enqueue_due(database) == [HOURLY, DAILY]


def test_a_job_that_still_runs_is_left_to_end(database: Database, clock: Clock) -> None:
    with database.write() as session:
        ledger.enqueue(session, HOURLY)
    held = ledger.claim(database, "worker", list(QueueName))
    assert held is not None
    assert enqueue_due(database) == [HOURLY, DAILY]
    with database.read() as session:
        assert session.scalars(select(Job.id).where(Job.name == HOURLY)).all() == [held.id]
    ledger.finish(database, held)
    assert enqueue_due(database) == [HOURLY]
