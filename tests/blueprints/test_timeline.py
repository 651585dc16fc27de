"""The timeline's months and their photos."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient

from models.assets import AssetStatus, AssetType, AssetVisibility
from models.base import utc_now
from services import timeline
from services.system import System
from services.timeline import PageCursor
from tests.rows import TAKEN, add_album, add_asset
from tests.systems import MakeUser, Person, on_every_database

JUNE = datetime(2024, 6, 30, 23, 30, tzinfo=UTC)


def months(client: FlaskClient, who: Person, query: str = "") -> list[tuple[str, int]]:
    answer = client.get(f"/api/timeline/buckets?{query}", headers=who.headers)
    assert answer.status_code == 200, answer.text
    return [(one["timeBucket"], one["count"]) for one in answer.get_json()]


def bucket(client: FlaskClient, who: Person, month: str, query: str = "") -> dict[str, list[Any]]:
    answer = client.get(f"/api/timeline/bucket?timeBucket={month}&{query}", headers=who.headers)
    assert answer.status_code == 200, answer.text
    columns: dict[str, list[Any]] = answer.get_json()
    assert len({len(column) for column in columns.values()}) == 1
    return columns


@on_every_database
def test_photos_are_counted_by_month_newest_first(client: FlaskClient, system: System, admin: Person) -> None:
    for taken in (TAKEN, TAKEN.replace(day=31), JUNE):
        add_asset(system, admin.id, taken=taken)
    assert months(client, admin) == [("2024-06-01", 1), ("2024-05-01", 2)]
    assert months(client, admin, "order=asc") == [("2024-05-01", 2), ("2024-06-01", 1)]


@on_every_database
def test_a_photo_belongs_to_the_month_on_its_own_clock(client: FlaskClient, system: System, admin: Person) -> None:
    photo = add_asset(system, admin.id, taken=JUNE, offset_hours=2)
    assert months(client, admin) == [("2024-07-01", 1)]
    assert bucket(client, admin, "2024-06-01")["id"] == []
    july = bucket(client, admin, "2024-07-01")
    assert (july["id"], july["localOffsetHours"]) == ([str(photo)], [2])
    assert july["fileCreatedAt"] == ["2024-06-30T23:30:00"]


@on_every_database
def test_months_and_their_photos_agree(client: FlaskClient, system: System, admin: Person) -> None:
    for taken in (datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC),
                  datetime(2, 3, 4, tzinfo=UTC), datetime(9998, 12, 31, 23, 59, tzinfo=UTC)):  # fmt: skip
        add_asset(system, admin.id, taken=taken)
    counted = months(client, admin)
    assert len(counted) == 4
    assert [(month, len(bucket(client, admin, month)["id"])) for month, _ in counted] == counted


def test_a_bucket_tells_what_the_grid_needs(client: FlaskClient, system: System, admin: Person) -> None:
    place = {"city": "Goslar", "country": "Germany", "latitude": 51.9, "longitude": 10.4}
    add_asset(system, admin.id, type=AssetType.VIDEO, duration=10000, width=1920, height=1080,
              thumbhash=b"\x93\xf8", is_favorite=True, exif=place)  # fmt: skip
    found = bucket(client, admin, "2024-05-01", "withCoordinates=true")
    del found["id"], found["createdAt"]
    assert {name: column[0] for name, column in found.items()} == {
        "duration": 10000, "visibility": "timeline", "isFavorite": True, "isImage": False, "isTrashed": False,
        "livePhotoVideoId": None, "fileCreatedAt": "2024-05-01T10:00:00", "localOffsetHours": 0,
        "ownerId": str(admin.id), "projectionType": None, "ratio": 1.778, "status": "active", "thumbhash": "k/g=",
        "city": "Goslar", "country": "Germany", "latitude": 51.9, "longitude": 10.4,
    }  # fmt: skip


def test_filters_narrow_the_timeline(client: FlaskClient, system: System, admin: Person) -> None:
    add_asset(system, admin.id)
    favorite = add_asset(system, admin.id, is_favorite=True)
    archived = add_asset(system, admin.id, visibility=AssetVisibility.ARCHIVE)
    trashed = add_asset(system, admin.id, status=AssetStatus.TRASHED)
    add_asset(system, admin.id, visibility=AssetVisibility.HIDDEN)
    add_asset(system, admin.id, status=AssetStatus.DELETED)
    assert months(client, admin) == [("2024-05-01", 3)]
    assert months(client, admin, "visibility=timeline") == [("2024-05-01", 2)]
    expected: dict[str, UUID] = {"isFavorite=true": favorite, "visibility=archive": archived, "isTrashed=true": trashed}
    for query, asset_id in expected.items():
        assert bucket(client, admin, "2024-05-01", query)["id"] == [str(asset_id)]
        assert months(client, admin, query) == [("2024-05-01", 1)]


@on_every_database
def test_photos_can_be_filed_by_when_they_came(client: FlaskClient, system: System, admin: Person) -> None:
    add_asset(system, admin.id)
    this_month = f"{utc_now():%Y-%m}-01"
    assert months(client, admin, "orderBy=createdAt") == [(this_month, 1)]
    assert len(bucket(client, admin, this_month, "orderBy=createdAt")["id"]) == 1


def test_an_album_has_its_own_timeline(client: FlaskClient, system: System, admin: Person) -> None:
    inside, _ = add_asset(system, admin.id), add_asset(system, admin.id)
    album = add_album(system, admin.id, inside)
    assert bucket(client, admin, "2024-05-01", f"albumId={album}")["id"] == [str(inside)]


def test_nobody_sees_what_others_have(
    client: FlaskClient, system: System, admin: Person, make_user: MakeUser
) -> None:
    other = make_user("other@example.com")
    album = add_album(system, admin.id, add_asset(system, admin.id))
    assert months(client, other) == []
    assert bucket(client, other, "2024-05-01")["id"] == []
    for query in (f"userId={admin.id}", f"albumId={album}", f"albumId={uuid4()}"):
        assert client.get(f"/api/timeline/buckets?{query}", headers=other.headers).status_code == 400


@pytest.mark.parametrize("query", [
    "", "timeBucket=", "timeBucket=May", "timeBucket=2024-13-01", "timeBucket=0000-01-01",
    "timeBucket=2024-05-01&order=up", "timeBucket=2024-05-01&albumId=1", "timeBucket=2024-05-01&isFavorite=maybe",
])  # fmt: skip
def test_a_malformed_question_is_refused(client: FlaskClient, admin: Person, query: str) -> None:
    assert client.get(f"/api/timeline/bucket?{query}", headers=admin.headers).status_code == 400


def test_the_locked_folder_stays_locked(client: FlaskClient, admin: Person) -> None:
    answer = client.get("/api/timeline/buckets?visibility=locked", headers=admin.headers)
    assert (answer.status_code, answer.get_json()["message"]) == (401, "Elevated permission is required")


@on_every_database
def test_pages_cover_the_library_once_even_where_times_are_equal(system: System, admin: Person) -> None:
    ids = {add_asset(system, admin.id, taken=TAKEN if number % 2 else JUNE) for number in range(11)}
    seen: list[UUID] = []
    cursor = None
    while True:
        page = timeline.library_page(system, admin.auth, before=cursor, limit=3)
        seen += [photo.asset.id for photo in page.photos]
        if page.next_cursor is None:
            break
        cursor = PageCursor.parse(str(page.next_cursor))
    assert len(seen) == len(ids)
    assert set(seen) == ids


@on_every_database
def test_neighbours_are_what_stands_beside_a_photo_on_the_page(system: System, admin: Person) -> None:
    for taken in (TAKEN, JUNE, TAKEN):
        add_asset(system, admin.id, taken=taken)
    photos = [one.asset for one in timeline.library_page(system, admin.auth, before=None, limit=9).photos]
    beside = [timeline.neighbours_of(system, admin.auth, photo) for photo in photos]
    assert [one.newer for one in beside] == [None, photos[0].id, photos[1].id]
    assert [one.older for one in beside] == [photos[1].id, photos[2].id, None]
