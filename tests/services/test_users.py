"""What holds about users even when two ask at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from errors import AppError, BadRequest
from models.users import User
from services import users
from services.auth import Auth
from services.system import System
from services.users import UserChanges
from tests.systems import PASSWORD, MakeUser, Person, on_every_database

pytestmark = on_every_database


def at_once(*calls: Callable[[], User]) -> list[User | AppError]:
    """What each call gives or raises, started as nearly together as threads can."""
    start = Barrier(len(calls))

    def run(call: Callable[[], User]) -> User | AppError:
        start.wait()
        try:
            return call()
        except AppError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_of_eight_first_visitors_one_becomes_admin(system: System) -> None:
    results = at_once(
        *(lambda n=n: users.sign_up_admin(system, f"a{n}@example.com", PASSWORD, "A") for n in range(8))
    )
    assert [isinstance(result, User) for result in results].count(True) == 1
    assert len(users.all_users(system)) == 1


def test_an_address_is_given_once_however_many_ask(system: System, admin: Person) -> None:
    results = at_once(*[lambda: users.create_user(system, "x@example.com", UserChanges(password=PASSWORD))] * 4)
    assert sorted(type(result).__name__ for result in results) == ["BadRequest"] * 3 + ["User"]


def test_admins_cannot_depose_each_other_until_none_is_left(
    system: System, admin: Person, make_user: MakeUser
) -> None:
    other = make_user("other@example.com")
    users.update_user(system, admin.auth, other.id, UserChanges(is_admin=True))
    at_once(
        lambda: users.update_user(system, other.auth, admin.id, UserChanges(is_admin=False)),
        lambda: users.delete_user(system, admin.auth, other.id),
    )
    assert any(user.is_admin for user in users.all_users(system))


def test_the_last_admin_stays(system: System, admin: Person, make_user: MakeUser) -> None:
    someone = Auth(user_id=make_user("anna@example.com").id, is_admin=True)
    for call in (
        lambda: users.delete_user(system, someone, admin.id),
        lambda: users.update_user(system, someone, admin.id, UserChanges(is_admin=False)),
    ):
        (result,) = at_once(call)
        assert str(result) == "The last admin cannot be removed"


def test_a_refused_change_changes_nothing(system: System, admin: Person, make_user: MakeUser) -> None:
    anna = make_user("anna@example.com")
    with pytest.raises(BadRequest):
        users.update_user(system, admin.auth, anna.id, UserChanges(name="Other", email=admin.email))
    assert users.user_of(system, anna.id).name == "anna"
