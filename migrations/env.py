"""Alembic's environment: migrates the database of the current Flask application."""

from alembic import context
from flask import current_app

database = current_app.extensions["migrate"].db


def is_ours(schema_object: object, name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:
    """The job carrier makes tables of its own in PostgreSQL; nobody proposes to drop them."""
    return not (kind == "table" and reflected and (name or "").startswith("carrier_"))


def run_migrations() -> None:
    with database.get_engine().connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=database.metadata,
            render_as_batch=True,
            include_object=is_ours,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


if context.is_offline_mode():
    raise SystemExit("Migrations need a database to run on; there is no offline mode.")
run_migrations()
