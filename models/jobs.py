"""The ledger of jobs: what is to be done, what is being done, what failed."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, utc_now


class JobStatus(StrEnum):
    """`waiting` is due at `due_at`; `active` is held under a lease; `failed` is set aside for the admin.

    A job that is done has no row any more.
    """

    WAITING = "waiting"
    ACTIVE = "active"
    FAILED = "failed"


class Job(Identified, Base):
    __tablename__ = "job"
    __table_args__ = (
        # The head of a queue is one step down this index, however long the queue.
        Index("ix_job_queue_status_backfill_due_at", "queue", "status", "backfill", "due_at"),
        Index("ix_job_status_leased_until", "status", "leased_until"),
    )

    name: Mapped[str]
    queue: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    status: Mapped[JobStatus] = mapped_column(default=JobStatus.WAITING)
    # Name and data as one hash until the first claim, then NULL: one job at most waits for the same thing.
    dedupe_key: Mapped[str | None] = mapped_column(unique=True)
    # Work over the whole library, done when nothing fresh is waiting.
    backfill: Mapped[bool] = mapped_column(default=False)
    # Counts claims; a worker that lost its lease holds an old number and can finish nothing.
    attempt: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int]
    due_at: Mapped[datetime] = mapped_column(default=utc_now)
    leased_until: Mapped[datetime | None]
    worker: Mapped[str | None]
    # From 0 to 1, where the handler tells.
    progress: Mapped[float | None]
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]


class QueueState(Base):
    """What an admin decided about a queue; a queue without a row runs with its defaults."""

    __tablename__ = "queue_state"

    name: Mapped[str] = mapped_column(primary_key=True)
    is_paused: Mapped[bool] = mapped_column(default=False)
    concurrency: Mapped[int | None]
