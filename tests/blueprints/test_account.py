"""The account page: API keys and the password."""

import pytest
from flask.testing import FlaskClient

from models.users import ApiKey
from services import api_keys
from services.system import System
from tests.pages import Elements, submit
from tests.systems import PASSWORD, MakeUser, Person


def test_a_new_key_shows_its_secret_once_and_works(at_home: FlaskClient, client: FlaskClient) -> None:
    answer = submit(at_home, "/account", "/account/keys", name="CLI", access="all")
    assert answer.status_code == 200
    [secret] = [one["value"] for one in Elements(answer.text).of("input") if one.get("id") == "secret"]
    assert client.get("/api/users/me", headers={"x-api-key": secret or ""}).status_code == 200
    again = at_home.get("/account").text
    assert "CLI" in again
    assert secret is not None
    assert secret not in again


def test_a_key_may_only_do_what_was_chosen(at_home: FlaskClient, system: System) -> None:
    chosen = ["asset.upload", "user.read"]
    submit(at_home, "/account", "/account/keys", name="CLI", access="some", permissions=chosen)
    with system.database.read() as session:
        assert session.query(ApiKey).filter_by(name="CLI").one().permissions == chosen


@pytest.mark.parametrize(("fields", "said"), [
    ({"name": " ", "access": "all"}, "name"), ({"name": "CLI", "access": "some"}, "at least one"),
    ({"name": "CLI"}, "at least one"), ({"name": "CLI", "access": "some", "permissions": "fly"}, "not a permission"),
])  # fmt: skip
def test_a_key_without_a_name_or_rights_is_not_made(
    at_home: FlaskClient, system: System, fields: dict[str, str], said: str
) -> None:
    answer = submit(at_home, "/account", "/account/keys", **fields)
    assert answer.status_code == 400
    assert said in answer.text
    with system.database.read() as session:
        assert not session.query(ApiKey).filter(ApiKey.name != "all").count()


def test_a_key_is_deleted_by_its_owner_alone(at_home: FlaskClient, system: System, make_user: MakeUser) -> None:
    with system.database.read() as session:
        own = session.query(ApiKey).one().id
    foreign = api_keys.keys_of(system, make_user("ben@example.com").auth)[0].id
    assert submit(at_home, "/account", f"/account/keys/{foreign}/delete").status_code == 400
    assert submit(at_home, "/account", f"/account/keys/{own}/delete").location == "/account"
    with system.database.read() as session:
        assert [key.id for key in session.query(ApiKey)] == [foreign]


def test_a_password_is_changed_by_who_knows_it(at_home: FlaskClient, client: FlaskClient, admin: Person) -> None:
    new = "battery staple"
    for old, again in (("wrong", new), (PASSWORD, "other")):
        refused = submit(at_home, "/account", "/account/password", old=old, new=new, again=again)
        assert refused.status_code == 400
        assert new not in refused.text
    submit(at_home, "/account", "/account/password", old=PASSWORD, new=new, again=new)
    login = {"email": admin.email, "password": new}
    assert client.post("/api/auth/login", json=login).status_code == 201
    assert at_home.get("/account").status_code == 200
