"""Taking turns: transactions that must not overlap."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session


def take_turns(session: Session, name: str) -> None:
    """Waits until no other transaction that took the same turn is under way.

    On SQLite every write transaction takes turns anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))
