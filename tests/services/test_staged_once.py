"""Originals in a bucket are read once for all of their jobs, and not at all right after their upload."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from errors import StorageError
from jobs import ledger, registry
from media.staging import CACHE_FOLDER
from models.assets import Asset
from models.base import utc_now
from models.jobs import Job
from services import handlers, objects, uploads
from services.system import System
from storage.s3 import S3AppStorageBackend
from tests.live import ROOT
from tests.services.pictures import picture, upload
from tests.systems import Person, on_local_disk, on_s3

assert handlers
SIDECAR = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
# Runs every job of the ledger in a new process, and says how often it called the store for an original.
WORKER = """
import json, sys
from pathlib import Path
from tests.services import test_staged_once as test
from config import load_settings
from services.system import open_system
system = open_system(load_settings(json.loads(sys.argv[1])))
with test.calls(system) as seen:
    test.run_jobs(system)
system.close()
print(json.dumps(seen))
"""


@contextmanager
def calls(system: System) -> Iterator[Counter[str]]:
    """Requests to the store for originals, sidecars left out, by method."""
    seen: Counter[str] = Counter()

    def count(request: Any, **_: Any) -> None:
        if "/upload/" in request.url and not request.url.endswith(".xmp"):
            seen[request.method] += 1

    [events] = [
        backend._client.meta.events for _, backend in system.storage.mounts if isinstance(backend, S3AppStorageBackend)
    ]
    events.register("before-send.s3", count)
    yield seen
    events.unregister("before-send.s3", count)


def run_jobs(system: System) -> None:
    """Every job of the ledger, one after another, as a worker does; all of them succeed."""
    while held := ledger.claim(system.database, "test", registry.queues()):
        registry.perform(system, held.name, held.data, lambda done: None)
        assert ledger.finish(system.database, held)


def run_jobs_elsewhere(system: System, environ: dict[str, str]) -> Counter[str]:
    """The same in a worker process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", WORKER, json.dumps(environ)], cwd=ROOT, capture_output=True, text=True,
        timeout=120, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Counter(json.loads(done.stdout.splitlines()[-1]))


def environ_of(system: System) -> dict[str, str]:
    """The variables that give another process the same system."""
    settings, s3 = system.settings, system.settings.s3
    assert s3 is not None
    return {
        "IMMICH_STORAGE_ENGINE": "s3",
        "S3_ENDPOINT": s3.endpoint or "",
        "S3_BUCKET": s3.bucket,
        "S3_PREFIX": s3.prefix,
        "S3_ACCESS_KEY_ID": s3.access_key_id or "",
        "S3_SECRET_ACCESS_KEY": s3.secret_access_key or "",
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


@on_s3
def test_right_after_the_upload_the_store_is_not_asked(system: System, admin: Person, tmp_path: Path) -> None:
    upload_three(system, admin, tmp_path)
    assert jobs_left(system) >= 6
    with calls(system) as seen:
        run_jobs(system)
    assert seen == {}
    assert jobs_left(system) == 0
    # Neither sidecars nor pictures that were made.
    assert len(cached(system)) == 3


@on_s3
def test_a_new_worker_process_finds_what_the_web_process_kept(system: System, admin: Person, tmp_path: Path) -> None:
    upload_three(system, admin, tmp_path)
    assert run_jobs_elsewhere(system, environ_of(system)) == {}
    assert jobs_left(system) == 0


@on_s3
def test_what_is_no_longer_kept_is_read_once_for_all_jobs(system: System, admin: Person, tmp_path: Path) -> None:
    assets = upload_three(system, admin, tmp_path)
    for asset_id in assets:
        system.staging.forget(path_of(system, asset_id))
    assert cached(system) == []
    with calls(system) as seen:
        run_jobs(system)
    # The length is asked for first, so that room can be made.
    assert seen == {"HEAD": 3, "GET": 3}


@on_s3
def test_where_the_cache_is_off_each_job_reads(system: System, admin: Person, tmp_path: Path) -> None:
    asset_id = upload(system, admin, picture(tmp_path))
    system.staging.forget(path_of(system, asset_id))
    jobs = jobs_left(system)
    assert run_jobs_elsewhere(system, environ_of(system) | {"STAGING_CACHE_BYTES": "0"}) == {"GET": jobs}
    assert jobs_left(system) == 0


@on_s3
@pytest.mark.parametrize("error", [StorageError("the store said no"), ZeroDivisionError()])
def test_a_failed_upload_leaves_nothing_in_the_cache(
    system: System, admin: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*args: object) -> None:
        raise error

    monkeypatch.setattr(uploads, "_keep", fail)
    with pytest.raises(type(error)):
        upload(system, admin, picture(tmp_path))
    objects.sweep_pending(system, utc_now() + objects.LEASE * 2)
    assert cached(system) == []


@on_s3
def test_an_object_that_is_deleted_leaves_the_cache(system: System, admin: Person, tmp_path: Path) -> None:
    path = path_of(system, upload(system, admin, picture(tmp_path)))
    assert len(cached(system)) == 1
    objects.remove_disowned(system, [path])
    assert cached(system) == []


@on_local_disk
def test_nothing_is_kept_of_what_lies_on_local_disk(system: System, admin: Person, tmp_path: Path) -> None:
    upload_three(system, admin, tmp_path)
    run_jobs(system)
    assert not (system.settings.staging_location / CACHE_FOLDER).exists()
