"""Fixtures for every test."""

from collections.abc import Iterator

import hypothesis
import pytest
from sqlalchemy.engine import URL

from tests import databases
from tests.databases import Postgresql
from tests.servers import S3Server, shared_seaweedfs

# A busy machine is no error.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")

pytest.register_assert_rewrite("tests.contracts")

pytest_plugins = ["tests.fixtures"]


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
