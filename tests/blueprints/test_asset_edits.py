"""PUT /api/assets: what clients edit shows at once, and nothing else is changed by it."""

import time
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from jobs import ledger
from jobs.names import JobName, QueueName
from models.assets import Asset, AssetExif, AssetStatus, AssetType, AssetVisibility
from models.jobs import Job
from services.system import System
from tests.rows import TAKEN, add_album, add_asset
from tests.systems import MakeUser, Person, on_every_database, on_local_disk

pytestmark = on_local_disk
DENVER: dict[str, Any] = {"time_zone": "America/Denver", "date_time_original": TAKEN}


@pytest.fixture
def photo(system: System, admin: Person) -> UUID:
    return add_asset(system, admin.id, exif={"make": "Maker", "description": "old", "city": "Lisbon"})


def put(client: FlaskClient, person: Person, asset_id: UUID, **fields: object) -> dict[str, Any]:
    """The asset as the answer shows it."""
    response = client.put(f"/api/assets/{asset_id}", json=fields, headers=person.headers)
    assert response.status_code == 200, response.get_json()
    shape: dict[str, Any] = response.get_json()
    return shape


def put_all(client: FlaskClient, person: Person, ids: list[UUID], **fields: object) -> int:
    """The status of the answer."""
    body = {"ids": [str(one) for one in ids], **fields}
    return client.put("/api/assets", json=body, headers=person.headers).status_code


def shown(client: FlaskClient, person: Person, asset_id: UUID) -> dict[str, Any]:
    shape: dict[str, Any] = client.get(f"/api/assets/{asset_id}", headers=person.headers).get_json()
    return shape


def jobs_in(system: System) -> set[tuple[str, str, bool]]:
    with system.database.read() as session:
        return {(job.name, job.data["id"], job.backfill) for job in session.scalars(select(Job))}


@on_every_database
def test_an_edit_shows_at_once(client: FlaskClient, system: System, admin: Person, photo: UUID) -> None:
    before = shown(client, admin, photo)
    shape = put(
        client, admin, photo, dateTimeOriginal="2023-11-19T18:11:00.000-07:00", latitude=-12.5, longitude=170.25,
        rating=4, description=" A day\n ", isFavorite=True, visibility="archive",
    )  # fmt: skip
    exif = shape["exifInfo"]
    assert (exif["dateTimeOriginal"], exif["timeZone"]) == ("2023-11-20T01:11:00.000Z", "UTC-7")
    assert (shape["fileCreatedAt"], shape["localDateTime"]) == ("2023-11-20T01:11:00.000Z", "2023-11-19T18:11:00.000Z")
    assert (exif["latitude"], exif["longitude"], exif["rating"], exif["description"]) == (-12.5, 170.25, 4, "A day")
    assert (shape["isFavorite"], shape["visibility"], shape["isArchived"]) == (True, "archive", True)
    assert shape["updatedAt"] > before["updatedAt"]
    # The name of another place is gone, the camera is still the same.
    assert (exif["city"], exif["make"]) == (None, "Maker")
    assert shown(client, admin, photo) == shape
    assert jobs_in(system) == {(JobName.SIDECAR_WRITE, str(photo), False)}


def test_what_was_not_sent_stays(client: FlaskClient, system: System, admin: Person, photo: UUID) -> None:
    before = shown(client, admin, photo)
    after = put(client, admin, photo, isFavorite=True)
    assert after == {**before, "isFavorite": True, "updatedAt": after["updatedAt"]}
    # A heart is in no sidecar.
    assert jobs_in(system) == set()


def test_an_asset_that_nobody_has_looked_into_can_be_edited(
    client: FlaskClient, system: System, admin: Person
) -> None:
    asset_id = add_asset(system, admin.id)
    assert put(client, admin, asset_id, description="new")["exifInfo"]["description"] == "new"


@pytest.mark.parametrize(("sent", "moment", "local", "zone"), [
    ("2020-01-01T00:00:00Z", "2020-01-01T00:00", "2020-01-01T00:00", "UTC+0"),
    ("2020-07-01T12:00:00+05:30", "2020-07-01T06:30", "2020-07-01T12:00", "UTC+5:30"),
    # Without an offset a date is in UTC, and the clock stays where it was.
    ("2020-07-01T12:00:00", "2020-07-01T12:00", "2020-07-01T06:00", "UTC-6"),
    ("2020-01-01", "2020-01-01T00:00", "2019-12-31T17:00", "UTC-7"),
])
def test_a_date_is_read_as_it_is_sent(
    client: FlaskClient, system: System, admin: Person, sent: str, moment: str, local: str, zone: str
) -> None:
    shape = put(client, admin, add_asset(system, admin.id, exif=DENVER), dateTimeOriginal=sent)
    assert shape["fileCreatedAt"] == shape["exifInfo"]["dateTimeOriginal"] == f"{moment}:00.000Z"
    assert (shape["localDateTime"], shape["exifInfo"]["timeZone"]) == (f"{local}:00.000Z", zone)


def test_stars_are_taken_away_by_nothing_and_by_none(client: FlaskClient, admin: Person, photo: UUID) -> None:
    for none in (None, 0):
        put(client, admin, photo, rating=3)
        assert put(client, admin, photo, rating=none)["exifInfo"]["rating"] is None


def test_a_rejected_photo_has_no_stars(client: FlaskClient, system: System, admin: Person, photo: UUID) -> None:
    assert put(client, admin, photo, rating=-1)["exifInfo"]["rating"] is None
    with system.database.read() as session:
        assert session.get_one(AssetExif, photo).rating == -1


@pytest.mark.parametrize("fields", [
    {"rating": 6}, {"rating": -2}, {"rating": 2.5}, {"rating": "many"},
    {"latitude": 90.5, "longitude": 0}, {"latitude": 0, "longitude": -180.5}, {"latitude": 1}, {"longitude": 1},
    {"latitude": None, "longitude": None}, {"latitude": "NaN", "longitude": 0},
    {"dateTimeOriginal": "yesterday"}, {"dateTimeOriginal": "0999-01-01"}, {"dateTimeOriginal": "9999-12-31"},
    {"dateTimeOriginal": "2020-01-01T00:00:00+23:00"}, {"dateTimeOriginal": "2020-02-30T00:00:00Z"},
    {"description": None}, {"description": "x" * 100_001}, {"description": "a\0b"}, {"isFavorite": "perhaps"},
    {"visibility": "nowhere"}, {"livePhotoVideoId": "none"},
])
def test_what_is_no_value_is_refused_and_changes_nothing(
    client: FlaskClient, system: System, admin: Person, photo: UUID, fields: dict[str, Any]
) -> None:
    before = shown(client, admin, photo)
    response = client.put(f"/api/assets/{photo}", json=fields, headers=admin.headers)
    assert response.status_code == 400
    assert response.get_json()["errors"]
    assert shown(client, admin, photo) == before
    assert jobs_in(system) == set()


@pytest.mark.parametrize("fields", [
    {"dateTimeOriginal": "2020-01-01", "dateTimeRelative": 5}, {"dateTimeOriginal": "2020-01-01", "timeZone": "UTC"},
    {"timeZone": "Europe/Nowhere"}, {"timeZone": "../../etc/passwd"}, {"dateTimeRelative": 1.5},
    {"dateTimeRelative": 2**53}, {"duplicateId": "x"},
])
def test_what_is_no_value_for_many_is_refused(
    client: FlaskClient, admin: Person, photo: UUID, fields: dict[str, Any]
) -> None:
    assert put_all(client, admin, [photo], **fields) == 400


@pytest.mark.parametrize("minutes", [2**53 - 1, -(2**53) + 1, 60 * 24 * 366 * 8000, -60 * 24 * 366 * 1100])
def test_a_date_is_not_moved_out_of_time(client: FlaskClient, admin: Person, photo: UUID, minutes: int) -> None:
    before = shown(client, admin, photo)
    assert put_all(client, admin, [photo], dateTimeRelative=minutes) == 400
    assert shown(client, admin, photo) == before


def test_only_the_owner_edits(
    client: FlaskClient, system: System, admin: Person, make_user: MakeUser, photo: UUID
) -> None:
    stranger = make_user("stranger@example.com")
    add_album(system, admin.id, photo)
    for asset_id in (photo, uuid4()):
        response = client.put(f"/api/assets/{asset_id}", json={"rating": 1}, headers=stranger.headers)
        assert (response.status_code, response.get_json()["message"]) == (
            400, "Not found or no asset.update access",
        )  # fmt: skip
    assert client.put(f"/api/assets/{photo}", json={"rating": 1}).status_code == 401


def test_many_are_edited_or_none(
    client: FlaskClient, system: System, admin: Person, make_user: MakeUser, photo: UUID
) -> None:
    foreign = add_asset(system, make_user("other@example.com").id)
    before = shown(client, admin, photo)
    assert put_all(client, admin, [photo, foreign], isFavorite=True, description="x") == 400
    assert shown(client, admin, photo) == before
    assert jobs_in(system) == set()


@on_every_database
def test_many_dates_move_by_as_much_and_show_in_another_zone(
    client: FlaskClient, system: System, admin: Person
) -> None:
    one = add_asset(system, admin.id, exif=DENVER, offset_hours=-6)
    later = TAKEN + timedelta(days=200)
    two = add_asset(system, admin.id, taken=later, exif={**DENVER, "date_time_original": later}, offset_hours=-7)
    bare = add_asset(system, admin.id, exif={})
    assert put_all(client, admin, [one, two, two, bare], dateTimeRelative=-90) == 204
    zones = [shown(client, admin, asset_id)["exifInfo"]["timeZone"] for asset_id in (one, two, bare)]
    assert zones == ["UTC-6", "UTC-7", None]
    with system.database.read() as session:
        moved = session.get_one(Asset, one)
    assert moved.file_created_at == TAKEN - timedelta(minutes=90)
    assert moved.local_date_time == TAKEN - timedelta(hours=6, minutes=90)
    assert put_all(client, admin, [one, two], timeZone="Europe/Berlin") == 204
    with system.database.read() as session:
        assert session.get_one(Asset, one).file_created_at == moved.file_created_at
        assert session.get_one(Asset, one).local_date_time == moved.file_created_at + timedelta(hours=2)
        assert session.get_one(Asset, two).local_date_time == later + timedelta(hours=1, minutes=-90)
    assert jobs_in(system) == {(JobName.SIDECAR_WRITE, str(asset_id), True) for asset_id in (one, two, bare)}


@on_every_database
def test_thousands_are_edited_in_one_go(client: FlaskClient, system: System, admin: Person) -> None:
    asset_ids = [add_asset(system, admin.id, exif={}) for _ in range(50)]
    with system.database.write() as session:
        rows = [
            {
                "id": uuid4(), "owner_id": admin.id, "type": AssetType.IMAGE, "checksum": uuid4().bytes,
                "original_path": f"/media/{number}.jpg", "original_file_name": "a.jpg", "file_created_at": TAKEN,
                "file_modified_at": TAKEN, "local_date_time": TAKEN,
            }
            for number in range(3000)
        ]  # fmt: skip
        session.bulk_insert_mappings(Asset.__mapper__, rows)
    asset_ids += [row["id"] for row in rows]  # type: ignore[misc]  # mypy takes the values for objects
    started = time.monotonic()
    assert put_all(client, admin, asset_ids, isFavorite=True, rating=5, dateTimeRelative=1) == 204
    assert time.monotonic() - started < 20
    with system.database.read() as session:
        assert len(session.scalars(select(AssetExif).where(AssetExif.rating == 5)).all()) == 3050
        assert len(session.scalars(select(Asset).where(Asset.is_favorite)).all()) == 3050
    assert len(jobs_in(system)) == 3050


def test_duplicates_are_marked_and_unmarked(client: FlaskClient, admin: Person, photo: UUID) -> None:
    duplicate = str(uuid4())
    assert put_all(client, admin, [photo], duplicateId=duplicate) == 204
    assert shown(client, admin, photo)["duplicateId"] == duplicate
    assert put_all(client, admin, [photo], isFavorite=True) == 204
    assert shown(client, admin, photo)["duplicateId"] == duplicate
    assert put_all(client, admin, [photo], duplicateId=None) == 204
    assert shown(client, admin, photo)["duplicateId"] is None


def test_what_is_locked_away_leaves_every_album(
    client: FlaskClient, system: System, admin: Person, photo: UUID
) -> None:
    album = add_album(system, admin.id, photo)
    put(client, admin, photo, visibility="locked")
    shape = put(client, admin, photo, visibility="timeline")
    assert shape["visibility"] == "timeline"
    assert client.get(f"/api/albums/{album}", headers=admin.headers).get_json()["assetCount"] == 0


def test_what_is_in_the_trash_can_be_edited(client: FlaskClient, system: System, admin: Person) -> None:
    asset_id = add_asset(system, admin.id, status=AssetStatus.TRASHED, exif={})
    assert put(client, admin, asset_id, description="x")["isTrashed"]


def test_a_video_is_linked_and_let_go(client: FlaskClient, system: System, admin: Person, photo: UUID) -> None:
    first, second = (add_asset(system, admin.id, "a.mov", type=AssetType.VIDEO) for _ in range(2))
    assert put(client, admin, photo, livePhotoVideoId=str(first))["livePhotoVideoId"] == str(first)
    assert shown(client, admin, first)["visibility"] == "hidden"
    put(client, admin, photo, visibility="archive", livePhotoVideoId=str(second))
    assert shown(client, admin, first)["visibility"] == "archive"
    assert shown(client, admin, second)["visibility"] == "hidden"
    assert put(client, admin, photo, livePhotoVideoId=None)["livePhotoVideoId"] is None
    assert shown(client, admin, second)["visibility"] == "archive"


def test_only_an_own_video_is_linked(
    client: FlaskClient, system: System, admin: Person, make_user: MakeUser, photo: UUID
) -> None:
    foreign = add_asset(system, make_user("other@example.com").id, "a.mov", type=AssetType.VIDEO)
    for video_id, message in (
        (foreign, "Live photo video not found"), (uuid4(), "Live photo video not found"),
        (photo, "Live photo video not found"), (add_asset(system, admin.id), "Live photo video must be a video"),
    ):  # fmt: skip
        body = {"livePhotoVideoId": str(video_id), "rating": 1}
        response = client.put(f"/api/assets/{photo}", json=body, headers=admin.headers)
        assert (response.status_code, response.get_json()["message"]) == (400, message)
    assert shown(client, admin, photo)["exifInfo"]["rating"] is None


def test_the_video_inside_a_motion_photo_stays_with_it(
    client: FlaskClient, system: System, admin: Person, photo: UUID
) -> None:
    video = add_asset(system, admin.id, "a.mp4", type=AssetType.VIDEO, visibility=AssetVisibility.HIDDEN)
    with system.database.write() as session:
        path = f"/media/encoded-video/{admin.id}/aa/bb/{video}-MP.mp4"
        session.execute(update(Asset).where(Asset.id == video).values(original_path=path))
        session.execute(update(Asset).where(Asset.id == photo).values(live_photo_video_id=video))
    response = client.put(f"/api/assets/{photo}", json={"livePhotoVideoId": None}, headers=admin.headers)
    assert (response.status_code, response.get_json()["message"]) == (400, "Cannot unlink Android motion photos")


def test_what_was_hidden_gets_its_thumbnails_when_it_is_shown(
    client: FlaskClient, system: System, admin: Person
) -> None:
    asset_id = add_asset(system, admin.id, visibility=AssetVisibility.HIDDEN)
    put(client, admin, asset_id, visibility="timeline")
    assert jobs_in(system) == {(JobName.ASSET_GENERATE_THUMBNAILS, str(asset_id), False)}


def test_an_edit_of_one_comes_before_edits_of_many(client: FlaskClient, system: System, admin: Person) -> None:
    many = [add_asset(system, admin.id) for _ in range(3)]
    one = add_asset(system, admin.id)
    put_all(client, admin, many, rating=1)
    put(client, admin, one, rating=1)
    held = ledger.claim(system.database, "worker", [QueueName.SIDECAR])
    assert held is not None
    assert held.data == {"id": str(one)}
