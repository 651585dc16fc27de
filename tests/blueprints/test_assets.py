"""Assets as clients read them, on every engine."""

from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from models.assets import Asset, AssetFileType
from models.users import User
from services.permissions import Permission
from services.system import System
from tests.blueprints.forms import hex_of, kept, photo
from tests.blueprints.thumbnails import give_thumbnail
from tests.systems import MakeUser, Person

NOBODYS = "00000000-0000-4000-8000-000000000000"


def test_an_original_tells_what_it_is(client: FlaskClient, admin: Person) -> None:
    data = photo()
    asset_id = kept(client, admin.headers, data, name="Été 1.jpg")
    answer = client.get(f"/api/assets/{asset_id}/original", headers=admin.headers)
    assert (answer.status_code, answer.data) == (200, data)
    headers = answer.headers
    assert headers["ETag"] == f'"{hex_of(data)}"'
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["Content-Length"] == str(len(data))
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Last-Modified"] == "Thu, 02 May 2024 10:00:00 GMT"
    assert headers["Content-Disposition"] == "inline; filename=\"_t_ 1.jpg\"; filename*=UTF-8''%C3%89t%C3%A9%201.jpg"
    assert headers["Cache-Control"].startswith("private, max-age=86400")
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_an_original_to_be_saved_says_so(client: FlaskClient, admin: Person) -> None:
    data = photo()
    asset_id = kept(client, admin.headers, data, name="Été 1.jpg")
    answer = client.get(f"/api/assets/{asset_id}/original?download=true", headers=admin.headers)
    assert (answer.status_code, answer.data) == (200, data)
    said = "attachment; filename=\"_t_ 1.jpg\"; filename*=UTF-8''%C3%89t%C3%A9%201.jpg"
    assert answer.headers["Content-Disposition"] == said


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [("bytes=0-0", 0, 0), ("bytes=10-19", 10, 19), ("bytes=4990-", 4990, 4999), ("bytes=-10", 4990, 4999)],
)
def test_one_range_is_served_from_both_ends(
    client: FlaskClient, admin: Person, header: str, first: int, last: int
) -> None:
    data = photo(5000)
    asset_id = kept(client, admin.headers, data)
    answer = client.get(f"/api/assets/{asset_id}/original", headers={**admin.headers, "Range": header})
    assert (answer.status_code, answer.data) == (206, data[first : last + 1])
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/5000"
    assert answer.headers["Content-Length"] == str(last - first + 1)


def test_a_range_past_the_end_is_refused_with_the_size(client: FlaskClient, admin: Person) -> None:
    asset_id = kept(client, admin.headers, photo(5000))
    answer = client.get(f"/api/assets/{asset_id}/original", headers={**admin.headers, "Range": "bytes=5000-"})
    assert (answer.status_code, answer.get_json()) == (416, {"message": "Requested Range Not Satisfiable"})
    assert answer.headers["Content-Range"] == "bytes */5000"


def test_what_the_client_has_is_not_sent_again(client: FlaskClient, admin: Person) -> None:
    data = photo()
    asset_id = kept(client, admin.headers, data)
    headers = {**admin.headers, "If-None-Match": f'"{hex_of(data)}"'}
    answer = client.get(f"/api/assets/{asset_id}/original", headers=headers)
    assert (answer.status_code, answer.data) == (304, b"")
    assert "Content-Type" not in answer.headers


def test_head_says_the_same_without_the_bytes(client: FlaskClient, admin: Person) -> None:
    asset_id = kept(client, admin.headers, photo(5000))
    full = client.get(f"/api/assets/{asset_id}/original", headers=admin.headers)
    head = client.head(f"/api/assets/{asset_id}/original", headers=admin.headers)
    assert (head.status_code, head.data) == (200, b"")
    unlike = {"X-Correlation-ID", "Date"}
    assert {k: v for k, v in head.headers if k not in unlike} == {k: v for k, v in full.headers if k not in unlike}


def test_a_thumbnail_is_there_when_it_is_made(client: FlaskClient, admin: Person, system: System) -> None:
    asset_id = kept(client, admin.headers, photo(), name="falcon.jpg")
    url = f"/api/assets/{asset_id}/thumbnail"
    missing = client.get(url, headers=admin.headers)
    assert (missing.status_code, missing.get_json()) == (404, {"message": "Asset media not found"})
    give_thumbnail(system, admin, asset_id, AssetFileType.THUMBNAIL, b"small")
    give_thumbnail(system, admin, asset_id, AssetFileType.PREVIEW, b"larger")
    small = client.get(url, headers=admin.headers)
    assert (small.data, small.content_type) == (b"small", "image/webp")
    assert small.headers["Content-Disposition"].endswith("; filename*=UTF-8''falcon_thumbnail.webp")
    larger = client.get(f"{url}?size=preview", headers=admin.headers)
    assert (larger.data, larger.content_type) == (b"larger", "image/jpeg")


@pytest.mark.parametrize(
    ("name", "query", "location"),
    [
        ("a.jpg", "size=original", "original"),
        ("a.heic", "size=original", "original"),
        ("a.jpg", "size=fullsize", "original"),
        ("a.jpg", "size=fullsize&edited=true", "original?edited=true"),
        ("a.heic", "size=fullsize", "thumbnail?size=preview"),
    ],
)
def test_full_sizes_are_elsewhere(client: FlaskClient, admin: Person, name: str, query: str, location: str) -> None:
    asset_id = kept(client, admin.headers, photo(), name=name)
    answer = client.get(f"/api/assets/{asset_id}/thumbnail?{query}", headers=admin.headers)
    assert (answer.status_code, answer.headers["Location"]) == (302, location)


def test_a_size_that_does_not_exist_is_refused(client: FlaskClient, admin: Person) -> None:
    asset_id = kept(client, admin.headers, photo())
    answer = client.get(f"/api/assets/{asset_id}/thumbnail?size=bogus", headers=admin.headers)
    assert (answer.status_code, answer.get_json()["errors"][0]["path"]) == (400, ["size"])


def test_a_video_plays_from_its_original(client: FlaskClient, admin: Person) -> None:
    data = photo()
    video_id = kept(client, admin.headers, data, name="clip.mp4")
    answer = client.get(f"/api/assets/{video_id}/video/playback", headers=admin.headers)
    assert (answer.data, answer.content_type) == (data, "video/mp4")
    assert "Content-Disposition" not in answer.headers
    still_id = kept(client, admin.headers, photo())
    assert client.get(f"/api/assets/{still_id}/video/playback", headers=admin.headers).status_code == 404


@pytest.mark.parametrize(
    ("address", "status", "message"),
    [
        ("", 400, "Not found or no asset.read access"),
        ("/original", 404, "Not Found"),
        ("/thumbnail", 400, "Not found or no asset.view access"),
        ("/thumbnail?size=original", 400, "Not found or no asset.view access"),
        ("/video/playback", 404, "Not Found"),
    ],
)
def test_nobody_sees_what_is_not_theirs(
    client: FlaskClient, admin: Person, make_user: MakeUser, system: System, address: str, status: int, message: str
) -> None:
    stranger = make_user("stranger@example.com")
    asset_id = kept(client, stranger.headers, photo(), name="clip.mp4")
    give_thumbnail(system, stranger, asset_id, AssetFileType.THUMBNAIL, b"small")
    for unseen in (asset_id, NOBODYS):
        answer = client.get(f"/api/assets/{unseen}{address}", headers=admin.headers)
        assert (answer.status_code, answer.get_json()) == (status, {"message": message})
    assert client.get(f"/api/assets/{asset_id}{address}").status_code == 401


def test_an_id_that_is_none_is_refused(client: FlaskClient, admin: Person) -> None:
    answer = client.get("/api/assets/nope/original", headers=admin.headers)
    assert answer.status_code == 400
    assert answer.get_json()["errors"][0]["message"] == "Invalid UUID"


@pytest.mark.parametrize(
    ("address", "needed"),
    [("/original", Permission.ASSET_DOWNLOAD), ("/thumbnail", Permission.ASSET_VIEW), ("", Permission.ASSET_READ)],
)
def test_a_key_needs_its_permission(client: FlaskClient, admin: Person, address: str, needed: Permission) -> None:
    asset_id = kept(client, admin.headers, photo())
    body = {"name": "limited", "permissions": [Permission.ALBUM_READ]}
    secret = client.post("/api/api-keys", headers=admin.headers, json=body).get_json()["secret"]
    answer = client.get(f"/api/assets/{asset_id}{address}", headers={"x-api-key": secret})
    assert (answer.status_code, answer.get_json()) == (403, {"message": f"Missing required permission: {needed}"})


def test_an_original_that_vanished_from_the_store_is_not_found(
    client: FlaskClient, admin: Person, system: System
) -> None:
    asset_id = kept(client, admin.headers, photo())
    info = client.get(f"/api/assets/{asset_id}", headers=admin.headers).get_json()
    system.storage.delete(info["originalPath"])
    answer = client.get(f"/api/assets/{asset_id}/original", headers=admin.headers)
    assert (answer.status_code, answer.get_json()) == (404, {"message": "Not Found"})


def test_statistics_count_what_is_shown(client: FlaskClient, admin: Person, make_user: MakeUser) -> None:
    still_id = kept(client, admin.headers, photo(), isFavorite="true")
    kept(client, admin.headers, photo(), name="clip.mp4", visibility="archive")
    kept(client, admin.headers, photo(), name="live.mov", visibility="hidden")
    kept(client, make_user("other@example.com").headers, photo())

    def count(query: str = "") -> tuple[int, int, int]:
        body = client.get(f"/api/assets/statistics{query}", headers=admin.headers).get_json()
        return body["images"], body["videos"], body["total"]

    assert count() == (1, 1, 2)
    assert count("?isFavorite=true") == (1, 0, 1)
    assert count("?visibility=archive") == (0, 1, 1)
    client.delete("/api/assets", headers=admin.headers, json={"ids": [still_id]})
    assert count() == (0, 1, 1)
    assert count("?isTrashed=true") == (1, 0, 1)


def test_a_deleted_user_is_let_in_no_more(client: FlaskClient, admin: Person, system: System) -> None:
    asset_id = kept(client, admin.headers, photo())
    with system.database.write() as session:
        user = session.scalars(select(User)).one()
        user.deleted_at = user.created_at
    assert client.get(f"/api/assets/{asset_id}/original", headers=admin.headers).status_code == 401
    assert client.get(f"/api/assets/{uuid4()}/thumbnail", headers=admin.headers).status_code == 401


def test_a_drawing_runs_no_scripts(client: FlaskClient, admin: Person) -> None:
    asset_id = kept(client, admin.headers, b"<svg><script>alert(1)</script></svg>", name="a.svg")
    answer = client.get(f"/api/assets/{asset_id}/original", headers=admin.headers)
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


@pytest.mark.parametrize("change", [b"more", b""])
def test_other_bytes_than_the_promised_ones_are_an_error_and_not_an_answer(
    client: FlaskClient, admin: Person, system: System, change: bytes
) -> None:
    """A file that was cut or grew behind our back."""
    asset_id = kept(client, admin.headers, photo(5000))
    with system.database.read() as session:
        path = session.scalars(select(Asset.original_path).where(Asset.id == UUID(asset_id))).one()
    system.storage.put_object(path, photo(5000) + change if change else photo(4999))
    answer = client.get(f"/api/assets/{asset_id}/original", headers=admin.headers)
    assert answer.status_code == 500
    assert answer.get_json()["message"]


def test_nothing_of_the_database_is_held_while_bytes_flow(
    client: FlaskClient, admin: Person, system: System
) -> None:
    asset_id = kept(client, admin.headers, photo(300_000))
    bodies = [
        client.get(f"/api/assets/{asset_id}/original", headers=admin.headers, buffered=False) for _ in range(5)
    ]
    assert [next(iter(body.response))[:1] != b"" for body in bodies] == [True] * 5
    assert len(system.database._kept) == 1
    for body in bodies:
        body.close()
