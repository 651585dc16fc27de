"""`flask db`: Flask-Migrate on the database of the application."""

from pathlib import Path

from flask import Flask

from blueprints.http import system_of

FOLDER = Path(__file__).parent.parent / "migrations"


def install(app: Flask) -> None:
    """Adds `flask db`; afterwards `flask_migrate.upgrade()` works in the application's context."""
    from flask_migrate import Migrate  # type: ignore[import-untyped]  # the package ships no types

    Migrate(app, system_of(app).database, directory=str(FOLDER), render_as_batch=True)
