"""Photos in shared albums, as those see them whose photos they are not."""

from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, update

from models.albums import Album, AlbumRole, AlbumUser
from models.assets import Asset, AssetFileType, AssetVisibility
from models.base import utc_now
from models.users import User
from services.system import System
from tests.blueprints.forms import kept, photo
from tests.blueprints.thumbnails import give_thumbnail
from tests.rows import add_album
from tests.systems import MakeUser, Person, on_every_database, on_local_disk

ADDRESSES = ("", "/original", "/thumbnail", "/video/playback")
SEEN, UNSEEN = [200, 200, 200, 200], [400, 404, 400, 404]


@pytest.fixture
def guest(make_user: MakeUser) -> Person:
    return make_user("ben@example.com")


@pytest.fixture
def clip(client: FlaskClient, system: System, admin: Person) -> str:
    """A video with a thumbnail, so that every address has something to show."""
    asset_id = kept(client, admin.headers, photo(), name="clip.mp4", isFavorite="true")
    give_thumbnail(system, admin, asset_id, AssetFileType.THUMBNAIL, b"small")
    return asset_id


@pytest.fixture
def album(system: System, admin: Person, guest: Person, clip: str) -> UUID:
    """An album of the admin's with the clip, which the guest may look at."""
    album_id = add_album(system, admin.id, UUID(clip))
    invite(system, album_id, guest)
    return album_id


def invite(system: System, album_id: UUID, person: Person, role: AlbumRole = AlbumRole.VIEWER) -> None:
    with system.database.write() as session:
        session.add(AlbumUser(album_id=album_id, user_id=person.id, role=role))


def change(system: System, asset_id: str, **values: Any) -> None:
    with system.database.write() as session:
        session.execute(update(Asset).where(Asset.id == UUID(asset_id)).values(**values))


def answers(client: FlaskClient, person: Person, asset_id: str) -> list[int]:
    """The statuses at every address of an asset."""
    found = [client.get(f"/api/assets/{asset_id}{address}", headers=person.headers) for address in ADDRESSES]
    return [answer.status_code for answer in found]


@on_every_database
@pytest.mark.parametrize("role", [AlbumRole.VIEWER, AlbumRole.EDITOR])
def test_members_of_an_album_see_what_is_in_it(
    client: FlaskClient, system: System, admin: Person, guest: Person, clip: str, role: AlbumRole
) -> None:
    assert answers(client, guest, clip) == UNSEEN
    invite(system, add_album(system, admin.id, UUID(clip)), guest, role)
    assert answers(client, guest, clip) == SEEN
    assert answers(client, admin, clip) == SEEN


def test_strangers_see_nothing_of_an_album(
    client: FlaskClient, system: System, album: UUID, clip: str, make_user: MakeUser
) -> None:
    stranger = make_user("stranger@example.com")
    add_album(system, stranger.id)
    assert answers(client, stranger, clip) == UNSEEN


def test_a_former_member_sees_nothing_more(
    client: FlaskClient, admin: Person, guest: Person, album: UUID, clip: str
) -> None:
    client.delete(f"/api/albums/{album}/user/{guest.id}", headers=admin.headers)
    assert answers(client, guest, clip) == UNSEEN


def test_what_is_taken_out_of_an_album_is_its_owners_again(
    client: FlaskClient, admin: Person, guest: Person, album: UUID, clip: str
) -> None:
    client.delete(f"/api/albums/{album}/assets", json={"ids": [clip]}, headers=admin.headers)
    assert answers(client, guest, clip) == UNSEEN
    assert answers(client, admin, clip) == SEEN


def test_the_trash_is_for_the_owner_alone(
    client: FlaskClient, admin: Person, guest: Person, album: UUID, clip: str
) -> None:
    client.delete("/api/assets", json={"ids": [clip]}, headers=admin.headers)
    assert answers(client, guest, clip) == UNSEEN
    assert answers(client, admin, clip) == SEEN


@pytest.mark.parametrize(("visibility", "expected"), [
    (AssetVisibility.ARCHIVE, SEEN), (AssetVisibility.LOCKED, UNSEEN), (AssetVisibility.HIDDEN, UNSEEN),
])  # fmt: skip
def test_a_guest_sees_what_the_album_shows(
    client: FlaskClient, system: System, guest: Person, album: UUID, clip: str, visibility: AssetVisibility,
    expected: list[int],
) -> None:  # fmt: skip
    change(system, clip, visibility=visibility)
    assert answers(client, guest, clip) == expected


@pytest.mark.parametrize("model", [Album, User])
def test_an_album_that_is_gone_shows_nothing(
    client: FlaskClient, system: System, admin: Person, guest: Person, album: UUID, clip: str,
    model: type[Album] | type[User],
) -> None:  # fmt: skip
    with system.database.write() as session:
        gone = album if model is Album else admin.id
        session.execute(update(model).where(model.id == gone).values(deleted_at=utc_now()))
    assert answers(client, guest, clip) == UNSEEN


def test_the_video_of_a_live_photo_is_seen_with_its_photo(
    client: FlaskClient, system: System, admin: Person, guest: Person
) -> None:
    video = kept(client, admin.headers, photo(), name="live.mov", visibility="hidden")
    still = kept(client, admin.headers, photo(), name="live.heic", livePhotoVideoId=video)
    playback = f"/api/assets/{video}/video/playback"
    assert client.get(playback, headers=guest.headers).status_code == 404
    invite(system, add_album(system, admin.id, UUID(still)), guest)
    assert client.get(playback, headers=guest.headers).status_code == 200
    client.delete("/api/assets", json={"ids": [still]}, headers=admin.headers)
    assert client.get(playback, headers=guest.headers).status_code == 404


def test_guests_look_and_change_nothing(
    client: FlaskClient, admin: Person, guest: Person, album: UUID, clip: str
) -> None:
    assert client.delete("/api/assets", json={"ids": [clip]}, headers=guest.headers).status_code == 400
    told = [client.get(f"/api/assets/{clip}", headers=who.headers).get_json()["isFavorite"] for who in (admin, guest)]
    assert told == [True, False]


@on_local_disk
def test_looking_costs_a_guest_one_query(
    client: FlaskClient, system: System, guest: Person, album: UUID, clip: str
) -> None:
    statements: list[str] = []
    event.listen(system.database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    for address in ADDRESSES[1:]:
        assert client.get(f"/api/assets/{clip}{address}", headers=guest.headers).status_code == 200
    assert len(statements) == len(ADDRESSES[1:])
