"""Installations of several shapes: their settings, and what lies in their database, staging folder and store."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import boto3
from sqlalchemy import URL, func, select, update

from config import Settings, load_settings
from media.staging import CACHE_FOLDER
from models.assets import Asset, AssetFile
from models.base import Base, Database, utc_now
from models.jobs import Job, JobStatus
from models.objects import StoredObject
from models.users import User
from storage.backend import MOUNT_FILE
from storage.location import S3_SCHEME
from storage.service import AppStorageService, open_storage
from tests.live import ROOT, LiveServer
from tests.servers import S3Server


def on_s3(server: S3Server, prefix: str) -> dict[str, str]:
    """Settings that keep all media below a prefix of the bucket."""
    return {
        "IMMICH_STORAGE_ENGINE": "s3",
        "S3_ENDPOINT": server.endpoint,
        "S3_BUCKET": server.bucket,
        "S3_PREFIX": prefix,
        "S3_ACCESS_KEY_ID": server.access_key,
        "S3_SECRET_ACCESS_KEY": server.secret_key,
    }


def on_servers(database: URL, redis_url: str) -> dict[str, str]:
    """Settings that keep the database in PostgreSQL and carry jobs through Redis."""
    return {"DB_URL": database.render_as_string(hide_password=False), "REDIS_URL": redis_url}


@dataclass(frozen=True, slots=True)
class Inside:
    """What an installation holds, seen past its API."""

    settings: Settings
    database: Database
    storage: AppStorageService

    def stored_paths(self) -> set[str]:
        """Every object in the bucket and every file in the media location, staging and mount files aside."""
        return self.files() | {
            location.path_of(key)
            for location, backend in self.storage.mounts
            if location.root.startswith(S3_SCHEME)
            for key, _ in backend.list_keys()
        }

    def files(self) -> set[str]:
        """Every file in the media location, also those that no listing shows."""
        staging = self.settings.staging_location
        return {
            str(path)
            for path in self.settings.media_location.rglob("*")
            if path.is_file() and path.name != MOUNT_FILE and not path.is_relative_to(staging)
        }

    def named_paths(self) -> set[str]:
        """Every path that an asset or one of its files names."""
        with self.database.read() as session:
            return {*session.scalars(select(Asset.original_path)), *session.scalars(select(AssetFile.path))}

    def object_rows(self) -> set[str]:
        """Every path that has a row of its own."""
        with self.database.read() as session:
            return set(session.scalars(select(StoredObject.path)))

    def count(self, model: type[Base]) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count()).select_from(model)) or 0

    def staged(self) -> set[Path]:
        """Every file in staging, the locks of living processes and the cache of originals aside."""
        files = (path for path in self.settings.staging_location.rglob("*") if path.is_file() and path.name != "lock")
        return {path for path in files if path.parent.name != CACHE_FOLDER}

    def open_uploads(self) -> int:
        """Multipart uploads that were begun and neither finished nor aborted."""
        s3 = self.settings.s3
        assert s3 is not None
        session = boto3.session.Session(s3.access_key_id, s3.secret_access_key, region_name=s3.region)
        client = session.client("s3", endpoint_url=s3.endpoint)
        with closing(client):
            return len(client.list_multipart_uploads(Bucket=s3.bucket, Prefix=s3.prefix).get("Uploads", []))

    def usage(self) -> int:
        """The bytes charged to all users' quotas."""
        with self.database.read() as session:
            return session.scalar(select(func.sum(User.quota_usage_in_bytes))) or 0

    def hurry(self) -> None:
        """Lets the time pass that workers wait: for the leases of the dead, and before another attempt.

        No worker may be running.
        """
        now = utc_now()
        with self.database.write() as session:
            active, waiting = Job.status == JobStatus.ACTIVE, Job.status == JobStatus.WAITING
            session.execute(update(Job).where(active).values(leased_until=now - timedelta(seconds=1)))
            session.execute(update(Job).where(waiting).values(due_at=now))


@contextmanager
def inside(server: LiveServer) -> Iterator[Inside]:
    """A look into a server's database, staging folder and store."""
    settings = load_settings(server.environ)
    with closing(Database(settings.database_url)) as database:
        yield Inside(settings, database, open_storage(settings))


def flask(server: LiveServer, *command: str) -> str:
    """What a command of the server's says."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", *command],
        cwd=ROOT, env=server.environ, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def children_of(pid: int) -> list[int]:
    """The processes that a process has started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat_of(int(entry.name))) and int(stat[1]) == pid:
            found.append(int(entry.name))
    return found


def _stat_of(pid: int) -> list[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
