"""Queues and their jobs: /api/jobs and /api/queues, for administrators."""

from typing import Any

from flask import Blueprint, Response

from blueprints.http import Dto, body_of, current_system, no_content, query_of, require_admin
from errors import ValidationFailed
from jobs.names import QueueName
from jobs.queues import JobState, QueueView
from models.jobs import Job
from services import queues
from services.permissions import Permission
from services.queues import QueueCommand

bp = Blueprint("jobs", __name__, url_prefix="/api")


class Command(Dto):
    command: QueueCommand
    force: bool = False


class QueueUpdate(Dto):
    is_paused: bool | None = None


class QueueClearing(Dto):
    failed: bool = False


class JobFilter(Dto):
    status: list[JobState] | JobState = list(JobState)


@bp.get("/jobs")
def list_queues_legacy() -> dict[str, Any]:
    require_admin(Permission.JOB_READ)
    return {queue.name: legacy_queue_json(queue) for queue in queues.all_queues(current_system())}


@bp.put("/jobs/<name>")
def command_queue(name: str) -> dict[str, Any]:
    require_admin(Permission.JOB_CREATE)
    queue, body = _queue(name), body_of(Command)
    return legacy_queue_json(queues.command(current_system(), queue, body.command, force=body.force))


@bp.get("/queues")
def list_queues() -> list[dict[str, Any]]:
    require_admin(Permission.QUEUE_READ)
    return [queue_json(queue) for queue in queues.all_queues(current_system())]


@bp.get("/queues/<name>")
def show_queue(name: str) -> dict[str, Any]:
    require_admin(Permission.QUEUE_READ)
    return queue_json(queues.queue_of(current_system(), _queue(name)))


@bp.put("/queues/<name>")
def update_queue(name: str) -> dict[str, Any]:
    require_admin(Permission.QUEUE_UPDATE)
    queue, body = _queue(name), body_of(QueueUpdate)
    if body.is_paused is not None:
        queues.set_paused(current_system(), queue, body.is_paused)
    return queue_json(queues.queue_of(current_system(), queue))


@bp.get("/queues/<name>/jobs")
def list_jobs(name: str) -> list[dict[str, Any]]:
    require_admin(Permission.QUEUE_JOB_READ)
    queue, wanted = _queue(name), query_of(JobFilter).status
    states = wanted if isinstance(wanted, list) else [wanted]
    return [job_json(job) for job in queues.jobs_of(current_system(), queue, states)]


@bp.delete("/queues/<name>/jobs")
def empty_queue(name: str) -> Response:
    require_admin(Permission.QUEUE_JOB_DELETE)
    queue, body = _queue(name), body_of(QueueClearing)
    queues.empty(current_system(), queue, failed=body.failed)
    return no_content()


def _queue(name: str) -> QueueName:
    try:
        return QueueName(name)
    except ValueError:
        options = "|".join(f'"{queue}"' for queue in QueueName)
        message = f"Invalid option: expected one of {options}"
        raise ValidationFailed(
            [{"code": "invalid_value", "values": list(QueueName), "path": ["name"], "message": message}]
        ) from None


def legacy_queue_json(queue: QueueView) -> dict[str, Any]:
    """QueueResponseLegacyDto."""
    return {
        "queueStatus": {"isPaused": queue.is_paused, "isActive": queue.counts[JobState.ACTIVE] > 0},
        "jobCounts": dict(queue.counts),
    }


def queue_json(queue: QueueView) -> dict[str, Any]:
    """QueueResponseDto."""
    return {"name": queue.name, "isPaused": queue.is_paused, "statistics": dict(queue.counts)}


def job_json(job: Job) -> dict[str, Any]:
    """QueueJobResponseDto."""
    return {
        "id": str(job.id),
        "name": job.name,
        "data": job.data,
        "timestamp": int(job.created_at.timestamp() * 1000),
    }
