"""`flask users`, as whoever runs the server uses it."""

from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient

from services import users
from services.system import System
from tests.systems import PASSWORD, MakeUser, Person


def run(app: Flask, *args: str, password: str = "") -> Result:
    return app.test_cli_runner().invoke(args=["users", *args], input=f"{password}\n")


def status_of_login(client: FlaskClient, email: str, password: str) -> int:
    return client.post("/api/auth/login", json={"email": email, "password": password}).status_code


def test_the_first_user_created_is_an_admin(app: Flask, system: System) -> None:
    assert run(app, "create", "first@example.com", password="secret").exit_code == 0
    assert [user.is_admin for user in users.all_users(system)] == [True]


def test_later_users_are_admins_where_asked_for(app: Flask, system: System, admin: Person) -> None:
    run(app, "create", "plain@example.com", password="secret")
    run(app, "create", "other@example.com", "--admin", password="secret")
    assert [user.is_admin for user in users.all_users(system)] == [True, False, True]


def test_a_password_is_never_taken_from_the_arguments(app: Flask) -> None:
    assert run(app, "create", "first@example.com", "secret").exit_code == 2


def test_the_list_shows_admins_and_the_deleted(app: Flask, system: System, admin: Person, make_user: MakeUser) -> None:
    gone = make_user("gone@example.com")
    users.delete_user(system, admin.auth, gone.id)
    lines = run(app, "list").output.splitlines()
    assert lines == ["admin@example.com  Admin  admin", "gone@example.com  gone  deleted"]


def test_a_locked_out_admin_gets_a_new_password(app: Flask, client: FlaskClient, admin: Person) -> None:
    assert run(app, "reset-password", admin.email.upper(), password="another one").exit_code == 0
    assert status_of_login(client, admin.email, PASSWORD) == 401
    assert status_of_login(client, admin.email, "another one") == 201


def test_a_new_password_ends_every_session(app: Flask, client: FlaskClient, admin: Person) -> None:
    token = client.post("/api/auth/login", json={"email": admin.email, "password": PASSWORD}).get_json()["accessToken"]
    run(app, "reset-password", admin.email, password="another one")
    assert client.get("/api/users/me", headers={"x-immich-user-token": token}).status_code == 401


def test_mistakes_are_told_in_a_sentence(app: Flask, admin: Person) -> None:
    assert "User not found" in run(app, "reset-password", "no@example.com", password="x").output
    assert "Not an e-mail address" in run(app, "create", "nobody", password="x").output
    assert "1 to 72 bytes" in run(app, "create", "a@example.com", password="x" * 73).output
