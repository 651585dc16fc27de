"""Fixtures for every test: real servers, the system on either storage engine, its clients and its people."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import URL

from services import passwords
from services.system import System
from tests import databases, systems
from tests.databases import Postgresql
from tests.servers import S3Server, shared_seaweedfs
from tests.systems import MakeUser, Person


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """The session's SeaweedFS; each test writes below a prefix of its own (`own_prefix`)."""
    with shared_seaweedfs(tmp_path_factory.getbasetemp()) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Postgresql]:
    """The session's PostgreSQL, with a template that has all tables."""
    with databases.postgresql() as server:
        server.make_template()
        yield server


@pytest.fixture
def empty_postgresql_url(postgresql_server: Postgresql) -> Iterator[URL]:
    """A PostgreSQL database of the test's own, without tables."""
    with postgresql_server.database() as url:
        yield url


@pytest.fixture
def postgresql_url(postgresql_server: Postgresql) -> Iterator[URL]:
    """A PostgreSQL database of the test's own, with all tables."""
    with postgresql_server.database(databases.ALL_TABLES) as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The session's Redis."""
    with databases.redis() as url:
        yield url


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "COST", 4)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    template = tmp_path_factory.mktemp("database") / "all-tables.db"
    systems.make_sqlite_file(template)
    return template


@pytest.fixture(params=["local", systems.SEAWEEDFS])
def engine(request: pytest.FixtureRequest) -> str:
    """The storage engine: every test with a system runs on local disk and on a real S3 server."""
    name: str = request.param
    return name


@pytest.fixture
def database_kind() -> str:
    """The database; tests about what happens at once ask for both with `on_every_database`."""
    return "sqlite"


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, sqlite_template: Path, tmp_path: Path) -> URL:
    """A database of the test's own, with all tables."""
    if database_kind == "sqlite":
        return systems.copied_sqlite_file(sqlite_template, tmp_path)
    url: URL = request.getfixturevalue("postgresql_url")
    return url


@pytest.fixture
def system(engine: str, database_url: URL, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    """A system of the test's own; nothing of it is left afterwards but files below tmp_path."""
    environ = _engine_environ(engine, request)
    environ["IMMICH_MEDIA_LOCATION"] = str(tmp_path / "media")
    environ["DB_URL"] = database_url.render_as_string(hide_password=False)
    with ExitStack() as stack:
        system = stack.enter_context(systems.running_system(environ))
        if engine != "local":
            stack.enter_context(systems.files_only_in_staging(system))
        yield system


def _engine_environ(engine: str, request: pytest.FixtureRequest) -> dict[str, str]:
    if engine == "local":
        return {}
    server: S3Server = request.getfixturevalue("s3_server")
    return systems.s3_environ(server.endpoint, server.access_key, server.secret_key)


@pytest.fixture
def app(system: System) -> Flask:
    return systems.app_of(system)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client without cookies; it says who asks with each request."""
    return app.test_client(use_cookies=False)


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    """A client that keeps cookies."""
    return app.test_client()


@pytest.fixture
def admin(system: System) -> Person:
    return systems.sign_up(system)


@pytest.fixture
def make_user(system: System, admin: Person) -> MakeUser:
    """Adds users by e-mail address; the admin is there first."""
    return lambda email: systems.add_user(system, email)
