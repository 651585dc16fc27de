"""A whole system for tests: its database, its storage on either engine, and people who use it."""

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy.engine import URL, make_url

from app import create_app_on
from blueprints import http
from config import MediaKind, load_settings
from jobs.carrier import Carrier
from media.staging import Staging
from models.assets import Asset, AssetType
from models.base import Base, Database, utc_now
from models.objects import StoredObject
from services import api_keys, users
from services.auth import Auth
from services.permissions import Permission
from services.system import System
from services.users import UserChanges
from storage.service import open_storage
from tests.contract import ContractClient
from tests.databases import hurried
from tests.servers import own_prefix

PASSWORD = "correct horse"
SEAWEEDFS = pytest.param("seaweedfs", marks=pytest.mark.servers)
# Of what every test with a system runs on, the one that a test is about.
on_local_disk = pytest.mark.parametrize("engine", ["local"])
on_s3 = pytest.mark.parametrize("engine", [SEAWEEDFS])
BUCKET = "photos"
on_every_database = pytest.mark.parametrize(
    "database_kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)]
)


class SilentCarrier(Carrier):
    """Wakes nobody, and remembers for whom it was rung."""

    def __init__(self) -> None:
        super().__init__(_no_storage)
        self.rung: list[UUID] = []

    def ring(self, ids: Sequence[UUID]) -> None:
        self.rung.extend(ids)


def _no_storage() -> None:
    raise AssertionError("a silent carrier has no storage")


@dataclass(frozen=True, slots=True)
class Person:
    """A user with an API key for everything; `headers` sign a request in."""

    id: UUID
    email: str
    headers: dict[str, str]

    @property
    def auth(self) -> Auth:
        return Auth(user_id=self.id, is_admin=False)


MakeUser = Callable[[str], Person]


@contextmanager
def running_system(environ: dict[str, str]) -> Iterator[System]:
    """A system on settings from these variables, on a database that has its tables."""
    settings = load_settings(environ)
    for folder in (settings.media_location, settings.staging_location):
        folder.mkdir(parents=True, exist_ok=True)
    system = System(
        settings=settings,
        database=hurried(Database(settings.database_url)),
        storage=open_storage(settings),
        staging=Staging(settings.staging_location, settings.staging_cache_bytes),
        carrier=SilentCarrier(),
    )
    yield system
    system.close()


# Folders in which no file may be opened now, and the folders inside them in which it may.
_closed: dict[str, str] = {}


def _forbid(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _closed and isinstance(arguments[0], str):
        path = arguments[0]
        inside = any(path.startswith(closed) and not path.startswith(free) for closed, free in _closed.items())
        if inside or path.startswith("s3:"):
            raise AssertionError(f"{path} was opened as a file, although media are in S3")


sys.addaudithook(_forbid)


@contextmanager
def files_only_in_staging(system: System) -> Iterator[None]:
    """Whatever opens a stored path as a local file fails: the media of this system are in a bucket."""
    media = f"{system.settings.media_location}/"
    _closed[media] = f"{system.settings.staging_location}/"
    try:
        yield
    finally:
        del _closed[media]


# One for all tests of a process: compiling its routes takes longer than most tests.
_apps: list[Flask] = []


def app_of(system: System) -> Flask:
    """The application, on this system from now on; its clients check every answer against the contract."""
    if not _apps:
        _apps.append(create_app_on(system))
        _apps[0].test_client_class = ContractClient
    _apps[0].extensions[http.EXTENSION] = system
    return _apps[0]


def make_sqlite_file(path: Path) -> None:
    """A database file with all tables, to copy."""
    database = Database(load_settings({"DB_URL": f"sqlite:///{path}"}).database_url)
    Base.metadata.create_all(database.engine)
    database.close()


def copied_sqlite_file(template: Path, folder: Path) -> URL:
    """The URL of a database of one's own."""
    return make_url(f"sqlite:///{shutil.copy(template, folder / 'test.db')}")


def s3_environ(endpoint: str, access_key: str, secret_key: str) -> dict[str, str]:
    return {
        "IMMICH_STORAGE_ENGINE": "s3",
        "S3_ENDPOINT": endpoint,
        "S3_BUCKET": BUCKET,
        "S3_PREFIX": own_prefix(),
        "S3_ACCESS_KEY_ID": access_key,
        "S3_SECRET_ACCESS_KEY": secret_key,
    }


def sign_up(system: System, email: str = "admin@example.com") -> Person:
    """The first administrator."""
    return _person(system, users.sign_up_admin(system, email, PASSWORD, "Admin").id, email)


def add_user(system: System, email: str) -> Person:
    """Another user."""
    changes = UserChanges(name=email.partition("@")[0], password=PASSWORD)
    return _person(system, users.create_user(system, email, changes).id, email)


def add_asset(system: System, owner: Person, *, size: int = 1, **columns: Any) -> UUID:
    """The rows of an asset, without bytes behind them; `columns` differ from a plain photo's."""
    asset_id = uuid4()
    path = f"/nowhere/{asset_id}.jpg"
    moment = columns.get("local_date_time", utc_now())
    asset: dict[str, Any] = {
        "id": asset_id,
        "owner_id": owner.id,
        "type": AssetType.IMAGE,
        "original_path": path,
        "original_file_name": "photo.jpg",
        "checksum": asset_id.bytes,
        "file_created_at": moment,
        "file_modified_at": moment,
        "local_date_time": moment,
    }
    stored = {"path": path, "kind": MediaKind.ORIGINALS, "owner_id": owner.id, "sha1": asset_id.bytes, "crc32": 0}
    with system.transaction() as session:
        session.add_all([Asset(**asset | columns), StoredObject(**stored, size=size)])
    return asset_id


def _person(system: System, user_id: UUID, email: str) -> Person:
    key = api_keys.create_key(system, Auth(user_id=user_id, is_admin=False), "all", [Permission.ALL])
    return Person(user_id, email, {"x-api-key": key.secret})
