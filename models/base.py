"""The database: declarative base, column types and one engine per process."""

import enum
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    JSON,
    CursorResult,
    DateTime,
    Engine,
    Enum,
    Executable,
    MetaData,
    Row,
    Table,
    Text,
    Uuid,
    create_engine,
    event,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import URL, Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

# Names for every constraint, so that a migration can drop what it made on either database.
_NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

# SQLite's words for commits that wait for the disk, and for those that go there with the next one that waits.
_DURABLE, _SOON = "FULL", "NORMAL"

# Enumerations are stored as the text that clients see, without a type of their own in PostgreSQL.
_EnumText = Enum(enum.Enum, native_enum=False, length=32, values_callable=lambda kind: [one.value for one in kind])
TextList = ARRAY(Text).with_variant(JSON(none_as_null=True), "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime; SQLite forgets the zone, so it is put on again when read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a time zone does not go into the database")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def utc_now() -> datetime:
    """The present moment, aware, to the millisecond that clients see."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=_NAMING)
    type_annotation_map = {datetime: UtcDateTime, UUID: Uuid, str: Text, enum.Enum: _EnumText}


def table_of(model: type[Base]) -> Table:
    """The table of a model, for statements after which nothing has to be loaded."""
    table = model.__table__
    if not isinstance(table, Table):
        raise TypeError(f"{model} is no table")
    return table


class Identified:
    """Immich's identity column: a random UUID made here, so that paths can name it before the row exists."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)


class Timestamped:
    """Immich's createdAt and updatedAt."""

    created_at: Mapped[datetime] = mapped_column("createdAt", default=utc_now)
    updated_at: Mapped[datetime] = mapped_column("updatedAt", default=utc_now, onupdate=utc_now)


class Database:
    """One engine per process: `read()` for questions, `write()` for one transaction.

    Flask-Migrate asks for `metadata` and `get_engine`.
    """

    metadata = Base.metadata

    def __init__(self, url: URL) -> None:
        self.engine = _sqlite_engine(url) if url.get_backend_name() == "sqlite" else _postgresql_engine(url)
        # Connections of `one` that nobody uses just now; taking and giving back are atomic.
        self._kept: deque[Connection] = deque()

    def get_engine(self, bind_key: str | None = None) -> Engine:
        return self.engine

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading; what it changes is not kept."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    def one(self, statement: Executable, parameters: Mapping[str, Any]) -> Row[*tuple[Any, ...]] | None:
        """The one row of a statement, or None: for what every request asks.

        Without a session or a transaction, on a connection that is kept. Build the statement once,
        with bindparam, as building costs more than asking.
        """
        try:
            connection = self._kept.pop()
        except IndexError:
            connection = self._fresh()
        try:
            row = connection.execute(statement, parameters).one_or_none()
        except DBAPIError as error:
            connection.close()
            if not error.connection_invalidated:
                raise
            # The database was restarted since this connection was made.
            with self._fresh() as connection:
                return connection.execute(statement, parameters).one_or_none()
        self._kept.append(connection)
        return row

    def _fresh(self) -> Connection:
        connection = self.engine.connect().execution_options(single=True)
        if self.engine.dialect.name == "sqlite":
            return connection
        return connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session in one transaction: committed when the block ends, rolled back on an error.

        On SQLite it takes the write lock at once (BEGIN IMMEDIATE): a transaction that read
        first and wrote later would fail instead of waiting.
        """
        with self._writing(writes=True) as session:
            yield session

    @contextmanager
    def write_soon(self) -> Iterator[Session]:
        """As `write`, for what may be done again: on SQLite the commit does not wait for the disk.

        It outlives this process, however that ends; where the power fails before the next commit
        of `write`, it has not been. On PostgreSQL, whose clients outlive the server, it waits.
        """
        with self._writing(writes=True, soon=True) as session:
            yield session

    @contextmanager
    def _writing(self, **options: bool) -> Iterator[Session]:
        with Session(self.engine, expire_on_commit=False) as session:
            session.connection(execution_options=options)
            yield session
            session.commit()

    def close(self) -> None:
        while self._kept:
            self._kept.pop().close()
        self.engine.dispose()


def rows_changed(session: Session, statement: Executable, parameters: Mapping[str, Any] | None = None) -> int:
    """Executes an INSERT, UPDATE or DELETE; returns how many rows it touched."""
    result = session.execute(statement, parameters)
    if not isinstance(result, CursorResult):
        raise TypeError("only a statement that changes rows can be counted")
    return result.rowcount


def _postgresql_engine(url: URL) -> Engine:
    return create_engine(url, pool_size=8, max_overflow=32, pool_pre_ping=True)


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(url, pool_size=8, max_overflow=64)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: ConnectionPoolEntry) -> None:
        # SQLAlchemy begins the transaction itself below; the driver must not do it later.
        connection.isolation_level = None
        connection.executescript(
            "PRAGMA busy_timeout = 30000; PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON;"
            f"PRAGMA synchronous = {_DURABLE};"
        )
        record.info.update(durable=_DURABLE, synchronous=_DURABLE)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if "writes" in options:
            _synchronise(connection, _SOON if "soon" in options else connection.info["durable"])
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        elif "single" not in options:
            connection.exec_driver_sql("BEGIN")

    return engine


def _synchronise(connection: Connection, level: str) -> None:
    """Sets when commits of a connection wait for the disk (SQLite, `PRAGMA synchronous`), unless it is set so."""
    if connection.info["synchronous"] != level:
        connection.exec_driver_sql(f"PRAGMA synchronous = {level}")
        connection.info["synchronous"] = level
