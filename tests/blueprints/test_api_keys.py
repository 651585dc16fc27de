"""API keys, and what they may not be used for."""

from collections.abc import Sequence

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from models.users import ApiKey
from services.system import System
from tests.systems import MakeUser, Person

KEYS = "/api/api-keys"


def make_key(client: FlaskClient, headers: dict[str, str], permissions: Sequence[str]) -> dict[str, str]:
    answer = client.post(KEYS, json={"name": "made", "permissions": permissions}, headers=headers)
    assert answer.status_code == 201
    made: dict[str, str] = answer.get_json()
    return made


def headers_of(made: dict[str, str]) -> dict[str, str]:
    return {"x-api-key": made["secret"]}


def test_a_secret_is_shown_once_and_kept_as_a_hash(client: FlaskClient, system: System, admin: Person) -> None:
    made = make_key(client, admin.headers, ["asset.read", "asset.read", "asset.view"])
    shown = client.get(f"{KEYS}/{made['id']}", headers=admin.headers).get_json()
    assert shown["permissions"] == ["asset.read", "asset.view"]
    assert "secret" not in shown
    assert made["apiKey"] == shown
    with system.database.read() as session:
        assert made["secret"].encode() not in session.scalars(select(ApiKey.key)).all()


def test_a_key_knows_itself(client: FlaskClient, admin: Person) -> None:
    made = make_key(client, admin.headers, ["asset.read"])
    assert client.get(f"{KEYS}/me", headers=headers_of(made)).get_json()["id"] == made["id"]


def test_a_session_is_no_key(browser: FlaskClient, admin: Person) -> None:
    browser.post("/api/auth/login", json={"email": admin.email, "password": "correct horse"})
    assert browser.get(f"{KEYS}/me").status_code == 403


def test_a_key_may_do_what_it_was_given_and_nothing_else(client: FlaskClient, admin: Person) -> None:
    headers = headers_of(make_key(client, admin.headers, ["user.read"]))
    assert client.get("/api/users/me", headers=headers).status_code == 200
    for path in (KEYS, "/api/albums", "/api/sessions", "/api/server/about", "/api/admin/users"):
        assert client.get(path, headers=headers).status_code == 403


def test_a_key_gives_no_more_than_it_has(client: FlaskClient, admin: Person) -> None:
    headers = headers_of(make_key(client, admin.headers, ["apiKey.create", "apiKey.update", "asset.read"]))
    refused = client.post(KEYS, json={"permissions": ["all"]}, headers=headers)
    assert (refused.status_code, refused.get_json()["message"]) == (400, "Cannot grant permissions you do not have")
    made = make_key(client, headers, ["asset.read"])
    wider = {"permissions": ["asset.read", "asset.delete"]}
    assert client.put(f"{KEYS}/{made['id']}", json=wider, headers=headers).status_code == 400


def test_a_key_does_not_open_a_wider_one_by_rotating_it(client: FlaskClient, admin: Person) -> None:
    wide = make_key(client, admin.headers, ["all"])
    headers = headers_of(make_key(client, admin.headers, ["apiKey.rotate"]))
    assert client.post(f"{KEYS}/{wide['id']}/rotate", headers=headers).status_code == 400
    assert client.get("/api/users/me", headers=headers_of(wide)).status_code == 200


def test_rotating_a_key_retires_the_old_secret(client: FlaskClient, admin: Person) -> None:
    old = make_key(client, admin.headers, ["user.read"])
    new = client.post(f"{KEYS}/{old['id']}/rotate", headers=admin.headers)
    assert (new.status_code, new.get_json()["id"]) == (201, old["id"])
    assert client.get("/api/users/me", headers=headers_of(old)).status_code == 401
    assert client.get("/api/users/me", headers=headers_of(new.get_json())).status_code == 200


def test_a_key_is_renamed_and_narrowed(client: FlaskClient, admin: Person) -> None:
    made = make_key(client, admin.headers, ["all"])
    client.put(f"{KEYS}/{made['id']}", json={"name": "phone"}, headers=admin.headers)
    changed = client.put(f"{KEYS}/{made['id']}", json={"permissions": ["asset.read"]}, headers=admin.headers)
    assert (changed.get_json()["name"], changed.get_json()["permissions"]) == ("phone", ["asset.read"])


def test_a_deleted_key_opens_nothing(client: FlaskClient, admin: Person) -> None:
    made = make_key(client, admin.headers, ["all"])
    assert client.delete(f"{KEYS}/{made['id']}", headers=admin.headers).status_code == 204
    assert client.get("/api/users/me", headers=headers_of(made)).status_code == 401
    gone = client.get(f"{KEYS}/{made['id']}", headers=admin.headers)
    assert (gone.status_code, gone.get_json()) == (400, {"message": "API Key not found"})


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/rotate")])
def test_the_keys_of_others_do_not_exist(
    client: FlaskClient, admin: Person, make_user: MakeUser, method: str, path: str
) -> None:
    theirs = make_key(client, make_user("anna@example.com").headers, ["all"])
    answer = client.open(f"{KEYS}/{theirs['id']}{path}", method=method, json={}, headers=admin.headers)
    assert (answer.status_code, answer.get_json()) == (400, {"message": "API Key not found"})
    assert theirs["id"] not in [key["id"] for key in client.get(KEYS, headers=admin.headers).get_json()]


@pytest.mark.parametrize("body", [{}, {"permissions": []}, {"permissions": ["bogus"]}, {"permissions": "all"}])
def test_a_key_without_known_permissions_is_not_made(
    client: FlaskClient, admin: Person, body: dict[str, object]
) -> None:
    assert client.post(KEYS, json=body, headers=admin.headers).status_code == 400
