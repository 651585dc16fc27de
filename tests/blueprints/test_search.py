"""Search by metadata, at random and by number."""

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient

from models.assets import AssetFile, AssetFileType, AssetStatus, AssetType, AssetVisibility
from services.system import System
from tests.rows import TAKEN, add_album, add_asset
from tests.systems import MakeUser, Person, on_every_database


def search(client: FlaskClient, who: Person, **asked: Any) -> dict[str, Any]:
    answer = client.post("/api/search/metadata", json=asked, headers=who.headers)
    assert answer.status_code == 200, answer.text
    assets: dict[str, Any] = answer.get_json()["assets"]
    return assets


def found(client: FlaskClient, who: Person, **asked: Any) -> set[UUID]:
    """The ids that a search finds; the statistics have to agree where they can be asked the same."""
    return {UUID(one["id"]) for one in search(client, who, **asked)["items"]}


@on_every_database
def test_pages_follow_each_other_by_number_and_by_cursor(client: FlaskClient, system: System, admin: Person) -> None:
    ids = {str(add_asset(system, admin.id)) for _ in range(5)}
    first = search(client, admin, size=2)
    assert (first["total"], first["count"], first["nextPage"]) == (2, 2, "2")
    second = search(client, admin, size=2, page=2)
    assert search(client, admin, size=2, cursor=first["nextCursor"]) == second
    third = search(client, admin, size=2, page=int(second["nextPage"]))
    assert (third["count"], third["nextPage"], third["nextCursor"]) == (1, None, None)
    assert {one["id"] for page in (first, second, third) for one in page["items"]} == ids


def test_results_come_in_the_order_asked_for(client: FlaskClient, system: System, admin: Person) -> None:
    old = add_asset(system, admin.id, taken=datetime(1999, 1, 1, tzinfo=UTC), exif={"file_size_in_byte": 10})
    new = add_asset(system, admin.id, exif={"file_size_in_byte": 5})
    unknown = add_asset(system, admin.id, taken=datetime(2001, 1, 1, tzinfo=UTC))

    def order(**asked: Any) -> list[UUID]:
        return [UUID(one["id"]) for one in search(client, admin, **asked)["items"]]

    assert order() == [new, unknown, old]
    assert order(order="asc") == [old, unknown, new]
    assert order(orderBy={"field": "fileSizeInBytes"}) == [old, new, unknown]
    assert order(orderBy={"field": "fileSizeInBytes", "direction": "asc"}) == [new, old, unknown]


@on_every_database
@pytest.mark.parametrize(("text", "names"), [
    ("PHOTO", {"photo_1.jpg", "photoX1.jpg", "50% photo.jpg"}), ("photo_1", {"photo_1.jpg"}), ("%", {"50% photo.jpg"}),
    ("/", set()), ("\\", {"a\\b.jpg"}), ("'; --", set()),
    ("jpg", {"photo_1.jpg", "photoX1.jpg", "50% photo.jpg", "a\\b.jpg"}),
])  # fmt: skip
def test_part_of_a_name_is_taken_to_the_letter(
    client: FlaskClient, system: System, admin: Person, text: str, names: set[str]
) -> None:
    for name in ("photo_1.jpg", "photoX1.jpg", "50% photo.jpg", "a\\b.jpg"):
        add_asset(system, admin.id, name)
    result = search(client, admin, originalFileName=text)
    assert {one["originalFileName"] for one in result["items"]} == names


def test_a_checksum_is_found_in_hex_and_in_base64(client: FlaskClient, system: System, admin: Person) -> None:
    checksum = bytes(range(20))
    asset_id = add_asset(system, admin.id, checksum=checksum)
    add_asset(system, admin.id)
    assert found(client, admin, checksum=checksum.hex()) == {asset_id}
    assert found(client, admin, checksum=b64encode(checksum).decode()) == {asset_id}


@on_every_database
def test_facts_are_matched_exactly_and_null_means_unknown(client: FlaskClient, system: System, admin: Person) -> None:
    canon = add_asset(system, admin.id, exif={"make": "Canon", "city": "Goslar", "rating": 4})
    nikon = add_asset(system, admin.id, exif={"make": "Nikon", "model": "Z 8"})
    untouched = add_asset(system, admin.id)
    assert found(client, admin, make="Canon") == {canon}
    assert found(client, admin, make="Can") == set()
    assert found(client, admin, make="Nikon", model="Z 8") == {nikon}
    assert found(client, admin, rating=4, city="Goslar") == {canon}
    assert found(client, admin, city=None) == {nikon, untouched}
    assert found(client, admin, libraryId=None) == {canon, nikon, untouched}
    assert found(client, admin, libraryId=str(uuid4())) == set()


def test_dates_bound_a_search_at_both_ends(client: FlaskClient, system: System, admin: Person) -> None:
    asset_id = add_asset(system, admin.id)
    at = TAKEN.isoformat()
    assert found(client, admin, takenAfter=at, takenBefore=at) == {asset_id}
    assert found(client, admin, takenAfter="2024-05-01T12:00:01+02:00") == set()
    assert found(client, admin, takenBefore="2024-05-01T09:59:59Z") == set()
    assert found(client, admin, createdAfter=at, updatedAfter=at) == {asset_id}
    assert found(client, admin, createdBefore=at) == set()


def test_the_trash_is_searched_only_when_asked(client: FlaskClient, system: System, admin: Person) -> None:
    kept = add_asset(system, admin.id)
    trashed = add_asset(system, admin.id, status=AssetStatus.TRASHED)
    add_asset(system, admin.id, status=AssetStatus.DELETED)
    assert found(client, admin) == {kept}
    assert found(client, admin, withDeleted=True) == {kept, trashed}
    assert found(client, admin, trashedAfter="2020-01-01T00:00:00Z") == {trashed}
    assert found(client, admin, trashedBefore="2020-01-01T00:00:00Z") == set()


def test_kinds_and_places_narrow_a_search(client: FlaskClient, system: System, admin: Person) -> None:
    photo = add_asset(system, admin.id, is_favorite=True)
    video = add_asset(system, admin.id, type=AssetType.VIDEO)
    live = add_asset(system, admin.id, live_photo_video_id=video)
    archived = add_asset(system, admin.id, visibility=AssetVisibility.ARCHIVE)
    with system.database.write() as session:
        session.add(AssetFile(asset_id=video, type=AssetFileType.ENCODED_VIDEO, path="/e.mp4"))
    one, both = add_album(system, admin.id, photo), add_album(system, admin.id, photo, live)
    assert found(client, admin, type="VIDEO") == {video}
    assert found(client, admin, isFavorite=True) == {photo}
    assert found(client, admin, visibility="archive") == {archived}
    assert found(client, admin, isMotion=True) == {live}
    assert found(client, admin, isEncoded=True) == found(client, admin, encodedVideoPath="/e.mp4") == {video}
    assert found(client, admin, isNotInAlbum=True) == {video}
    assert found(client, admin, albumIds=[str(both)]) == {photo, live}
    assert found(client, admin, albumIds=[str(one), str(both)]) == {photo}
    assert found(client, admin, id=str(live)) == {live}


@pytest.mark.parametrize("asked", [{"personIds": [str(uuid4())]}, {"tagIds": [str(uuid4())]}, {"ocr": "exit"}])
def test_what_no_asset_has_is_not_found(
    client: FlaskClient, system: System, admin: Person, asked: dict[str, Any]
) -> None:
    add_asset(system, admin.id)
    assert found(client, admin, **asked) == set()
    assert client.post("/api/search/random", json=asked, headers=admin.headers).get_json() == []


def test_nobody_finds_what_others_have(
    client: FlaskClient, system: System, admin: Person, make_user: MakeUser
) -> None:
    other = make_user("other@example.com")
    asset_id = add_asset(system, admin.id)
    album = add_album(system, admin.id, asset_id)
    for asked in ({}, {"id": str(asset_id)}, {"albumIds": [str(album)]}):
        assert found(client, other, **asked) == set()
    assert client.post("/api/search/statistics", json={}, headers=other.headers).get_json() == {"total": 0}


def test_exif_comes_only_with_exif(client: FlaskClient, system: System, admin: Person) -> None:
    add_asset(system, admin.id, exif={"make": "Canon"})
    assert "exifInfo" not in search(client, admin)["items"][0]
    [item] = search(client, admin, withExif=True)["items"]
    assert (item["exifInfo"]["make"], item["hasMetadata"]) == ("Canon", True)


@on_every_database
def test_a_random_search_gives_as_many_as_asked(client: FlaskClient, system: System, admin: Person) -> None:
    ids = {str(add_asset(system, admin.id)) for _ in range(4)}
    drawn = client.post("/api/search/random", json={"size": 3}, headers=admin.headers).get_json()
    assert len({one["id"] for one in drawn} & ids) == 3


def test_statistics_count_what_a_search_finds(client: FlaskClient, system: System, admin: Person) -> None:
    for name in ("a.jpg", "b.jpg"):
        add_asset(system, admin.id, name, is_favorite=name == "a.jpg")
    for asked, total in (({}, 2), ({"isFavorite": True}, 1)):
        answer = client.post("/api/search/statistics", json=asked, headers=admin.headers)
        assert answer.get_json() == {"total": total}


@pytest.mark.parametrize("asked", [
    {"size": 0}, {"size": 1001}, {"page": 0}, {"page": 10**30}, {"cursor": "x"}, {"cursor": "cGFnZSAw"},
    {"checksum": "abc"}, {"albumIds": ["1"]}, {"type": "PHOTO"}, {"takenAfter": "yesterday"},
    {"takenAfter": "2024-05-01"}, {"takenAfter": "0001-01-01T00:00:00+14:00"}, {"originalFileName": "a\0b"},
    {"originalFileName": "\ud800"}, {"rating": 6}, {"order": "up"}, {"filter": {"make": {"eq": "Canon"}}},
    {"isFavorite": "perhaps"}, {"city": 5},
])  # fmt: skip
def test_a_malformed_search_is_refused(client: FlaskClient, admin: Person, asked: dict[str, Any]) -> None:
    assert client.post("/api/search/metadata", json=asked, headers=admin.headers).status_code == 400


def test_the_locked_folder_stays_locked(client: FlaskClient, admin: Person) -> None:
    answer = client.post("/api/search/metadata", json={"visibility": "locked"}, headers=admin.headers)
    assert answer.status_code == 401
