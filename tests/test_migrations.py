"""Migrations, up and down, on both databases; afterwards the tables are those of the models."""

from pathlib import Path

import flask_migrate  # type: ignore[import-untyped]  # the package ships no types
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import URL, inspect
from sqlalchemy.engine import make_url

from app import create_app_on
from cli import migrations
from models.base import Base, Database
from services.system import System
from tests.systems import running_system


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    if request.param == "sqlite":
        return make_url(f"sqlite:///{tmp_path / 'empty.db'}")
    url: URL = request.getfixturevalue("empty_postgresql_url")
    return url


def tables(database: Database) -> set[str]:
    return set(inspect(database.engine).get_table_names()) - {"alembic_version"}


def differences(database: Database) -> list[object]:
    with database.engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))


def migrate(system: System, direction: str) -> None:
    app = create_app_on(system)
    migrations.install(app)
    with app.app_context():
        if direction == "up":
            flask_migrate.upgrade()
        else:
            flask_migrate.downgrade(revision="base")


def test_up_makes_the_models_tables_and_down_removes_them(empty_database_url: URL, tmp_path: Path) -> None:
    environ = {
        "DB_URL": empty_database_url.render_as_string(hide_password=False),
        "IMMICH_MEDIA_LOCATION": str(tmp_path / "media"),
    }
    with running_system(environ) as system:
        migrate(system, "up")
        assert tables(system.database) == set(Base.metadata.tables)
        assert differences(system.database) == []
        migrate(system, "down")
        assert tables(system.database) == set()
        migrate(system, "up")
        assert differences(system.database) == []
