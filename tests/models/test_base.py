"""The database's promises: kept connections, whole transactions, aware datetimes."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import URL, bindparam, select, text
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.orm import Session

from models.base import Database
from models.users import LoginFailure
from tests.systems import on_every_database

QUESTION = select(LoginFailure.failures).where(LoginFailure.subject == bindparam("subject"))
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def database(database_url: URL) -> Iterator[Database]:
    with closing(Database(database_url)) as database:
        yield database


def keep(database: Database, subject: str, failures: int = 1) -> None:
    with database.write() as session:
        session.add(LoginFailure(subject=subject, failures=failures, last_at=NOON))


def ask(database: Database, subject: str) -> int | None:
    row = database.one(QUESTION, {"subject": subject})
    return None if row is None else row[0]


@on_every_database
def test_one_answers_with_the_row_or_none(database: Database) -> None:
    keep(database, "known", 7)
    assert ask(database, "known") == 7
    assert ask(database, "unknown") is None


@on_every_database
def test_one_sees_what_was_committed_since_it_last_asked(database: Database) -> None:
    assert ask(database, "later") is None
    keep(database, "later", 3)
    assert ask(database, "later") == 3


@on_every_database
def test_one_holds_back_no_writer(database: Database) -> None:
    ask(database, "x")
    with closing(Database(database.engine.url)) as other:
        keep(other, "x")
    assert ask(database, "x") == 1


@on_every_database
def test_many_threads_ask_at_once(database: Database) -> None:
    keep(database, "known", 7)
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(lambda _: ask(database, "known"), range(200))) == {7}


@on_every_database
def test_a_wrong_question_spoils_no_later_one(database: Database) -> None:
    keep(database, "known", 7)
    with pytest.raises(DBAPIError):
        database.one(text("SELECT nonsense FROM nowhere"), {})
    assert ask(database, "known") == 7
    keep(database, "afterwards")
    assert ask(database, "afterwards") == 1


@pytest.mark.servers
@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_a_database_that_was_restarted_is_asked_again(database: Database) -> None:
    keep(database, "known", 7)
    assert ask(database, "known") == 7
    with database.write() as session:
        session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        )
    assert ask(database, "known") == 7


@on_every_database
def test_a_transaction_that_fails_keeps_nothing(database: Database) -> None:
    def fail() -> None:
        with database.write() as session:
            session.add(LoginFailure(subject="half", failures=1, last_at=NOON))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert ask(database, "half") is None


@on_every_database
def test_what_is_written_soon_is_seen_at_once_and_kept_whole(database: Database) -> None:
    with database.write_soon() as session:
        session.add(LoginFailure(subject="soon", failures=3, last_at=NOON))
    assert ask(database, "soon") == 3

    def fail() -> None:
        with database.write_soon() as session:
            session.add(LoginFailure(subject="half", failures=1, last_at=NOON))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert ask(database, "half") is None


def test_only_what_is_written_soon_does_not_wait_for_the_disk(database: Database) -> None:
    def waits(write: Callable[[], AbstractContextManager[Session]]) -> bool:
        with write() as session:
            return bool(session.scalar(text("PRAGMA synchronous")) == 2)

    # All on one connection, which is taken from the pool and given back.
    assert [waits(write) for write in (database.write, database.write_soon, database.write)] == [True, False, True]
    with database.write_soon():
        assert waits(database.read)
    assert waits(database.write)


@on_every_database
def test_a_writer_that_reads_first_waits_for_the_other_instead_of_failing(database: Database) -> None:
    keep(database, "counter", 0)

    def count(_: int) -> None:
        with database.write() as session:
            row = session.get_one(LoginFailure, "counter", with_for_update=True)
            time.sleep(0.01)
            row.failures += 1

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(count, range(12)))
    assert ask(database, "counter") == 12


@on_every_database
def test_datetimes_come_back_aware_and_in_utc(database: Database) -> None:
    there = timezone(timedelta(hours=5, minutes=30))
    with database.write() as session:
        session.add(LoginFailure(subject="zone", failures=1, last_at=NOON.astimezone(there)))
    with database.read() as session:
        found = session.get_one(LoginFailure, "zone").last_at
    assert (found, found.tzinfo) == (NOON, UTC)


def test_a_datetime_without_a_zone_is_refused(database: Database) -> None:
    row = LoginFailure(subject="naive", failures=1, last_at=NOON.replace(tzinfo=None))
    with database.read() as session:
        session.add(row)
        with pytest.raises(StatementError, match="without a time zone"):
            session.flush()
