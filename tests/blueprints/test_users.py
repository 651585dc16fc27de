"""Users as they see themselves and each other, and what they prefer."""

import pytest
from flask.testing import FlaskClient

from services import api_keys
from services.permissions import Permission
from services.system import System
from tests.systems import MakeUser, Person

ME = "/api/users/me"
PREFERENCES = "/api/users/me/preferences"


def limited_key(system: System, person: Person, *permissions: Permission) -> dict[str, str]:
    return {"x-api-key": api_keys.create_key(system, person.auth, "limited", permissions).secret}


def test_users_see_each_other_but_not_who_was_deleted(
    client: FlaskClient, admin: Person, make_user: MakeUser
) -> None:
    anna, bert = make_user("anna@example.com"), make_user("bert@example.com")
    client.delete(f"/api/admin/users/{bert.id}", headers=admin.headers)
    seen = client.get("/api/users", headers=anna.headers).get_json()
    assert [user["email"] for user in seen] == [admin.email, anna.email]
    assert client.get(f"/api/users/{admin.id}", headers=anna.headers).get_json()["name"] == "Admin"
    assert client.get(f"/api/users/{bert.id}", headers=anna.headers).status_code == 400


def test_a_user_changes_their_own_details(client: FlaskClient, admin: Person) -> None:
    body = {"name": "Adele", "email": "Adele@Example.com", "avatarColor": "green"}
    changed = client.put(ME, json=body, headers=admin.headers).get_json()
    assert (changed["name"], changed["email"], changed["avatarColor"]) == ("Adele", "adele@example.com", "green")


def test_what_is_not_named_stays(client: FlaskClient, admin: Person) -> None:
    before = client.get(ME, headers=admin.headers).get_json()
    after = client.put(ME, json={"isAdmin": False, "quotaSizeInBytes": 1}, headers=admin.headers).get_json()
    assert after | {"updatedAt": ""} == before | {"updatedAt": ""}


def test_an_address_belongs_to_one_user(client: FlaskClient, admin: Person, make_user: MakeUser) -> None:
    anna = make_user("anna@example.com")
    answer = client.put(ME, json={"email": admin.email.upper()}, headers=anna.headers)
    assert answer.status_code == 400
    assert client.put(ME, json={"email": anna.email}, headers=anna.headers).status_code == 200


@pytest.mark.parametrize("body", [{"name": None}, {"avatarColor": "plaid"}, {"email": ""}, {"password": ""}])
def test_nonsense_changes_nothing(client: FlaskClient, admin: Person, body: dict[str, object]) -> None:
    assert client.put(ME, json=body, headers=admin.headers).status_code == 400


def test_a_key_that_may_not_is_told_which_permission_it_lacks(
    client: FlaskClient, system: System, admin: Person
) -> None:
    headers = limited_key(system, admin, Permission.ASSET_READ)
    answer = client.get(ME, headers=headers)
    assert (answer.status_code, answer.get_json()) == (403, {"message": "Missing required permission: user.read"})


def test_a_limited_key_cannot_make_itself_a_password(client: FlaskClient, system: System, admin: Person) -> None:
    headers = limited_key(system, admin, Permission.USER_UPDATE)
    assert client.put(ME, json={"name": "Adele"}, headers=headers).status_code == 200
    assert client.put(ME, json={"password": "mine now"}, headers=headers).status_code == 403


def test_preferences_start_as_defaults_and_keep_what_is_chosen(client: FlaskClient, admin: Person) -> None:
    defaults = client.get(PREFERENCES, headers=admin.headers).get_json()
    chosen = {"download": {"archiveSize": 1000}, "cast": {"gCastEnabled": True}}
    assert client.put(PREFERENCES, json=chosen, headers=admin.headers).status_code == 200
    client.put(PREFERENCES, json={"download": {"includeEmbeddedVideos": True}}, headers=admin.headers)
    assert client.get(PREFERENCES, headers=admin.headers).get_json() == defaults | {
        "download": {"archiveSize": 1000, "includeEmbeddedVideos": True},
        "cast": {"gCastEnabled": True},
    }


def test_preferences_are_ones_own(client: FlaskClient, admin: Person, make_user: MakeUser) -> None:
    anna = make_user("anna@example.com")
    client.put(PREFERENCES, json={"ratings": {"enabled": True}}, headers=anna.headers)
    assert client.get(PREFERENCES, headers=admin.headers).get_json()["ratings"] == {"enabled": False}


@pytest.mark.parametrize(
    "body", [{"download": 5}, {"download": {"archiveSize": 0}}, {"albums": {"defaultAssetOrder": "up"}}]
)
def test_wrong_preferences_are_refused(client: FlaskClient, admin: Person, body: dict[str, object]) -> None:
    assert client.put(PREFERENCES, json=body, headers=admin.headers).status_code == 400


@pytest.mark.parametrize("path", ["tags", "memories", "notifications", "partners?direction=shared-by", "stacks"])
def test_lists_of_what_is_not_kept_here_are_empty(client: FlaskClient, admin: Person, path: str) -> None:
    assert client.get(f"/api/{path}", headers=admin.headers).get_json() == []
    assert client.get(f"/api/{path}").status_code == 401
