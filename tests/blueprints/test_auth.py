"""Signing up, signing in and out, and every way of saying who one is."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from models.base import utc_now
from models.users import UserSession
from services import users
from services.system import System
from tests.systems import PASSWORD, MakeUser, Person

LOGIN = "/api/auth/login"
ME = "/api/users/me"
SIGN_UP = "/api/auth/admin-sign-up"


def log_in(client: FlaskClient, email: str, password: str = PASSWORD) -> TestResponse:
    return client.post(LOGIN, json={"email": email, "password": password})


def token_of(client: FlaskClient, person: Person) -> str:
    token: str = log_in(client, person.email).get_json()["accessToken"]
    return token


def test_the_first_visitor_becomes_the_admin(client: FlaskClient) -> None:
    answer = client.post(SIGN_UP, json={"email": "First@Example.com", "password": PASSWORD, "name": "First"})
    assert answer.status_code == 201
    assert answer.get_json()["isAdmin"] is True
    assert answer.get_json()["email"] == "first@example.com"


def test_nobody_becomes_admin_by_coming_second(client: FlaskClient, admin: Person) -> None:
    answer = client.post(SIGN_UP, json={"email": "second@example.com", "password": PASSWORD, "name": "Second"})
    assert (answer.status_code, answer.get_json()) == (400, {"message": "The server already has an admin"})


def test_a_login_tells_who_one_is(client: FlaskClient, admin: Person) -> None:
    answer = log_in(client, "ADMIN@example.com")
    assert answer.status_code == 201
    assert answer.get_json()["userId"] == str(admin.id)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_cookies_are_hidden_from_pages_and_secure_over_https(client: FlaskClient, admin: Person, scheme: str) -> None:
    answer = client.post(LOGIN, json={"email": admin.email, "password": PASSWORD}, base_url=f"{scheme}://localhost")
    cookies = {header.partition("=")[0]: header for header in answer.headers.getlist("Set-Cookie")}
    assert set(cookies) == {"immich_access_token", "immich_auth_type", "immich_is_authenticated"}
    for name, header in cookies.items():
        assert ("HttpOnly" in header) == (name != "immich_is_authenticated")
        assert ("Secure" in header) == (scheme == "https")
        assert "SameSite=Lax" in header
        assert "Max-Age=34560000" in header
        assert "Path=/" in header


@pytest.mark.parametrize(
    "ask",
    [
        lambda client, token: client.get(ME, headers={"x-immich-user-token": token}),
        lambda client, token: client.get(ME, headers={"x-immich-session-token": token}),
        lambda client, token: client.get(f"{ME}?sessionKey={token}"),
        lambda client, token: client.get(ME, headers={"Authorization": f"Bearer {token}"}),
        lambda client, token: client.get(ME, headers={"Authorization": f"bearer  {token}"}),
        lambda client, token: client.get(ME, headers={"Cookie": f"immich_access_token={token}"}),
    ],
    ids=["user-token", "session-token", "query", "bearer", "sloppy-bearer", "cookie"],
)
def test_a_session_token_is_taken_from_anywhere(
    client: FlaskClient, admin: Person, ask: Callable[[FlaskClient, str], TestResponse]
) -> None:
    assert ask(client, token_of(client, admin)).get_json()["id"] == str(admin.id)
    wrong = ask(client, "wrong")
    assert (wrong.status_code, wrong.get_json()) == (401, {"message": "Invalid user token"})


def test_an_api_key_is_taken_from_header_and_query(client: FlaskClient, admin: Person) -> None:
    secret = admin.headers["x-api-key"]
    assert client.get(ME, headers={"x-api-key": secret}).status_code == 200
    assert client.get(f"{ME}?apiKey={secret}").status_code == 200
    wrong = client.get(ME, headers={"x-api-key": "wrong"})
    assert (wrong.status_code, wrong.get_json()) == (401, {"message": "Invalid API key"})


def test_without_credentials_one_is_asked_for_them(client: FlaskClient) -> None:
    answer = client.get(ME)
    assert (answer.status_code, answer.get_json()) == (401, {"message": "Authentication required"})


@pytest.mark.parametrize("query", ["key=abc", "slug=abc"])
def test_a_share_key_opens_nothing_that_was_not_shared(client: FlaskClient, admin: Person, query: str) -> None:
    answer = client.get(f"{ME}?{query}", headers=admin.headers)
    assert (answer.status_code, answer.get_json()) == (401, {"message": "Invalid share key"})


@pytest.mark.parametrize("headers", [{"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}, {"x-api-key": ""}])
def test_empty_or_foreign_credentials_are_none(client: FlaskClient, headers: dict[str, str]) -> None:
    assert client.get(ME, headers=headers).get_json() == {"message": "Authentication required"}


def test_an_expired_session_is_over(client: FlaskClient, system: System, admin: Person) -> None:
    token = token_of(client, admin)
    with system.transaction() as session:
        session.execute(update(UserSession).values(expires_at=utc_now() - timedelta(seconds=1)))
    assert client.get(ME, headers={"x-immich-user-token": token}).status_code == 401


def test_a_deleted_user_is_shut_out_at_once(
    client: FlaskClient, system: System, admin: Person, make_user: MakeUser
) -> None:
    leaver = make_user("leaver@example.com")
    token = token_of(client, leaver)
    users.delete_user(system, admin.auth, leaver.id)
    assert client.get(ME, headers={"x-immich-user-token": token}).status_code == 401
    assert client.get(ME, headers=leaver.headers).status_code == 401
    assert log_in(client, leaver.email).status_code == 401


@pytest.mark.parametrize("email", ["admin@example.com", "nobody@example.com"])
def test_a_failed_login_tells_nothing(client: FlaskClient, admin: Person, email: str) -> None:
    answer = log_in(client, email, "wrong")
    assert (answer.status_code, answer.get_json()) == (401, {"message": "Incorrect email or password"})
    assert "Set-Cookie" not in answer.headers


def test_logging_out_ends_the_session_and_the_cookies(browser: FlaskClient, admin: Person) -> None:
    token = token_of(browser, admin)
    answer = browser.post("/api/auth/logout")
    assert answer.get_json()["successful"] is True
    assert browser.get_cookie("immich_access_token") is None
    assert browser.get(ME, headers={"x-immich-user-token": token}).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
     {"Origin": "null"}],
)
def test_other_sites_cannot_use_the_cookie_to_change_anything(
    browser: FlaskClient, admin: Person, headers: dict[str, str]
) -> None:
    log_in(browser, admin.email)
    assert browser.post("/api/auth/logout", headers=headers).status_code == 403
    assert browser.get(ME, headers=headers).status_code == 200


def test_our_own_pages_can(browser: FlaskClient, admin: Person) -> None:
    log_in(browser, admin.email)
    ours = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert browser.post("/api/auth/validateToken", headers=ours).get_json() == {"authStatus": True}


def test_the_status_says_that_there_is_a_password(client: FlaskClient, admin: Person) -> None:
    answer = client.get("/api/auth/status", headers=admin.headers)
    assert answer.get_json() == {"pinCode": False, "password": True, "isElevated": False}


def test_a_password_is_changed_by_who_knows_it(client: FlaskClient, admin: Person) -> None:
    body = {"password": PASSWORD, "newPassword": "battery staple"}
    assert client.post("/api/auth/change-password", json=body, headers=admin.headers).status_code == 200
    assert log_in(client, admin.email).status_code == 401
    assert log_in(client, admin.email, "battery staple").status_code == 201


@pytest.mark.parametrize(
    ("old", "new"), [("wrong", "battery staple"), (PASSWORD, "short"), (PASSWORD, "x" * 73), (PASSWORD, "ä" * 37)]
)
def test_a_password_is_not_changed_otherwise(client: FlaskClient, admin: Person, old: str, new: str) -> None:
    body = {"password": old, "newPassword": new}
    assert client.post("/api/auth/change-password", json=body, headers=admin.headers).status_code == 400
    assert log_in(client, admin.email).status_code == 201


@pytest.mark.parametrize(("ends", "status"), [(True, 401), (False, 200)])
def test_other_sessions_end_with_the_old_password_if_asked(
    client: FlaskClient, admin: Person, ends: bool, status: int
) -> None:
    mine, other = ({"x-immich-user-token": token_of(client, admin)} for _ in range(2))
    body = {"password": PASSWORD, "newPassword": "battery staple", "invalidateSessions": ends}
    client.post("/api/auth/change-password", json=body, headers=mine)
    assert client.get(ME, headers=mine).status_code == 200
    assert client.get(ME, headers=other).status_code == status


def test_a_password_longer_than_bcrypt_reads_is_wrong(client: FlaskClient, admin: Person) -> None:
    long = "x" * 72
    body = {"password": PASSWORD, "newPassword": long}
    client.post("/api/auth/change-password", json=body, headers=admin.headers)
    assert log_in(client, admin.email, f"{long}x").status_code == 401
    assert log_in(client, admin.email, long).status_code == 201
