"""Databases for tests: real PostgreSQL and Redis servers in temporary folders, and SQLite without the waiting."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import event
from sqlalchemy.engine import URL, Dialect, make_url
from sqlalchemy.pool import ConnectionPoolEntry

from models.base import Base, Database
from tests.live import free_port

PATIENCE = 30.0
ALL_TABLES = "all_tables"
# Nothing here has to survive a power failure.
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=200")


@dataclass(frozen=True, slots=True)
class Postgresql:
    """A running server; databases are cheap copies of a template."""

    port: int

    def url_of(self, name: str) -> URL:
        return make_url(f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{name}")

    def execute(self, statement: str) -> None:
        """Executes one statement outside a transaction, in the server's own database."""
        with psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def database(self, template: str = "template0") -> Iterator[URL]:
        """The URL of a new database, dropped afterwards whoever is still connected to it."""
        name = f"test_{uuid4().hex}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield self.url_of(name)
        finally:
            self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def make_template(self) -> None:
        """Makes the database to copy where a test wants all tables of the data model."""
        self.execute(f'CREATE DATABASE "{ALL_TABLES}" TEMPLATE template0')
        database = Database(self.url_of(ALL_TABLES))
        Base.metadata.create_all(database.engine)
        database.close()


@contextmanager
def postgresql() -> Iterator[Postgresql]:
    """A PostgreSQL server with durability off; it refuses to run as root, so then it runs as `postgres`."""
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    user = None
    if os.geteuid() == 0:
        user = "postgres"
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    try:
        data = folder / "data"
        initdb: list[str | Path] = [_program("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-N"]
        initdb += ["-E", "UTF8", "--locale=C"]
        subprocess.run(initdb, check=True, capture_output=True, user=user, cwd=folder)
        port = free_port()
        settings = [part for one in _FAST for part in ("-c", one)]
        command: list[str | Path] = [_program("postgres"), "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", folder]
        server = Postgresql(port)
        with _running([*command, *settings], folder, lambda: server.execute("SELECT 1"), user):
            yield server
    finally:
        shutil.rmtree(folder)


@contextmanager
def redis(port: int | None = None) -> Iterator[str]:
    """The URL of a Redis server that keeps nothing on disk."""
    port = port or free_port()
    url = f"redis://127.0.0.1:{port}/0"
    with tempfile.TemporaryDirectory(prefix="redis-") as name:
        command: list[str | Path] = [_program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        with _running(command, Path(name), lambda: _ping(url), None):
            yield url


# SQLite's dialect in this process, and what was compiled for it. Both are an engine's own otherwise, so that
# each test would compile each of its statements again.
_dialects: list[Dialect] = []
_compiled: dict[Any, Any] = {}


def hurried(database: Database) -> Database:
    """The database, not connected yet; where it is SQLite, no commit waits for the disk, nothing is compiled twice."""
    engine = database.engine
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _hurry)
        if not _dialects:
            engine.connect().close()
            _dialects.append(engine.dialect)
        engine.dialect = _dialects[0]
        engine.update_execution_options(compiled_cache=_compiled)
    return database


def _hurry(connection: Any, record: ConnectionPoolEntry) -> None:
    connection.execute("PRAGMA synchronous = OFF")
    record.info.update(durable="OFF", synchronous="OFF")


def _ping(url: str) -> None:
    with Redis.from_url(url) as client:
        client.ping()


def _program(name: str) -> str:
    """Debian keeps PostgreSQL's programs out of the PATH."""
    folders = [os.environ["PATH"], "/usr/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
    found = shutil.which(name, path=os.pathsep.join(folders))
    assert found, f"{name} is not installed; make test installs it"
    return found


@contextmanager
def _running(
    command: Sequence[str | Path], folder: Path, probe: Callable[[], None], user: str | None
) -> Iterator[None]:
    """A server process that answers the probe, ended afterwards with everything it started."""
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder, user=user)
    try:
        _wait_for(probe, process, log)
        yield
    finally:
        # To PostgreSQL this is "fast shutdown": it does not wait for clients to leave.
        process.send_signal(signal.SIGINT)
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()


def _wait_for(probe: Callable[[], None], process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(psycopg.OperationalError, RedisError):
            probe()
            return
        time.sleep(0.02)
    raise AssertionError(f"the server does not start: {log.read_text(errors='replace')[-2000:]}")
