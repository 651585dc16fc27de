"""The administrators' pages: users, and the storage with its queues."""

from collections.abc import Sequence
from itertools import islice

from flask import Response, request, url_for

from blueprints.html import check_form, page, page_blueprint, see_other, visiting_admin
from blueprints.http import current_system
from blueprints.server import human_size
from blueprints.sign_in import MIN_PASSWORD, check_password, email_of
from config import MediaKind
from errors import BadRequest, RequestError
from jobs.queues import JobState
from models.jobs import Job
from services import queues, server, storage, users
from services.users import UserChanges
from storage.mounts import ProbeResult

bp = page_blueprint("admin", __name__, url_prefix="/admin")

FAILED_SHOWN = 50
GIB = 1024**3
MAX_QUOTA_GIB = 1024**2


@bp.get("/users")
def list_users() -> Response:
    visiting_admin()
    return _users()


@bp.post("/users")
def create_user() -> Response:
    visiting_admin()
    check_form()
    form = request.form
    try:
        check_password(form.get("password", ""))
        changes = UserChanges(
            name=form.get("name", "").strip() or form.get("email", ""),
            password=form.get("password", ""),
            is_admin=form.get("admin") == "yes",
            should_change_password=True,
            quota_size_in_bytes=_quota_of(form.get("quota", "")),
        )
        users.create_user(current_system(), email_of(form.get("email", "")), changes)
    except RequestError as error:
        return _users(status=error.status, error=str(error))
    return see_other(url_for(".list_users"))


@bp.get("/storage")
def show_storage() -> Response:
    visiting_admin()
    return _storage(None)


@bp.post("/storage")
def check_storage() -> Response:
    """Looks now; what is found is shown at once and kept nowhere."""
    visiting_admin()
    check_form()
    return _storage(storage.probe_all(current_system()))


def _users(*, status: int = 200, error: str | None = None) -> Response:
    return page("users.html", status=status, users=users.all_users(current_system()), error=error,
                typed=request.form, human_size=human_size, min_password=MIN_PASSWORD)  # fmt: skip


def _storage(probes: Sequence[ProbeResult] | None) -> Response:
    system = current_system()
    return page(
        "storage.html",
        settings=system.settings,
        kinds=list(MediaKind),
        usage=storage.usage(system),
        disk=server.storage_use(system).disk,
        queues=[queue for queue in queues.all_queues(system) if queue.is_paused or any(queue.counts.values())],
        failed=_failed_jobs(),
        probes=probes,
        human_size=human_size,
    )


def _failed_jobs() -> list[Job]:
    system = current_system()
    failing = [queue.name for queue in queues.all_queues(system) if queue.counts[JobState.FAILED]]
    jobs = (one for name in failing for one in queues.jobs_of(system, name, [JobState.FAILED]))
    return list(islice(jobs, FAILED_SHOWN))


def _quota_of(text: str) -> int | None:
    """GiB as somebody types them; nothing is no limit. Raises BadRequest."""
    if not text.strip():
        return None
    try:
        amount = float(text.replace(",", "."))
    except ValueError:
        raise BadRequest("The quota wants a number of GiB, or nothing.") from None
    if not 0 <= amount <= MAX_QUOTA_GIB:
        raise BadRequest(f"The quota wants a number of GiB from 0 to {MAX_QUOTA_GIB}.")
    return round(amount * GIB)
