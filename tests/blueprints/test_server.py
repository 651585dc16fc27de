"""What clients ask of the server before anything else."""

import pytest
from flask.testing import FlaskClient

from services.system import System
from tests.systems import Person

PUBLIC = ("ping", "version", "features", "config", "media-types", "version-history")
PRIVATE = ("about", "storage", "version-check", "apk-links")


@pytest.mark.parametrize("name", PUBLIC)
def test_anyone_may_ask_what_the_server_is(client: FlaskClient, name: str) -> None:
    assert client.get(f"/api/server/{name}").status_code == 200


@pytest.mark.parametrize("name", PRIVATE)
def test_only_users_may_ask_about_the_installation(client: FlaskClient, admin: Person, name: str) -> None:
    assert client.get(f"/api/server/{name}").status_code == 401
    assert client.get(f"/api/server/{name}", headers=admin.headers).status_code == 200


def test_clients_are_told_where_the_api_is(client: FlaskClient) -> None:
    assert client.get("/.well-known/immich").get_json() == {"api": {"endpoint": "/api"}}


def test_the_version_is_that_of_the_api_spoken(client: FlaskClient, admin: Person) -> None:
    assert client.get("/api/server/version").get_json() == {"major": 3, "minor": 2, "patch": 2, "prerelease": None}
    assert client.get("/api/server/about", headers=admin.headers).get_json()["version"] == "v3.2.2"


def test_the_server_is_initialized_by_its_first_user(client: FlaskClient, system: System) -> None:
    assert client.get("/api/server/config").get_json()["isInitialized"] is False
    client.post("/api/auth/admin-sign-up", json={"email": "a@example.com", "password": "secret", "name": "A"})
    assert client.get("/api/server/config").get_json()["isInitialized"] is True
