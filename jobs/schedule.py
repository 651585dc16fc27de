"""The clock of the ledger: enqueues jobs that come round, once over all workers."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs import ledger, registry
from models.base import utc_now
from models.jobs import Job, JobStatus
from models.system import SystemMetadata

# When each job was last enqueued, as ISO 8601.
_KEY = "job-schedule"


def enqueue_due(session: Session) -> None:
    """Enqueues, in the caller's transaction, every periodic job whose interval has passed.

    A job that is still running is left to end first.
    """
    now = utc_now()
    ledger.alone(session)
    row = session.get(SystemMetadata, _KEY)
    last: dict[str, Any] = {} if row is None else row.value
    running = set(session.scalars(select(Job.name).where(Job.status == JobStatus.ACTIVE)))
    due = [
        name
        for name, interval in registry.intervals().items()
        if name not in running and (name not in last or datetime.fromisoformat(last[name]) + interval <= now)
    ]
    for name in due:
        ledger.enqueue(session, name)
    if due:
        session.merge(SystemMetadata(key=_KEY, value=last | {name.value: now.isoformat() for name in due}))
