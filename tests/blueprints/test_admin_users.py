"""Users as administrators manage them."""

import pytest
from flask.testing import FlaskClient

from tests.systems import PASSWORD, MakeUser, Person

USERS = "/api/admin/users"
NEW = {"email": "New@Example.com", "password": PASSWORD, "name": "New"}


def status_of_login(client: FlaskClient, email: str, password: str = PASSWORD) -> int:
    return client.post("/api/auth/login", json={"email": email, "password": password}).status_code


def test_an_admin_adds_a_user_who_can_sign_in(client: FlaskClient, admin: Person) -> None:
    given = {**NEW, "quotaSizeInBytes": 10**12, "storageLabel": "new", "avatarColor": "pink"}
    made = client.post(USERS, json=given, headers=admin.headers)
    assert made.status_code == 201
    shown = made.get_json()
    assert {**shown, **given, "email": "new@example.com"} | {"password": 0} == shown | {"password": 0}
    assert shown["shouldChangePassword"] is True
    assert status_of_login(client, "new@example.com") == 201


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""), ("POST", ""), ("GET", "/{id}"), ("PUT", "/{id}"), ("DELETE", "/{id}"),
        ("POST", "/{id}/restore"), ("GET", "/{id}/sessions"),
    ],
)  # fmt: skip
def test_others_may_not(client: FlaskClient, make_user: MakeUser, method: str, path: str) -> None:
    anna = make_user("anna@example.com")
    answer = client.open(USERS + path.format(id=anna.id), method=method, json={}, headers=anna.headers)
    assert (answer.status_code, answer.get_json()) == (403, {"message": "Forbidden"})


@pytest.mark.parametrize("label", ["../up", "a/b", ".", ".hidden", "a\\b", "a\nb", "x" * 101, 5])
def test_a_storage_label_is_one_plain_folder_name(client: FlaskClient, admin: Person, label: object) -> None:
    assert client.post(USERS, json={**NEW, "storageLabel": label}, headers=admin.headers).status_code == 400


@pytest.mark.parametrize("quota", [-1, 2**53, 1.5, "lots"])
def test_a_quota_is_a_number_of_bytes(client: FlaskClient, admin: Person, quota: object) -> None:
    assert client.post(USERS, json={**NEW, "quotaSizeInBytes": quota}, headers=admin.headers).status_code == 400


@pytest.mark.parametrize("clash", [{"email": "ADMIN@example.com"}, {"storageLabel": "admin"}])
def test_addresses_and_labels_are_given_once(client: FlaskClient, admin: Person, clash: dict[str, str]) -> None:
    assert client.post(USERS, json=NEW | clash, headers=admin.headers).status_code == 400


def test_an_empty_label_is_none(client: FlaskClient, admin: Person, make_user: MakeUser) -> None:
    for email in ("anna@example.com", "bert@example.com"):
        user = make_user(email)
        answer = client.put(f"{USERS}/{user.id}", json={"storageLabel": ""}, headers=admin.headers)
        assert answer.get_json()["storageLabel"] is None


def test_a_quota_can_be_lifted_again(client: FlaskClient, admin: Person, make_user: MakeUser) -> None:
    anna = f"{USERS}/{make_user('anna@example.com').id}"
    assert client.put(anna, json={"quotaSizeInBytes": 0}, headers=admin.headers).get_json()["quotaSizeInBytes"] == 0
    assert client.put(anna, json={"name": "Anna"}, headers=admin.headers).get_json()["quotaSizeInBytes"] == 0
    lifted = client.put(anna, json={"quotaSizeInBytes": None}, headers=admin.headers).get_json()
    assert lifted["quotaSizeInBytes"] is None


def test_a_password_set_by_an_admin_signs_the_user_out(
    client: FlaskClient, admin: Person, make_user: MakeUser
) -> None:
    anna = make_user("anna@example.com")
    login = client.post("/api/auth/login", json={"email": anna.email, "password": PASSWORD}).get_json()
    client.put(f"{USERS}/{anna.id}", json={"password": "another one"}, headers=admin.headers)
    assert client.get("/api/users/me", headers={"x-immich-user-token": login["accessToken"]}).status_code == 401
    assert status_of_login(client, anna.email, "another one") == 201


def test_a_deleted_user_can_be_restored(client: FlaskClient, admin: Person, make_user: MakeUser) -> None:
    anna = make_user("anna@example.com")
    gone = client.delete(f"{USERS}/{anna.id}", json={"force": False}, headers=admin.headers).get_json()
    assert gone["status"] == "deleted"
    assert gone["deletedAt"] is not None
    assert status_of_login(client, anna.email) == 401
    back = client.post(f"{USERS}/{anna.id}/restore", headers=admin.headers).get_json()
    assert (back["status"], back["deletedAt"]) == ("active", None)
    assert status_of_login(client, anna.email) == 201


def test_the_deleted_are_listed_where_asked_for(client: FlaskClient, admin: Person, make_user: MakeUser) -> None:
    anna = make_user("anna@example.com")
    client.delete(f"{USERS}/{anna.id}", headers=admin.headers)
    assert len(client.get(USERS, headers=admin.headers).get_json()) == 1
    assert len(client.get(f"{USERS}?withDeleted=true", headers=admin.headers).get_json()) == 2
    only = client.get(f"{USERS}?withDeleted=true&id={anna.id}", headers=admin.headers).get_json()
    assert [user["id"] for user in only] == [str(anna.id)]


def test_admins_neither_delete_nor_demote_themselves(client: FlaskClient, admin: Person) -> None:
    me = f"{USERS}/{admin.id}"
    assert client.delete(me, headers=admin.headers).status_code == 403
    assert client.put(me, json={"isAdmin": False}, headers=admin.headers).status_code == 403
    assert client.put(me, json={"isAdmin": True, "name": "Still"}, headers=admin.headers).status_code == 200


def test_an_admin_may_be_demoted_while_another_is_left(
    client: FlaskClient, admin: Person, make_user: MakeUser
) -> None:
    anna = make_user("anna@example.com")
    client.put(f"{USERS}/{anna.id}", json={"isAdmin": True}, headers=admin.headers)
    assert client.put(f"{USERS}/{admin.id}", json={"isAdmin": False}, headers=anna.headers).status_code == 200
    assert client.get(USERS, headers=admin.headers).status_code == 403


def test_an_unknown_user_is_told(client: FlaskClient, admin: Person) -> None:
    nobody = f"{USERS}/00000000-0000-4000-8000-000000000000"
    assert client.get(nobody, headers=admin.headers).get_json() == {"message": "User not found"}
    assert client.delete(nobody, headers=admin.headers).status_code == 400


def test_an_admin_sees_where_a_user_is_signed_in(client: FlaskClient, admin: Person, make_user: MakeUser) -> None:
    anna = make_user("anna@example.com")
    client.post("/api/auth/login", json={"email": anna.email, "password": PASSWORD})
    assert len(client.get(f"{USERS}/{anna.id}/sessions", headers=admin.headers).get_json()) == 1
