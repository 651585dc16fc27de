"""Requests that no honest client sends: each gets a 400 that says why, never a 500."""

import pytest
from flask.testing import FlaskClient

from tests.systems import PASSWORD, Person

SIGN_UP = "/api/auth/admin-sign-up"
GOOD = {"email": "first@example.com", "password": PASSWORD, "name": "First"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", None), ("email", 7), ("email", ["a@example.com"]), ("email", "nobody"), ("email", "@example.com"),
        ("email", "a@"), ("email", "a b@example.com"), ("email", "a@b@example.com"), ("email", "a@exa_mple.com"),
        ("email", f"{'a' * 65}@example.com"), ("email", f"a@{'a.' * 200}com"), ("email", "a@example.com\nBcc: b@c.d"),
        ("password", ""), ("password", None), ("password", {"$ne": 1}), ("password", "x" * 73), ("password", "a\0b"),
        ("name", 1), ("name", "a\0b"), ("name", "\ud800"),
    ],
)  # fmt: skip
def test_wrong_fields_are_refused_by_name(client: FlaskClient, field: str, value: object) -> None:
    answer = client.post(SIGN_UP, json={**GOOD, field: value})
    assert answer.status_code == 400
    if value != "" and value != "x" * 73:
        assert [error["path"] for error in answer.get_json()["errors"]] == [[field]]


@pytest.mark.parametrize("field", GOOD)
def test_missing_fields_are_refused_by_name(client: FlaskClient, field: str) -> None:
    answer = client.post(SIGN_UP, json={name: value for name, value in GOOD.items() if name != field})
    assert answer.status_code == 400
    assert answer.get_json()["message"] == "Validation failed"
    assert [error["path"] for error in answer.get_json()["errors"]] == [[field]]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000,
        b'{"email": 1e400}',
    ],
    ids=["empty", "open", "null", "list", "text", "not UTF-8", "deep lists", "deep objects", "long number", "huge"],
)  # fmt: skip
def test_what_is_not_a_json_object_is_refused(client: FlaskClient, body: bytes) -> None:
    assert client.post(SIGN_UP, data=body, content_type="application/json").status_code == 400


def test_a_form_is_not_json(client: FlaskClient) -> None:
    assert client.post(SIGN_UP, data=GOOD).status_code == 400


def test_a_huge_body_is_refused_before_it_is_read(client: FlaskClient) -> None:
    answer = client.post(SIGN_UP, data=b" " * (17 * 1024 * 1024), content_type="application/json")
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "email", ["jürgen@münchen.example", "用户@例子.广告", "o'brien+tag@example.com", "a@localhost"]
)
def test_e_mail_addresses_of_all_the_world_are_taken(client: FlaskClient, email: str) -> None:
    assert client.post(SIGN_UP, json={**GOOD, "email": email}).status_code == 201
    assert client.post("/api/auth/login", json={"email": email.upper(), "password": PASSWORD}).status_code == 201


def test_an_address_is_the_same_composed_or_decomposed(client: FlaskClient) -> None:
    client.post(SIGN_UP, json={**GOOD, "email": "ju\u0308rgen@example.com"})
    answer = client.post("/api/auth/login", json={"email": "j\u00fcrgen@example.com", "password": PASSWORD})
    assert answer.status_code == 201


@pytest.mark.parametrize("path", ["/api/users/me", "/api/albums?name=%00", "/api/admin/users?withDeleted=perhaps"])
def test_odd_queries_are_refused_or_ignored(client: FlaskClient, admin: Person, path: str) -> None:
    assert client.get(path, headers=admin.headers).status_code in (200, 400)


@pytest.mark.parametrize("identifier", ["1", "%00", "..", "00000000-0000-4000-8000-00000000000g", "a" * 5000])
def test_what_is_no_id_is_refused(client: FlaskClient, admin: Person, identifier: str) -> None:
    assert client.get(f"/api/users/{identifier}", headers=admin.headers).status_code in (400, 404)


@pytest.mark.parametrize("path", ["/api/no-such-route", "/api/users/me/nothing"])
def test_an_unknown_route_is_told_in_json(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.get_json()) == (404, {"message": f"Cannot GET {path}"})
