"""Originals in a bucket are read once for all of their jobs, and not at all right after their upload."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import URL

from errors import StorageError
from jobs import ledger, registry
from media.staging import CACHE_FOLDER
from models.assets import Asset
from models.base import utc_now
from models.jobs import Job
from services import handlers, objects, thumbnails, uploads, videos
from services.system import System
from tests.e2e.relay import Relay, relaying
from tests.live import ROOT
from tests.media.videos import make_video
from tests.servers import S3Server
from tests.services.pictures import picture, upload
from tests.systems import Person, files_only_in_staging, on_local_disk, running_system, s3_environ, sign_up

assert handlers
in_the_bucket = pytest.mark.servers
SIDECAR = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
# Runs every job of the ledger in a new process.
WORKER = """
import json, sys
from config import load_settings
from services.system import open_system
from tests.services.test_staged_once import run_jobs
system = open_system(load_settings(json.loads(sys.argv[1])))
run_jobs(system)
system.close()
"""


@pytest.fixture
def relay(s3_server: S3Server) -> Iterator[Relay]:
    with relaying(s3_server.endpoint) as relay:
        yield relay


@pytest.fixture
def bucket(relay: Relay, s3_server: S3Server, database_url: URL, tmp_path: Path) -> Iterator[System]:
    """A system whose media lie behind the relay."""
    environ = s3_environ(relay.url, s3_server.access_key, s3_server.secret_key) | {
        "IMMICH_MEDIA_LOCATION": str(tmp_path / "media"),
        "DB_URL": database_url.render_as_string(hide_password=False),
    }
    with running_system(environ) as system, files_only_in_staging(system):
        yield system


@pytest.fixture
def owner(bucket: System) -> Person:
    return sign_up(bucket)


def calls_for_originals(relay: Relay) -> Counter[str]:
    """Requests that have reached the store for originals, sidecars left out, by method; then counts from nought."""
    lines = [seen.line.split() for seen in relay.seen]
    relay.seen.clear()
    return Counter(method for method, path, _ in lines if "/upload/" in path and ".xmp" not in path)


def run_jobs(system: System) -> None:
    """Every job of the ledger, one after another, as a worker does; all of them succeed."""
    while held := ledger.claim(system.database, "test", registry.queues()):
        registry.perform(system, held.name, held.data, lambda done: None)
        assert ledger.finish(system.database, held)


def run_jobs_elsewhere(environ: dict[str, str]) -> None:
    """The same in a worker process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", WORKER, json.dumps(environ)], cwd=ROOT, capture_output=True, text=True,
        timeout=120, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def environ_of(system: System) -> dict[str, str]:
    """The variables that give another process the same system, whose media are in a bucket."""
    settings, s3 = system.settings, system.settings.s3
    assert s3 is not None
    return {
        **s3_environ(s3.endpoint or "", s3.access_key_id or "", s3.secret_access_key or ""),
        "S3_PREFIX": s3.prefix,
        "IMMICH_MEDIA_LOCATION": str(settings.media_location),
        "DB_URL": settings.database_url.render_as_string(hide_password=False),
    }


def jobs_left(system: System) -> int:
    with system.database.read() as session:
        return session.scalar(select(func.count()).select_from(Job)) or 0


def path_of(system: System, asset_id: UUID) -> str:
    with system.database.read() as session:
        return session.get_one(Asset, asset_id).original_path


def cached(system: System) -> list[Path]:
    folder = system.settings.staging_location / CACHE_FOLDER
    return [path for path in folder.iterdir() if path.name != "lock"] if folder.exists() else []


def upload_three(system: System, person: Person, folder: Path) -> list[UUID]:
    (folder / "0.xmp").write_bytes(SIDECAR)
    sidecars = [folder / "0.xmp", None, None]
    return [
        upload(system, person, picture(folder, f"{number}.jpg", colour=colour), sidecars[number])
        for number, colour in enumerate(("red", "green", "blue"))
    ]


@in_the_bucket
def test_right_after_the_upload_the_store_is_not_asked(
    bucket: System, owner: Person, relay: Relay, tmp_path: Path
) -> None:
    upload_three(bucket, owner, tmp_path)
    assert jobs_left(bucket) >= 6
    assert calls_for_originals(relay) == {"PUT": 3}
    run_jobs(bucket)
    assert calls_for_originals(relay) == {}
    assert jobs_left(bucket) == 0
    # Neither sidecars nor pictures that were made.
    assert len(cached(bucket)) == 3


@in_the_bucket
def test_a_new_worker_process_finds_what_the_web_process_kept(
    bucket: System, owner: Person, relay: Relay, tmp_path: Path
) -> None:
    upload_three(bucket, owner, tmp_path)
    assert calls_for_originals(relay) == {"PUT": 3}
    run_jobs_elsewhere(environ_of(bucket))
    assert calls_for_originals(relay) == {}
    assert jobs_left(bucket) == 0


@in_the_bucket
def test_what_is_no_longer_kept_is_read_once_for_all_jobs(
    bucket: System, owner: Person, relay: Relay, tmp_path: Path
) -> None:
    for asset_id in upload_three(bucket, owner, tmp_path):
        bucket.staging.forget(path_of(bucket, asset_id))
    assert cached(bucket) == []
    calls_for_originals(relay)
    run_jobs(bucket)
    # The length is asked for first, so that room can be made.
    assert calls_for_originals(relay) == {"HEAD": 3, "GET": 3}


@in_the_bucket
def test_where_the_cache_is_off_each_job_reads(
    bucket: System, owner: Person, relay: Relay, tmp_path: Path
) -> None:
    upload(bucket, owner, picture(tmp_path))
    jobs = jobs_left(bucket)
    calls_for_originals(relay)
    run_jobs_elsewhere(environ_of(bucket) | {"STAGING_CACHE_BYTES": "0"})
    assert calls_for_originals(relay) == {"GET": jobs}
    assert jobs_left(bucket) == 0


@in_the_bucket
@pytest.mark.parametrize("error", [StorageError("the store said no"), ZeroDivisionError()])
def test_a_failed_upload_leaves_nothing_in_the_cache(
    bucket: System, owner: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*args: object) -> None:
        raise error

    monkeypatch.setattr(uploads, "_keep", fail)
    with pytest.raises(type(error)):
        upload(bucket, owner, picture(tmp_path))
    objects.sweep_pending(bucket, utc_now() + timedelta(days=1))
    assert cached(bucket) == []


@in_the_bucket
def test_an_object_that_is_deleted_leaves_the_cache(bucket: System, owner: Person, tmp_path: Path) -> None:
    path = path_of(bucket, upload(bucket, owner, picture(tmp_path)))
    assert len(cached(bucket)) == 1
    objects.remove_disowned(bucket, [path])
    assert cached(bucket) == []


@on_local_disk
def test_nothing_is_kept_of_what_lies_on_local_disk(system: System, admin: Person, tmp_path: Path) -> None:
    upload_three(system, admin, tmp_path)
    run_jobs(system)
    assert not (system.settings.staging_location / CACHE_FOLDER).exists()


@in_the_bucket
def test_a_small_video_is_fetched_once_for_all_of_its_jobs(
    bucket: System, owner: Person, relay: Relay, tmp_path: Path
) -> None:
    video = upload(bucket, owner, make_video(tmp_path / "a.mkv"))
    bucket.staging.forget(path_of(bucket, video))
    calls_for_originals(relay)
    run_jobs(bucket)
    assert calls_for_originals(relay) == {"HEAD": 1, "GET": 1}


@in_the_bucket
def test_a_large_video_is_read_by_a_few_ranges(
    bucket: System, owner: Person, relay: Relay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.staging.SMALL_SHARE", 2**40)
    video = upload(bucket, owner, make_video(tmp_path / "a.mov", "-c:v", "mpeg4", "-movflags", "faststart"))
    path = path_of(bucket, video)
    bucket.staging.forget(path)
    for work, gets in (
        (lambda: videos.probe_of(bucket, path), 1),
        (lambda: thumbnails.generate_thumbnails(bucket, video), 2),
        (lambda: videos.encode_video(bucket, video, lambda done: None), 2),
    ):
        calls_for_originals(relay)
        work()
        assert calls_for_originals(relay)["GET"] == gets
    assert cached(bucket) == []
