"""The worker: runs what is enqueued elsewhere, survives its jobs, and loses none when it dies."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Thread
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

import worker
from config import load_settings
from errors import IntegrityMismatch
from jobs import ledger, registry
from jobs.names import JobName, QueueName
from models.base import utc_now
from models.jobs import Job, JobStatus
from services import storage
from services.system import System, open_system
from tests import systems
from tests.jobs.brief_worker import GRACE_SECONDS, LEASE_SECONDS, TOLD
from tests.live import ROOT

PATIENCE = 30.0


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    systems.make_sqlite_file(tmp_path / "test.db")
    return {
        "DB_URL": f"sqlite:///{tmp_path}/test.db",
        "IMMICH_MEDIA_LOCATION": str(tmp_path / "media"),
        "WORKER_THREADS": "2",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@pytest.fixture
def system(environ: dict[str, str]) -> Iterator[System]:
    known = {name: value for name, value in environ.items() if not name.startswith("PYTHON")}
    with closing(open_system(load_settings(known))) as system:
        yield system


@pytest.fixture
def no_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """No handlers but those that the test registers."""
    monkeypatch.setattr(registry, "_handlers", {})
    monkeypatch.setattr(registry, "_intervals", {})


@contextmanager
def working(system: System) -> Iterator[None]:
    """A worker in threads of this process."""
    runner = worker.Worker(system)
    thread = Thread(target=runner.run)
    thread.start()
    try:
        yield
    finally:
        runner.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.02)


def enqueue(system: System, name: JobName = TOLD, **data: object) -> UUID:
    with system.transaction() as session:
        return ledger.enqueue(session, name, **data)  # type: ignore[arg-type]  # data are not `due_at`


def jobs_left(system: System) -> list[Job]:
    with system.database.read() as session:
        return list(session.scalars(select(Job).where(Job.name == TOLD)))


@pytest.mark.usefixtures("no_jobs")
def test_a_job_runs_soon_after_its_commit_with_its_data_as_they_were(system: System) -> None:
    seen: list[object] = []
    registry.job(TOLD)(_with_id(seen))
    asset_id = uuid4()
    with working(system):
        time.sleep(0.3)
        enqueued_at = time.monotonic()
        enqueue(system, id=asset_id, force=True)
        until(lambda: bool(seen) and not jobs_left(system))
        assert time.monotonic() - enqueued_at < worker.IDLE_SECONDS / 2
    assert seen == [(asset_id, True)]


def _with_id(seen: list[object]) -> Callable[..., None]:
    def handler(system: System, id: UUID, force: bool) -> None:
        seen.append((id, force))

    return handler


@pytest.mark.usefixtures("no_jobs")
def test_a_lost_ring_delays_a_job_and_no_more(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.5)
    registry.job(TOLD)(lambda system: None)
    with working(system):
        time.sleep(0.3)
        with system.database.write() as session:
            ledger.enqueue(session, TOLD)
        until(lambda: not jobs_left(system))


@pytest.mark.usefixtures("no_jobs")
def test_jobs_that_fail_neither_stop_the_worker_nor_get_lost(system: System) -> None:
    def fail(system: System, fatal: bool) -> None:
        raise IntegrityMismatch("not the bytes") if fatal else ValueError("surprise")

    registry.job(TOLD)(fail)
    with working(system):
        ids = [enqueue(system, fatal=True), enqueue(system, fatal=False)]
        until(lambda: all(job.error for job in jobs_left(system)))
    kept = {job.id: (job.status, job.error, job.attempt) for job in jobs_left(system)}
    assert kept == {
        ids[0]: (JobStatus.FAILED, "IntegrityMismatch: not the bytes", 1),
        ids[1]: (JobStatus.WAITING, "ValueError: surprise", 1),
    }


@pytest.mark.usefixtures("no_jobs")
def test_a_job_tells_how_far_it_is(system: System) -> None:
    shown: list[float | None] = []

    def halfway(system: System, progress: Callable[[float], object]) -> None:
        progress(0.5)
        shown.extend(job.progress for job in jobs_left(system))

    registry.job(TOLD)(halfway)
    with working(system):
        enqueue(system)
        until(lambda: not jobs_left(system))
    assert shown == [0.5]


@pytest.mark.usefixtures("no_jobs")
def test_a_job_with_an_interval_comes_by_itself(system: System) -> None:
    seen: list[object] = []
    registry.job(TOLD, every=timedelta(hours=1))(seen.append)
    with working(system):
        until(lambda: seen == [system])


def test_a_worker_that_cannot_write_its_media_does_not_start(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(system: System) -> None:
        raise IntegrityMismatch("the disk is not mounted")

    monkeypatch.setattr(storage, "check_mounts", refuse)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert worker.main() == 1
    assert "the disk is not mounted" in caplog.text


@pytest.fixture
def workers(environ: dict[str, str]) -> Iterator[Callable[[], "subprocess.Popen[bytes]"]]:
    """Starts worker processes, which are ended with the test."""
    with ExitStack() as processes:

        def start() -> "subprocess.Popen[bytes]":
            process = processes.enter_context(
                subprocess.Popen([sys.executable, "-m", "tests.jobs.brief_worker"], cwd=ROOT, env=environ)
            )
            processes.callback(process.kill)
            return process

        yield start


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    path = tmp_path / "diary"
    path.touch()
    return path


@pytest.mark.servers
def test_a_job_whose_worker_was_killed_is_done_again_and_once(
    system: System, workers: Callable[[], "subprocess.Popen[bytes]"], diary: Path
) -> None:
    enqueue(system, diary=str(diary), seconds=1.0)
    victim = workers()
    until(lambda: diary.read_text() == "start\n")
    victim.kill()
    victim.wait()
    workers()
    until(lambda: not jobs_left(system))
    time.sleep(LEASE_SECONDS)
    assert diary.read_text() == "start\n" "start\n" "end\n"


@pytest.mark.servers
def test_a_job_longer_than_its_lease_is_not_taken_from_a_worker_that_lives(
    system: System, workers: Callable[[], "subprocess.Popen[bytes]"], diary: Path
) -> None:
    workers()
    workers()
    enqueue(system, diary=str(diary), seconds=2 * LEASE_SECONDS)
    until(lambda: "end" in diary.read_text())
    until(lambda: not jobs_left(system))
    assert diary.read_text() == "start\n" "end\n"


@pytest.mark.servers
def test_a_worker_that_is_asked_to_stop_ends_its_job_and_starts_no_other(
    system: System, workers: Callable[[], "subprocess.Popen[bytes]"], diary: Path
) -> None:
    leaving = workers()
    for number in range(4):
        enqueue(system, diary=str(diary), seconds=1.0 + number / 1000)
    until(lambda: diary.read_text().count("start") == 2)
    leaving.send_signal(signal.SIGTERM)
    assert leaving.wait(PATIENCE) == 0
    assert diary.read_text() == "start\n" "start\n" "end\n" "end\n"
    assert [job.attempt for job in jobs_left(system)] == [0, 0]


@pytest.mark.servers
def test_a_job_that_outlasts_the_grace_goes_back_at_once(
    system: System, workers: Callable[[], "subprocess.Popen[bytes]"], diary: Path
) -> None:
    leaving = workers()
    enqueue(system, diary=str(diary), seconds=60.0)
    until(lambda: "start" in diary.read_text())
    leaving.send_signal(signal.SIGTERM)
    assert leaving.wait(GRACE_SECONDS + 10) == 0
    (job,) = jobs_left(system)
    assert (job.status, job.due_at <= utc_now(), job.max_attempts) == (JobStatus.WAITING, True, 4)
    assert ledger.claim(system.database, "next", [QueueName.BACKGROUND_TASK]) is not None
