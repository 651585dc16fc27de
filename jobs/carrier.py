"""The carrier: tells workers, in this process or on other machines, that the ledger has work for them.

It carries job ids and decides nothing. What it loses, or delivers twice, costs time and no job.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event, Lock
from types import SimpleNamespace
from uuid import UUID

import psycopg
from huey.storage import BaseStorage, PostgresStorage, RedisStorage, SqliteStorage  # type: ignore[import-untyped]  # the package ships no types
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from sqlalchemy.engine import URL

from config import Settings

logger = logging.getLogger(__name__)

# A carrier that failed is not asked again for so long, lest every request waits for it in vain.
_REST_SECONDS = 5.0
# How long a ring through a SQLite file may go unheard.
_POLL_SECONDS = 0.05
# How long the other carriers listen before they look whether they should stop.
_LISTEN_SECONDS = 1
_CONNECT_SECONDS = 2
_FAILURES = (sqlite3.Error, psycopg.Error, RedisError, OSError)


class Carrier:
    """One end of the wire; the storage is opened at the first use, in the process that uses it."""

    def __init__(self, open_storage: Callable[[], BaseStorage]) -> None:
        self._open_storage = open_storage
        self._storage: BaseStorage | None = None
        self._opening = Lock()
        self._listening = Lock()
        self._rest_until = 0.0

    def ring(self, ids: Sequence[UUID]) -> None:
        """Wakes one waiting worker thread for each id; never raises, and never waits for long."""
        if not ids or time.monotonic() < self._rest_until:
            return
        try:
            for job_id in ids:
                self._opened().enqueue(job_id.bytes)
        except _FAILURES as error:
            self._rest(error)

    def wait(self, stop: Event, seconds: float) -> bool:
        """Waits until rung, at most so long and not past `stop`; True where rung.

        One thread of a process listens at a time, the others queue up behind it.
        """
        deadline = time.monotonic() + seconds
        if not self._listening.acquire(timeout=seconds):
            return False
        try:
            while not stop.is_set() and time.monotonic() < deadline:
                if self._heard(stop):
                    return True
            return False
        finally:
            self._listening.release()

    def _heard(self, stop: Event) -> bool:
        if time.monotonic() < self._rest_until:
            stop.wait(_POLL_SECONDS)
            return False
        try:
            storage = self._opened()
            heard = storage.dequeue() is not None
        except _FAILURES as error:
            self._rest(error)
            return False
        if not heard and not storage.blocking:
            stop.wait(_POLL_SECONDS)
        return heard

    def _opened(self) -> BaseStorage:
        with self._opening:
            if self._storage is None:
                self._storage = self._open_storage()
            return self._storage

    def _rest(self, error: Exception) -> None:
        logger.warning("the job carrier rests for %s seconds, workers look for themselves: %s", _REST_SECONDS, error)
        self._rest_until = time.monotonic() + _REST_SECONDS

    def close(self) -> None:
        """Ends the connections; a later use opens them again."""
        with self._opening:
            storage, self._storage = self._storage, None
        if isinstance(storage, RedisStorage):
            storage.pool.disconnect()
        elif storage is not None:
            storage.close()


def open_carrier(settings: Settings) -> Carrier:
    """Redis where REDIS_URL is set, else the PostgreSQL database, else a file beside the SQLite database.

    Rings of installations that share one Redis are told apart by the database's name.
    """
    url = settings.database_url
    name = Path(url.database or "").stem
    if settings.redis_url is not None:
        redis_url = settings.redis_url
        return Carrier(lambda: _redis_storage(redis_url, name))
    if url.get_backend_name() == "postgresql":
        return Carrier(lambda: _postgresql_storage(url))
    return Carrier(lambda: _sqlite_storage(Path(url.database or "").with_name("queue.db"), name))


def _sqlite_storage(path: Path, name: str) -> SqliteStorage:
    storage = SqliteStorage(name, filename=str(path))
    # A power failure may cost rings, not the file; a ring need not wait for the disk.
    storage.conn.execute("PRAGMA synchronous = NORMAL")
    return storage


def _redis_storage(url: str, name: str) -> RedisStorage:
    pool: ConnectionPool = ConnectionPool.from_url(
        url,
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_timeout=_LISTEN_SECONDS + _CONNECT_SECONDS,
        retry=Retry(NoBackoff(), 1),
    )
    return RedisStorage(f"bucketroll.{name}", connection_pool=pool, read_timeout=_LISTEN_SECONDS, clean_name=False)


def _postgresql_storage(url: URL) -> PostgresStorage:
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
    storage = PostgresStorage(
        "jobs",
        dsn=dsn,
        table_prefix="carrier",
        create_tables=False,
        read_timeout=_LISTEN_SECONDS,
        connect_timeout=_CONNECT_SECONDS,
    )
    # One listener at a time needs one connection, where Huey would open one per thread and close none.
    storage._listen_local = SimpleNamespace()
    with psycopg.connect(dsn, connect_timeout=_CONNECT_SECONDS) as connection:
        # Two processes that start together would both try to create the tables, and one would fail.
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('carrier tables'))")
        for statement in storage.ddl:
            connection.execute(statement)
    return storage
