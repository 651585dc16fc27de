"""A database with a ledger, on SQLite and on PostgreSQL, and a clock that tests set."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.engine import URL

from jobs import ledger, queues, schedule
from models.base import Database
from tests.databases import hurried


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def database_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def database(database_url: URL) -> Iterator[Database]:
    with closing(hurried(Database(database_url))) as database:
        yield database


class Clock:
    """The ledger's clock; it stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (ledger, queues, schedule):
        monkeypatch.setattr(module, "utc_now", clock)
    return clock
