"""Albums: what is in them, who sees them and who may change them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, insert

from models.albums import AlbumAsset
from models.assets import Asset, AssetType, AssetVisibility
from models.base import utc_now
from services import album_assets, trash
from services.system import System
from tests.systems import MakeUser, Person, add_asset

ALBUMS = "/api/albums"
NO_READ = {"message": "Not found or no album.read access"}


def make_album(client: FlaskClient, owner: Person, *assets: UUID, **fields: Any) -> dict[str, Any]:
    body = {"albumName": "Summer", "assetIds": [str(asset) for asset in assets], **fields}
    answer = client.post(ALBUMS, json=body, headers=owner.headers)
    assert answer.status_code == 201
    album: dict[str, Any] = answer.get_json()
    return album


def show(client: FlaskClient, person: Person, album: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = client.get(f"{ALBUMS}/{album['id']}", headers=person.headers).get_json()
    return shown


def change_assets(
    client: FlaskClient, method: str, person: Person, album: dict[str, Any], *assets: UUID
) -> list[str | None]:
    """What became of each: its error, or None."""
    answer = client.open(
        f"{ALBUMS}/{album['id']}/assets",
        method=method,
        json={"ids": [str(asset) for asset in assets]},
        headers=person.headers,
    )
    assert answer.status_code == 200
    results = answer.get_json()
    assert [result["id"] for result in results] == [str(asset) for asset in assets]
    assert all(result["success"] == ("error" not in result) for result in results)
    return [result.get("error") for result in results]


def share(client: FlaskClient, owner: Person, album: dict[str, Any], guest: Person, role: str) -> None:
    body = {"albumUsers": [{"userId": str(guest.id), "role": role}]}
    assert client.put(f"{ALBUMS}/{album['id']}/users", json=body, headers=owner.headers).status_code == 200


def listed(client: FlaskClient, person: Person, query: str = "") -> list[str]:
    return [album["albumName"] for album in client.get(f"{ALBUMS}{query}", headers=person.headers).get_json()]


def test_a_new_album_shows_its_owner_and_its_photos(client: FlaskClient, system: System, admin: Person) -> None:
    early = add_asset(system, admin, local_date_time=datetime(2022, 3, 31, 11, 31, 56, tzinfo=UTC))
    late = add_asset(system, admin, local_date_time=datetime(2024, 5, 1, 23, 59, tzinfo=UTC))
    album = make_album(client, admin, early, late, early, description="by the sea")
    assert album["albumUsers"][0]["user"]["id"] == str(admin.id)
    assert album["albumUsers"][0]["role"] == "owner"
    assert (album["startDate"], album["endDate"]) == ("2022-03-31T00:00:00.000Z", "2024-05-01T00:00:00.000Z")
    assert (album["assetCount"], album["albumThumbnailAssetId"]) == (2, str(early))
    assert (album["description"], album["shared"]) == ("by the sea", False)
    assert show(client, admin, album) == album


def test_an_empty_album_has_neither_dates_nor_cover(client: FlaskClient, admin: Person) -> None:
    album = make_album(client, admin, description=None)
    assert (album["assetCount"], album["albumThumbnailAssetId"], album["description"]) == (0, None, "")
    assert "startDate" not in album


def test_photos_of_others_are_left_out_of_a_new_album(
    client: FlaskClient, system: System, admin: Person, make_user: MakeUser
) -> None:
    theirs = add_asset(system, make_user("anna@example.com"))
    assert make_album(client, admin, theirs, uuid4())["assetCount"] == 0


def test_each_added_id_gets_its_answer(
    client: FlaskClient, system: System, admin: Person, make_user: MakeUser
) -> None:
    there, new, locked = (
        add_asset(system, admin), add_asset(system, admin), add_asset(system, admin, visibility=AssetVisibility.LOCKED)
    )  # fmt: skip
    theirs = add_asset(system, make_user("anna@example.com"))
    album = make_album(client, admin, there)
    results = change_assets(client, "PUT", admin, album, there, new, new, theirs, locked, uuid4())
    assert results == ["duplicate", None, "duplicate", "no_permission", "no_permission", "no_permission"]
    assert show(client, admin, album)["assetCount"] == 2


def test_each_removed_id_gets_its_answer(client: FlaskClient, system: System, admin: Person) -> None:
    first, second, never = (add_asset(system, admin) for _ in range(3))
    album = make_album(client, admin, first, second)
    assert change_assets(client, "DELETE", admin, album, first, never, uuid4()) == [None, "not_found", "not_found"]
    assert show(client, admin, album)["albumThumbnailAssetId"] == str(second)


@pytest.mark.parametrize(
    "columns", [{"deleted_at": utc_now()}, {"visibility": AssetVisibility.HIDDEN}], ids=["trashed", "hidden"]
)
def test_what_is_not_shown_does_not_count(
    client: FlaskClient, system: System, admin: Person, columns: dict[str, Any]
) -> None:
    shown, unseen = add_asset(system, admin), add_asset(system, admin, **columns)
    album = make_album(client, admin, unseen, shown)
    assert (album["assetCount"], album["albumThumbnailAssetId"]) == (1, str(shown))


def test_a_trashed_cover_gives_way_and_comes_back(client: FlaskClient, system: System, admin: Person) -> None:
    cover, other = add_asset(system, admin), add_asset(system, admin)
    album = make_album(client, admin, cover, other)
    trash.delete_assets(system, admin.auth, [cover])
    assert show(client, admin, album)["albumThumbnailAssetId"] == str(other)
    trash.restore_assets(system, admin.auth, [cover])
    assert show(client, admin, album)["albumThumbnailAssetId"] == str(cover)


def test_an_album_is_changed_field_by_field(client: FlaskClient, system: System, admin: Person) -> None:
    first, second = add_asset(system, admin), add_asset(system, admin)
    album = make_album(client, admin, first, second)
    url = f"{ALBUMS}/{album['id']}"
    client.patch(url, json={"albumName": "Autumn", "isActivityEnabled": False}, headers=admin.headers)
    client.patch(url, json={"order": "asc", "albumThumbnailAssetId": str(second)}, headers=admin.headers)
    shown = show(client, admin, album)
    assert (shown["albumName"], shown["isActivityEnabled"], shown["order"]) == ("Autumn", False, "asc")
    assert shown["albumThumbnailAssetId"] == str(second)
    stranger = {"albumThumbnailAssetId": str(add_asset(system, admin))}
    assert client.patch(url, json=stranger, headers=admin.headers).status_code == 400


def test_a_deleted_album_leaves_its_photos(client: FlaskClient, system: System, admin: Person) -> None:
    album = make_album(client, admin, add_asset(system, admin))
    assert client.delete(f"{ALBUMS}/{album['id']}", headers=admin.headers).status_code == 204
    assert show(client, admin, album) == NO_READ
    with system.database.read() as session:
        assert session.query(Asset).count() == 1


def test_albums_are_found_by_what_they_are(
    client: FlaskClient, system: System, admin: Person, make_user: MakeUser
) -> None:
    anna = make_user("anna@example.com")
    photo = add_asset(system, admin)
    make_album(client, admin, albumName="mine")
    both = make_album(client, admin, photo, albumName="both")
    share(client, admin, both, anna, "viewer")
    share(client, anna, make_album(client, anna, albumName="hers"), admin, "editor")
    assert sorted(listed(client, admin)) == ["both", "hers", "mine"]
    assert listed(client, admin, "?isOwned=true&isShared=true") == ["both"]
    assert listed(client, admin, "?isOwned=false") == ["hers"]
    assert listed(client, admin, "?isShared=false") == ["mine"]
    assert sorted(listed(client, admin, "?shared=true")) == ["both", "hers"]
    assert listed(client, admin, f"?assetId={photo}&isOwned=false") == ["both"]
    assert listed(client, admin, "?name=mine") == ["mine"]
    assert listed(client, admin, f"?id={both['id']}") == ["both"]
    counts = client.get(f"{ALBUMS}/statistics", headers=admin.headers).get_json()
    assert counts == {"owned": 2, "shared": 2, "notShared": 1}


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE", "PUT", "share"])
def test_strangers_neither_see_nor_touch_an_album(
    client: FlaskClient, admin: Person, make_user: MakeUser, method: str
) -> None:
    url, anna = f"{ALBUMS}/{make_album(client, admin)['id']}", make_user("anna@example.com")
    body: dict[str, Any] = {"ids": [], "albumUsers": [{"userId": str(anna.id)}]}
    path = {"PUT": "/assets", "share": "/users"}.get(method, "")
    answer = client.open(url + path, method=method.replace("share", "PUT"), json=body, headers=anna.headers)
    assert answer.status_code == 400
    assert answer.get_json()["message"].startswith("Not found or no album")
    nowhere = f"{ALBUMS}/{uuid4()}"
    unknown = client.open(nowhere + path, method=method.replace("share", "PUT"), json=body, headers=anna.headers)
    assert unknown.get_json() == answer.get_json()


def test_viewers_look_editors_add_and_only_the_owner_decides(
    client: FlaskClient, system: System, admin: Person, make_user: MakeUser
) -> None:
    viewer, editor = make_user("viewer@example.com"), make_user("editor@example.com")
    photo, theirs = add_asset(system, admin), add_asset(system, editor)
    album = make_album(client, admin, photo)
    share(client, admin, album, viewer, "viewer")
    share(client, admin, album, editor, "editor")
    url = f"{ALBUMS}/{album['id']}"
    assert show(client, viewer, album)["shared"] is True
    assert client.put(f"{url}/assets", json={"ids": []}, headers=viewer.headers).status_code == 400
    assert change_assets(client, "PUT", editor, album, theirs) == [None]
    assert change_assets(client, "DELETE", editor, album, photo, theirs) == ["no_permission", None]
    assert client.patch(url, json={"albumName": "Ours"}, headers=editor.headers).status_code == 400
    assert client.delete(url, headers=editor.headers).status_code == 400


def test_a_guest_is_promoted_leaves_and_is_sent_away(
    client: FlaskClient, admin: Person, make_user: MakeUser
) -> None:
    anna, album = make_user("anna@example.com"), make_album(client, admin)
    share(client, admin, album, anna, "viewer")
    url = f"{ALBUMS}/{album['id']}/user"
    assert client.put(f"{url}/{anna.id}", json={"role": "editor"}, headers=admin.headers).status_code == 204
    assert show(client, anna, album)["albumUsers"][1]["role"] == "editor"
    assert client.delete(f"{url}/me", headers=anna.headers).status_code == 204
    assert show(client, anna, album) == NO_READ
    share(client, admin, album, anna, "viewer")
    assert client.delete(f"{url}/{anna.id}", headers=admin.headers).status_code == 204
    assert show(client, anna, album) == NO_READ


def test_an_album_keeps_its_one_owner(client: FlaskClient, admin: Person, make_user: MakeUser) -> None:
    anna, album = make_user("anna@example.com"), make_album(client, admin)
    url = f"{ALBUMS}/{album['id']}"
    guests: tuple[list[dict[str, str]], ...] = (
        [{"userId": str(anna.id), "role": "owner"}],
        [{"userId": str(admin.id)}],
        [{"userId": str(uuid4())}],
        [{"userId": str(anna.id)}, {"userId": str(anna.id)}],
        [],
    )
    for wrong in guests:
        assert client.put(f"{url}/users", json={"albumUsers": wrong}, headers=admin.headers).status_code == 400
    assert client.delete(f"{url}/user/me", headers=admin.headers).status_code == 400
    assert client.put(f"{url}/user/me", json={"role": "viewer"}, headers=admin.headers).status_code == 400
    assert client.delete(f"{url}/user/{anna.id}", headers=admin.headers).status_code == 400
    assert len(show(client, admin, album)["albumUsers"]) == 1


def test_a_deleted_owner_takes_the_album_along_and_brings_it_back(
    client: FlaskClient, admin: Person, make_user: MakeUser
) -> None:
    anna = make_user("anna@example.com")
    share(client, anna, make_album(client, anna), admin, "viewer")
    client.delete(f"/api/admin/users/{anna.id}", headers=admin.headers)
    assert listed(client, admin) == []
    client.post(f"/api/admin/users/{anna.id}/restore", headers=admin.headers)
    assert listed(client, admin) == ["Summer"]


def test_a_list_of_albums_takes_as_many_queries_as_one_album(
    client: FlaskClient, system: System, admin: Person
) -> None:
    for _ in range(3):
        make_album(client, admin, add_asset(system, admin))
    statements: list[str] = []
    event.listen(system.database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    assert len(listed(client, admin)) == 3
    assert len([one for one in statements if one.startswith("SELECT")]) == 5


def test_sixty_five_thousand_ids_are_added_at_once(client: FlaskClient, system: System, admin: Person) -> None:
    album = make_album(client, admin)
    ids = [uuid4() for _ in range(65_000)]
    now = utc_now()
    photo = {"owner_id": admin.id, "type": AssetType.IMAGE, "original_file_name": "a.jpg", "file_created_at": now,
             "file_modified_at": now, "local_date_time": now}  # fmt: skip
    with system.transaction() as session:
        session.execute(
            insert(Asset), [{**photo, "id": one, "checksum": one.bytes, "original_path": one.hex} for one in ids[:100]]
        )
        session.execute(insert(AlbumAsset), [{"album_id": UUID(album["id"]), "asset_id": one} for one in ids[:50]])
    results = album_assets.add_assets(system, admin.auth, UUID(album["id"]), ids)
    assert [result.id for result in results] == ids
    assert [result.refusal for result in results[:101]] == ["duplicate"] * 50 + [None] * 50 + ["no_permission"]
    assert show(client, admin, album)["assetCount"] == 100


@pytest.mark.parametrize(
    "body", [{}, {"albumName": None}, {"albumName": "a\0b"}, {"albumName": "x", "assetIds": ["1"]}]
)
def test_wrong_albums_are_refused(client: FlaskClient, admin: Person, body: dict[str, Any]) -> None:
    assert client.post(ALBUMS, json=body, headers=admin.headers).status_code == 400
