"""A worker that is killed in the middle of a transcode: it is done once more, and exactly one file is left."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from jobs import ledger
from jobs.names import JobName
from models.jobs import Job
from services.system import System
from tests.live import ROOT
from tests.media.processes import children_of, wait_for_end
from tests.media.videos import make_video
from tests.services.pictures import upload
from tests.services.test_staged_once import environ_of
from tests.services.test_thumbnails import announcements, files_of, stored_paths
from tests.systems import Person

PATIENCE = 60.0


@pytest.fixture
def start_worker(system: System, tmp_path: Path) -> Iterator[Callable[[], "subprocess.Popen[bytes]"]]:
    """Starts a worker whose ffmpeg takes as long as the video lasts."""
    commands = tmp_path / "commands"
    commands.mkdir()
    (commands / "ffmpeg").write_text(f'#!/bin/sh\nexec {shutil.which("ffmpeg")} -re "$@"\n')
    (commands / "ffmpeg").chmod(0o755)
    environ = {**_environ_of(system), "PATH": f"{commands}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    with ExitStack() as processes:

        def start() -> "subprocess.Popen[bytes]":
            command = [sys.executable, "-B", "-m", "tests.services.encoding_worker"]
            process = processes.enter_context(subprocess.Popen(command, cwd=ROOT, env=environ))
            processes.callback(process.kill)
            return process

        yield start


def _environ_of(system: System) -> dict[str, str]:
    if system.settings.s3 is not None:
        return environ_of(system)
    database = system.settings.database_url.render_as_string(hide_password=False)
    return {"IMMICH_MEDIA_LOCATION": str(system.settings.media_location), "DB_URL": database}


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def encoding(system: System) -> Job | None:
    with system.database.read() as session:
        return session.scalar(select(Job).where(Job.name == JobName.ASSET_ENCODE_VIDEO))


@pytest.mark.servers
def test_a_transcode_whose_worker_was_killed_is_done_again_and_leaves_one_file(
    system: System, admin: Person, tmp_path: Path, start_worker: Callable[[], "subprocess.Popen[bytes]"]
) -> None:
    video = make_video(tmp_path / "a.avi", "-c:v", "mpeg4", picture="testsrc=s=64x48:r=10:d=6")
    asset_id = upload(system, admin, video)
    with system.database.write() as session:
        session.execute(delete(Job))
        ledger.enqueue(session, JobName.ASSET_ENCODE_VIDEO, id=str(asset_id))
    victim = start_worker()
    until(lambda: (job := encoding(system)) is not None and (job.progress or 0) > 0.1)
    below = children_of(victim.pid)
    assert "ffmpeg" in below.values()
    victim.kill()
    victim.wait()
    assert wait_for_end(list(below)) == []
    second = start_worker()
    until(lambda: encoding(system) is None)
    second.terminate()
    second.wait(PATIENCE)
    assert len(files_of(system, asset_id)) == 1
    assert len(stored_paths(system)) == 2
    assert announcements(system) == 0
    assert list(system.settings.staging_location.rglob("*.mp4")) == []
