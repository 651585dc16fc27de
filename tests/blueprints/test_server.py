"""What clients ask of the server before anything else."""

import pytest
from flask.testing import FlaskClient

from blueprints.server import human_size
from models.assets import AssetType, AssetVisibility
from models.base import utc_now
from services.system import System
from tests.systems import MakeUser, Person, add_asset, on_local_disk, on_s3

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


@on_local_disk
def test_the_disk_is_measured_where_originals_lie_on_it(client: FlaskClient, admin: Person) -> None:
    shown = client.get("/api/server/storage", headers=admin.headers).get_json()
    assert shown["diskSizeRaw"] >= shown["diskUseRaw"] > 0
    assert shown["diskSize"] == human_size(shown["diskSizeRaw"])


@on_s3
def test_a_bucket_has_no_size_but_what_is_stored_is_counted(
    client: FlaskClient, system: System, admin: Person
) -> None:
    add_asset(system, admin, size=3 * 1024**3)
    assert client.get("/api/server/storage", headers=admin.headers).get_json() == {
        "diskAvailable": "N/A",
        "diskSize": "N/A",
        "diskUse": "3.0 GiB",
        "diskAvailableRaw": 0,
        "diskSizeRaw": 0,
        "diskUseRaw": 3 * 1024**3,
        "diskUsagePercentage": 0.0,
    }


def test_statistics_count_what_each_user_has(
    client: FlaskClient, system: System, admin: Person, make_user: MakeUser
) -> None:
    anna = make_user("anna@example.com")
    add_asset(system, admin, size=100)
    add_asset(system, anna, size=20)
    add_asset(system, anna, size=5, type=AssetType.VIDEO)
    add_asset(system, anna, size=1, type=AssetType.VIDEO, visibility=AssetVisibility.HIDDEN)
    add_asset(system, anna, size=1000, deleted_at=utc_now())
    shown = client.get("/api/server/statistics", headers=admin.headers).get_json()
    names = ("photos", "videos", "usage", "usagePhotos", "usageVideos")
    assert [shown[name] for name in names] == [2, 1, 126, 120, 6]
    assert [[one[name] for name in names] for one in shown["usageByUser"]] == [[1, 0, 100, 100, 0], [1, 1, 26, 20, 6]]


def test_statistics_are_for_admins(client: FlaskClient, make_user: MakeUser) -> None:
    answer = client.get("/api/server/statistics", headers=make_user("anna@example.com").headers)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (63 * 1024**3, "63.0 GiB"),
     (2**80, "1048576.0 EiB")],
)  # fmt: skip
def test_sizes_are_told_in_words(size: int, words: str) -> None:
    assert human_size(size) == words
