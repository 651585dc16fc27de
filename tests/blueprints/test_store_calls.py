"""What a delivery costs: requests to the store and statements to the database, counted where they arrive."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.engine import URL

from models.assets import AssetFileType
from services.system import System
from tests.blueprints.forms import hex_of, kept, photo
from tests.blueprints.thumbnails import give_faces, give_thumbnail
from tests.e2e.relay import Relay, relaying
from tests.servers import S3Server
from tests.systems import Person, files_only_in_staging, running_system, s3_environ

pytestmark = pytest.mark.servers

# More than one chunk, and more than is redirected here.
DATA = photo(600_000)
REDIRECT_BYTES = 500_000


@dataclass(frozen=True, slots=True)
class Calls:
    """Every HTTP request that reaches the store, as `METHOD range`, and every SQL statement, since `before`."""

    relay: Relay
    before: int
    database: list[str] = field(default_factory=list)

    @property
    def store(self) -> list[str]:
        return [f"{seen.method} {seen.header('Range') or 'whole'}" for seen in self.relay.seen[self.before :]]

    def counts(self) -> tuple[int, int]:
        return len(self.store), len(self.database)


@pytest.fixture
def relay(s3_server: S3Server) -> Iterator[Relay]:
    with relaying(s3_server.endpoint) as relay:
        yield relay


@pytest.fixture
def system(relay: Relay, s3_server: S3Server, database_url: URL, tmp_path: Path) -> Iterator[System]:
    """A system on a bucket that clients reach under another name."""
    environ = s3_environ(relay.url, s3_server.access_key, s3_server.secret_key) | {
        "S3_PUBLIC_ENDPOINT": "http://bucket.example",
        "DELIVERY_REDIRECT_BYTES": str(REDIRECT_BYTES),
        "IMMICH_MEDIA_LOCATION": str(tmp_path / "media"),
        "DB_URL": database_url.render_as_string(hide_password=False),
    }
    with running_system(environ) as system, files_only_in_staging(system):
        yield system


@pytest.fixture
def asset_id(client: FlaskClient, admin: Person, system: System) -> str:
    """A photo with its thumbnail."""
    asset_id = kept(client, admin.headers, DATA)
    give_thumbnail(system, admin, asset_id, AssetFileType.THUMBNAIL, b"small")
    return asset_id


@pytest.fixture
def calls(relay: Relay, system: System, asset_id: str) -> Calls:
    """What is called once the photo is there."""
    calls = Calls(relay, len(relay.seen))
    event.listen(system.database.engine, "before_cursor_execute", lambda *args: calls.database.append(args[2]))
    return calls


@pytest.fixture
def original(asset_id: str) -> str:
    return f"/api/assets/{asset_id}/original"


def test_a_redirected_download_costs_one_query_and_no_call_to_the_store(
    client: FlaskClient, admin: Person, original: str, calls: Calls
) -> None:
    answer = client.get(original, query_string={"apiKey": admin.headers["x-api-key"]})
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("http://bucket.example/")
    assert calls.counts() == (0, 1)


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        (None, ["GET whole"]),
        ("bytes=0-", ["GET whole"]),
        ("bytes=100-299", ["GET bytes=100-299"]),
        ("bytes=-10", ["GET bytes=599990-599999"]),
        ("bytes=0-9,100000-300000", ["GET bytes=0-9", "GET bytes=100000-300000"]),
    ],
)
def test_a_proxied_download_costs_one_query_and_one_call_for_each_range(
    client: FlaskClient, admin: Person, original: str, calls: Calls, ranges: str | None, expected: list[str]
) -> None:
    answer = client.get(original, headers=admin.headers | ({"Range": ranges} if ranges else {}))
    assert answer.status_code == (206 if ranges else 200)
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    assert calls.store == expected
    assert len(calls.database) == 1


def test_a_thumbnail_costs_one_query_and_one_call(
    client: FlaskClient, admin: Person, asset_id: str, calls: Calls
) -> None:
    for who in ({"headers": admin.headers}, {"query_string": {"apiKey": admin.headers["x-api-key"]}}):
        answer = client.get(f"/api/assets/{asset_id}/thumbnail", **who)
        assert (answer.status_code, answer.data) == (200, b"small")
    assert calls.counts() == (2, 2)


def test_the_face_of_a_person_or_a_user_costs_one_query_and_one_call(
    client: FlaskClient, admin: Person, system: System, relay: Relay, calls: Calls
) -> None:
    person_id = give_faces(system, admin, b"face")
    for path in (f"people/{person_id}/thumbnail", f"users/{admin.id}/profile-image"):
        seen = Calls(relay, len(relay.seen), calls.database)
        calls.database.clear()
        answer = client.get(f"/api/{path}", headers=admin.headers)
        assert (answer.status_code, answer.data) == (200, b"face")
        assert seen.counts() == (1, 1)


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("HEAD", {}, 200),
        ("HEAD", {"Range": "bytes=0-9"}, 200),
        ("GET", {"If-None-Match": f'"{hex_of(DATA)}"'}, 304),
        ("GET", {"If-Match": '"another"'}, 412),
        ("GET", {"Range": "bytes=600000-"}, 416),
    ],
)
@pytest.mark.parametrize("by", ["header", "query"])
def test_what_has_no_bytes_costs_one_query_and_no_call(
    client: FlaskClient, admin: Person, original: str, calls: Calls,
    method: str, headers: dict[str, str], status: int, by: str,
) -> None:  # fmt: skip
    query = {"apiKey": admin.headers["x-api-key"]} if by == "query" else {}
    headers = headers if by == "query" else headers | admin.headers
    answer = client.open(original, method=method, headers=headers, query_string=query)
    assert answer.status_code == status
    assert calls.counts() == (0, 1)


@pytest.mark.parametrize(("method", "headers"), [("HEAD", {}), ("GET", {"If-None-Match": "*"})])
def test_a_thumbnail_that_is_not_sent_costs_one_query_and_no_call(
    client: FlaskClient, admin: Person, asset_id: str, calls: Calls, method: str, headers: dict[str, str]
) -> None:
    answer = client.open(f"/api/assets/{asset_id}/thumbnail", method=method, headers=headers | admin.headers)
    assert (answer.status_code, answer.data) == (200 if method == "HEAD" else 304, b"")
    assert calls.counts() == (0, 1)


def test_an_archive_costs_one_call_to_look_for_a_file_and_one_to_read_it(
    client: FlaskClient, admin: Person, asset_id: str, calls: Calls
) -> None:
    answer = client.post("/api/download/archive", json={"assetIds": [asset_id]}, headers=admin.headers)
    assert answer.status_code == 200
    assert calls.store == ["HEAD whole", "GET whole"]
