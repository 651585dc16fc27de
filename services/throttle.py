"""Guessing passwords is slowed down: failed attempts are counted in the database, for all processes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from math import ceil

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from errors import TooManyRequests
from models.base import utc_now
from models.users import LoginFailure
from services.locks import take_turns
from services.system import System

# Failures that cost nothing, for one account from one address and for one address altogether.
FREE_PER_ACCOUNT = 5
FREE_PER_ADDRESS = 50
LONGEST_WAIT = timedelta(minutes=15)
FORGET_AFTER = timedelta(hours=1)


@contextmanager
def guarded_attempt(system: System, email: str, client: str | None) -> Iterator[None]:
    """One try of a password: counted before it is looked at, forgotten when the block ends without an error.

    Counting first also holds back a burst of attempts at the same moment. Raises TooManyRequests,
    without counting, while the account or the client's address has to wait; each failure doubles
    the wait.
    """
    address = _network_of(client)
    limits = {f"{address} {email}": FREE_PER_ACCOUNT, address: FREE_PER_ADDRESS}
    with system.transaction() as session:
        _count(session, limits, utc_now())
    yield
    with system.transaction() as session:
        _forget(session, f"{address} {email}", address)


def _count(session: Session, limits: Mapping[str, int], now: datetime) -> None:
    take_turns(session, "login failures")
    session.execute(delete(LoginFailure).where(LoginFailure.last_at < now - FORGET_AFTER))
    rows = {row.subject: row for row in session.scalars(select(LoginFailure).where(LoginFailure.subject.in_(limits)))}
    waits = [_wait(row, limits[row.subject], now) for row in rows.values()]
    longest = max(waits, default=timedelta())
    if longest > timedelta():
        raise TooManyRequests("Too many failed logins; try again later", ceil(longest.total_seconds()))
    for subject in limits:
        row = rows.get(subject) or LoginFailure(subject=subject, failures=0)
        row.failures, row.last_at = row.failures + 1, now
        session.add(row)


def _wait(row: LoginFailure, free: int, now: datetime) -> timedelta:
    """How long this subject still has to wait: 2, 4, 8 ... seconds from the last failure on."""
    if row.failures < free:
        return timedelta()
    doublings = min(row.failures - free + 1, 10)
    return min(timedelta(seconds=2**doublings), LONGEST_WAIT) - (now - row.last_at)


def _forget(session: Session, account: str, address: str) -> None:
    """The account starts afresh; the address only takes back this attempt.

    Otherwise an attacker would clear the address with a login to an account of their own.
    """
    take_turns(session, "login failures")
    session.execute(delete(LoginFailure).where(LoginFailure.subject == account))
    row = session.get(LoginFailure, address)
    if row is not None and row.failures > 1:
        row.failures -= 1
    elif row is not None:
        session.delete(row)


def _network_of(client: str | None) -> str:
    """The client's address; of IPv6 the /64, which one customer has to themselves."""
    try:
        address = ip_address((client or "").partition("%")[0])
    except ValueError:
        return "local"
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(getattr(address, "ipv4_mapped", None) or address)
