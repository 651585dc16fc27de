"""Guessing passwords becomes slow, for all processes, and for nobody else."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from errors import BadRequest, TooManyRequests, Unauthorized
from models.users import LoginFailure
from services import logins, passwords, throttle
from services.logins import Login
from services.sessions import Device
from services.system import System
from tests.systems import PASSWORD, Person, on_every_database

HOME = "192.0.2.1"


class Clock:
    """It stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(throttle, "utc_now", clock)
    return clock


def log_in(system: System, email: str, password: str, client: str | None = HOME) -> Login:
    return logins.log_in(system, email, password, client, Device("test", ""))


def fail(system: System, times: int, email: str = "admin@example.com", client: str | None = HOME) -> None:
    for _ in range(times):
        with pytest.raises(Unauthorized):
            log_in(system, email, "wrong", client)


def wait_for(system: System, email: str = "admin@example.com", client: str | None = HOME) -> int:
    with pytest.raises(TooManyRequests) as refused:
        log_in(system, email, PASSWORD, client)
    return refused.value.retry_after


@on_every_database
def test_after_five_failures_even_the_right_password_has_to_wait(system: System, admin: Person, clock: Clock) -> None:
    fail(system, 5)
    assert wait_for(system) == 2
    clock.forward(2)
    assert log_in(system, admin.email, PASSWORD).user.id == admin.id


def test_each_failure_doubles_the_wait_up_to_a_quarter_of_an_hour(system: System, admin: Person, clock: Clock) -> None:
    fail(system, 5)
    waits = []
    for _ in range(11):
        waits.append(wait_for(system))
        clock.forward(waits[-1])
        fail(system, 1)
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


def test_asking_while_waiting_costs_neither_time_nor_a_hash(
    system: System, admin: Person, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(system, 5)
    monkeypatch.setattr(passwords, "is_password", pytest.fail)
    assert [wait_for(system) for _ in range(3)] == [2, 2, 2]


def test_a_success_wipes_the_slate(system: System, admin: Person, clock: Clock) -> None:
    fail(system, 4)
    log_in(system, admin.email, PASSWORD)
    fail(system, 4)
    assert log_in(system, admin.email, PASSWORD)


def test_others_do_not_wait_with_who_guesses(system: System, admin: Person, clock: Clock) -> None:
    fail(system, 5)
    assert log_in(system, admin.email, PASSWORD, "192.0.2.2")
    fail(system, 1, "anna@example.com")


def test_one_address_that_tries_many_accounts_has_to_wait_too(system: System, admin: Person, clock: Clock) -> None:
    for number in range(throttle.FREE_PER_ADDRESS):
        fail(system, 1, f"user{number}@example.com")
    assert wait_for(system, "another@example.com") == 2


def test_an_own_account_does_not_clear_the_address(system: System, admin: Person, clock: Clock) -> None:
    for number in range(throttle.FREE_PER_ADDRESS - 1):
        fail(system, 1, f"user{number}@example.com")
    log_in(system, admin.email, PASSWORD)
    fail(system, 1, "one-more@example.com")
    assert wait_for(system, "another@example.com") == 2


def test_an_ipv6_customer_is_one_address(system: System, admin: Person, clock: Clock) -> None:
    fail(system, 5, client="2001:db8::1")
    assert wait_for(system, client="2001:db8::ffff:2") == 2
    assert log_in(system, admin.email, PASSWORD, "2001:db8:0:1::1")


@pytest.mark.parametrize("client", [None, "", "unix", "::ffff:192.0.2.1", "fe80::1%eth0"])
def test_odd_addresses_are_counted_as_well(system: System, admin: Person, clock: Clock, client: str | None) -> None:
    fail(system, 5, client=client)
    assert wait_for(system, client=client) == 2


def test_failures_are_forgotten_and_their_rows_removed(system: System, admin: Person, clock: Clock) -> None:
    for number in range(20):
        fail(system, 1, f"user{number}@example.com", f"192.0.2.{number}")
    clock.forward(3601)
    log_in(system, admin.email, PASSWORD)
    with system.database.read() as session:
        assert session.scalar(select(func.count()).select_from(LoginFailure)) == 0


def test_changing_the_password_is_no_way_to_guess_it(system: System, admin: Person, clock: Clock) -> None:
    for _ in range(6):
        with suppress(BadRequest, TooManyRequests):
            logins.change_password(system, admin.auth, "wrong", "new password", HOME, end_other_sessions=False)
    with pytest.raises(TooManyRequests):
        logins.change_password(system, admin.auth, PASSWORD, "new password", HOME, end_other_sessions=False)
