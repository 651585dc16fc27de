"""The list of signed-in devices."""

import pytest
from flask.testing import FlaskClient

from services.sessions import Device, device_of
from tests.systems import PASSWORD, MakeUser, Person

SESSIONS = "/api/sessions"


def sign_in(client: FlaskClient, person: Person) -> dict[str, str]:
    body = {"email": person.email, "password": PASSWORD}
    return {"x-immich-user-token": client.post("/api/auth/login", json=body).get_json()["accessToken"]}


def test_devices_are_listed_and_the_asking_one_marked(client: FlaskClient, admin: Person) -> None:
    sign_in(client, admin)
    mine = sign_in(client, admin)
    listed = client.get(SESSIONS, headers=mine).get_json()
    assert sorted(session["current"] for session in listed) == [False, True]


def test_one_device_is_signed_out(client: FlaskClient, admin: Person) -> None:
    mine, other = sign_in(client, admin), sign_in(client, admin)
    (theirs,) = [one["id"] for one in client.get(SESSIONS, headers=other).get_json() if one["current"]]
    assert client.delete(f"{SESSIONS}/{theirs}", headers=mine).status_code == 204
    assert client.get(SESSIONS, headers=other).status_code == 401
    assert client.get(SESSIONS, headers=mine).status_code == 200


def test_all_other_devices_are_signed_out(client: FlaskClient, admin: Person) -> None:
    others = [sign_in(client, admin) for _ in range(2)]
    mine = sign_in(client, admin)
    assert client.delete(SESSIONS, headers=mine).status_code == 204
    assert [client.get(SESSIONS, headers=headers).status_code for headers in (*others, mine)] == [401, 401, 200]


def test_the_devices_of_others_cannot_be_signed_out(
    client: FlaskClient, admin: Person, make_user: MakeUser
) -> None:
    theirs = sign_in(client, make_user("anna@example.com"))
    (session,) = client.get(SESSIONS, headers=theirs).get_json()
    answer = client.delete(f"{SESSIONS}/{session['id']}", headers=admin.headers)
    assert (answer.status_code, answer.get_json()) == (400, {"message": "Not found or no session.delete access"})
    client.delete(SESSIONS, headers=admin.headers)
    assert client.get(SESSIONS, headers=theirs).status_code == 200


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", Device("Firefox", "Linux")),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36",
         Device("Chrome", "Android")),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1",
         Device("Safari", "iOS")),
        ("curl/8.5.0", Device("curl", "")),
        ("", Device("", "")),
    ],
)  # fmt: skip
def test_a_device_is_named_after_its_browser(user_agent: str, device: Device) -> None:
    assert device_of(user_agent) == device
