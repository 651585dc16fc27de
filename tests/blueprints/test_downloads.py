"""Archives of many assets: split, sent, resumed, by Immich's routes and by address."""

import io
import time
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from models.albums import AlbumUser
from models.assets import Asset, AssetVisibility
from models.base import utc_now
from models.downloads import ArchiveDownload
from models.objects import StoredObject
from services import downloads
from services.archives import note_missing
from services.permissions import Permission
from services.system import System
from tests.blueprints.forms import DATES, kept, photo
from tests.systems import MakeUser, Person, on_s3

Library = list[tuple[str, bytes]]


@pytest.fixture
def library(client: FlaskClient, admin: Person) -> Library:
    """Four photos, ids and bytes; three of them have the same name."""
    names = ("falcon.jpg", "same.jpg", "same.jpg", "Ünï 🏔.mp4")
    photos = [photo(5000 + number) for number in range(4)]
    return [(kept(client, admin.headers, data, name=name), data) for name, data in zip(names, photos, strict=True)]


def ids_of(library: Library) -> list[str]:
    return [asset_id for asset_id, _ in library]


def path_of(system: System, asset_id: str) -> str:
    with system.database.read() as session:
        return session.scalars(select(Asset.original_path).where(Asset.id == UUID(asset_id))).one()


def info(client: FlaskClient, person: Person, **asked: Any) -> TestResponse:
    return client.post("/api/download/info", json=asked, headers=person.headers)


def archive(client: FlaskClient, person: Person, ids: list[str], **headers: str) -> TestResponse:
    return client.post("/api/download/archive", json={"assetIds": ids}, headers={**person.headers, **headers})


def address(client: FlaskClient, person: Person, ids: list[str], name: str = "Trip") -> str:
    answer = client.post("/downloads", json={"assetIds": ids, "archiveName": name}, headers=person.headers)
    assert answer.status_code == 201, answer.text
    url: str = answer.get_json()["url"]
    return url


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def forget_checksums(system: System) -> None:
    """As an object is that came here by other ways than an upload."""
    with system.database.write() as session:
        session.execute(update(StoredObject).values(crc32=None))


# --- How a download is split -------------------------------------------------------------------------


def test_a_download_tells_its_size_and_its_archives(client: FlaskClient, admin: Person, library: Library) -> None:
    asked = list(reversed(ids_of(library)))
    answer = info(client, admin, assetIds=asked)
    assert answer.status_code == 201
    assert answer.get_json() == {"totalSize": 20006, "archives": [{"size": 20006, "assetIds": asked}]}


def test_an_archive_is_closed_when_it_exceeds_the_size(client: FlaskClient, admin: Person, library: Library) -> None:
    parts = info(client, admin, assetIds=ids_of(library), archiveSize=5001).get_json()["archives"]
    assert [len(part["assetIds"]) for part in parts] == [2, 1, 1]
    assert [part["size"] for part in parts] == [10001, 5002, 5003]


def test_a_live_photo_brings_its_video(client: FlaskClient, admin: Person) -> None:
    video = kept(client, admin.headers, photo(100), name="live.mov")
    still = kept(client, admin.headers, photo(200), name="live.jpg", livePhotoVideoId=video)
    answer = info(client, admin, assetIds=[still]).get_json()
    assert answer == {"totalSize": 300, "archives": [{"size": 300, "assetIds": [still, video]}]}


def test_an_embedded_video_comes_only_to_those_who_want_it(
    client: FlaskClient, admin: Person, system: System
) -> None:
    video = kept(client, admin.headers, photo(100), name="live.mp4")
    still = kept(client, admin.headers, photo(200), name="live.jpg", livePhotoVideoId=video)
    with system.database.write() as session:
        session.execute(update(Asset).where(Asset.id == UUID(video)).values(original_path="/x/a-MP.mp4"))
    assert info(client, admin, assetIds=[still]).get_json()["totalSize"] == 200
    wish = {"download": {"includeEmbeddedVideos": True}}
    assert client.put("/api/users/me/preferences", json=wish, headers=admin.headers).status_code == 200
    assert info(client, admin, assetIds=[still]).get_json()["archives"][0]["assetIds"] == [still, video]


def test_an_album_is_downloaded_by_whoever_sees_it(
    client: FlaskClient, admin: Person, make_user: MakeUser, system: System, library: Library
) -> None:
    made = client.post("/api/albums", json={"albumName": "A", "assetIds": ids_of(library)}, headers=admin.headers)
    album_id = made.get_json()["id"]
    guest = make_user("guest@example.com")
    assert info(client, guest, albumId=album_id).get_json() == {"message": "Not found or no album.download access"}
    with system.database.write() as session:
        session.add(AlbumUser(album_id=UUID(album_id), user_id=guest.id))
    parts = info(client, guest, albumId=album_id).get_json()["archives"]
    assert sorted(parts[0]["assetIds"]) == sorted(ids_of(library))
    assert set(members(archive(client, guest, parts[0]["assetIds"]).data).values()) == {data for _, data in library}


def test_a_user_downloads_all_that_is_theirs_and_shown(
    client: FlaskClient, admin: Person, make_user: MakeUser, library: Library
) -> None:
    hidden = kept(client, admin.headers, photo(7), visibility=AssetVisibility.LOCKED)
    found = info(client, admin, userId=str(admin.id)).get_json()["archives"][0]["assetIds"]
    assert sorted(found) == sorted(ids_of(library))
    assert hidden not in found
    stranger = make_user("other@example.com")
    answer = info(client, stranger, userId=str(admin.id))
    assert (answer.status_code, answer.get_json()) == (400, {"message": "Not found or no timeline.download access"})


def test_nothing_wanted_is_a_bad_request(client: FlaskClient, admin: Person) -> None:
    answer = info(client, admin)
    assert (answer.status_code, answer.get_json()["message"]) == (400, "assetIds, albumId, or userId is required")


@pytest.mark.parametrize("size", [0, -1, 2**53, "x"])
def test_a_size_that_is_none_is_refused(client: FlaskClient, admin: Person, size: object) -> None:
    assert info(client, admin, assetIds=[], archiveSize=size).status_code == 400


def test_what_others_own_is_not_downloaded(
    client: FlaskClient, make_user: MakeUser, library: Library
) -> None:
    stranger = make_user("other@example.com")
    refusal = {"message": "Not found or no asset.download access"}
    own = kept(client, stranger.headers, photo())
    for ids in (ids_of(library), [*ids_of(library), own], [str(uuid4())]):
        assert info(client, stranger, assetIds=ids).get_json() == refusal
    answer = archive(client, stranger, ids_of(library))
    assert (answer.status_code, answer.get_json()) == (400, refusal)
    assert list(members(archive(client, stranger, [*ids_of(library), own]).data)) == ["photo.jpg"]


def test_a_key_needs_the_permission(client: FlaskClient, admin: Person, library: Library, system: System) -> None:
    asked = {"name": "less", "permissions": [Permission.ASSET_VIEW]}
    key = client.post("/api/api-keys", json=asked, headers=admin.headers).get_json()["secret"]
    for route in ("/api/download/info", "/api/download/archive", "/downloads"):
        answer = client.post(route, json={"assetIds": ids_of(library)}, headers={"x-api-key": key})
        assert (answer.status_code, answer.get_json()["message"]) == (
            403, "Missing required permission: asset.download",
        )  # fmt: skip


# --- The archive -----------------------------------------------------------------------------------------


def test_an_archive_holds_every_byte_under_names_of_its_own(
    client: FlaskClient, admin: Person, library: Library
) -> None:
    answer = archive(client, admin, ids_of(library))
    assert (answer.status_code, answer.content_type) == (200, "application/octet-stream")
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    assert answer.headers["Accept-Ranges"] == "bytes"
    names = ["falcon.jpg", "same.jpg", "same+1.jpg", "Ünï 🏔.mp4"]
    assert members(answer.data) == dict(zip(names, (data for _, data in library), strict=True))
    with zipfile.ZipFile(io.BytesIO(answer.data)) as opened:
        one = opened.infolist()[0]
        assert (one.compress_type, one.external_attr >> 16) == (zipfile.ZIP_STORED, 0o100644)
        modified = datetime.fromisoformat(DATES["fileModifiedAt"])
        assert datetime(*one.date_time, tzinfo=UTC) == modified


def test_an_archive_goes_on_at_any_byte(client: FlaskClient, admin: Person, library: Library) -> None:
    whole = archive(client, admin, ids_of(library))
    has = whole.headers["ETag"]
    for start in (0, 1, 29, 30, 31, 5000, 5039, 5050, 12345, len(whole.data) - 22, len(whole.data) - 1):
        part = archive(client, admin, ids_of(library), **{"Range": f"bytes={start}-", "If-Range": has})
        assert (part.status_code, part.data) == (206, whole.data[start:])
        assert part.headers["Content-Range"] == f"bytes {start}-{len(whole.data) - 1}/{len(whole.data)}"
        assert part.headers["ETag"] == whole.headers["ETag"]


def test_a_part_of_another_archive_is_the_whole(client: FlaskClient, admin: Person, library: Library) -> None:
    whole = archive(client, admin, ids_of(library))
    other = archive(client, admin, ids_of(library)[1:], **{"Range": "bytes=5-", "If-Range": whole.headers["ETag"]})
    assert other.status_code == 200
    assert len(members(other.data)) == 3


def test_an_archive_past_its_end_is_refused(client: FlaskClient, admin: Person, library: Library) -> None:
    answer = archive(client, admin, ids_of(library), Range="bytes=99999999-")
    assert answer.status_code == 416
    assert answer.headers["Content-Range"].startswith("bytes */")


def test_what_the_client_has_already_is_not_sent(client: FlaskClient, admin: Person, library: Library) -> None:
    url = address(client, admin, ids_of(library))
    first = client.get(url)
    again = client.get(url, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_an_empty_file_is_a_member_too(client: FlaskClient, admin: Person, system: System, library: Library) -> None:
    path = path_of(system, library[0][0])
    system.storage.put_object(path, b"")
    with system.database.write() as session:
        session.execute(update(StoredObject).where(StoredObject.path == path).values(size=0, crc32=0))
    assert members(archive(client, admin, ids_of(library)).data)["falcon.jpg"] == b""


# --- Checksums that are not known yet ------------------------------------------------------------------------


def test_without_checksums_the_zip_is_the_same_to_its_reader(
    client: FlaskClient, admin: Person, system: System, library: Library
) -> None:
    known = archive(client, admin, ids_of(library))
    forget_checksums(system)
    answer = archive(client, admin, ids_of(library))
    assert answer.status_code == 200
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    assert answer.headers["Accept-Ranges"] == "none"
    assert "ETag" not in answer.headers
    assert members(answer.data) == members(known.data)
    seen = []
    for data in (known.data, answer.data):
        with zipfile.ZipFile(io.BytesIO(data)) as opened:
            seen.append([(one.filename, one.date_time, one.external_attr, one.CRC) for one in opened.infolist()])
    assert seen[0] == seen[1]


def test_checksums_are_found_at_the_first_read_and_kept(
    client: FlaskClient, admin: Person, system: System, library: Library
) -> None:
    before = archive(client, admin, ids_of(library))
    forget_checksums(system)
    assert archive(client, admin, ids_of(library), Range="bytes=10-").status_code == 200
    after = archive(client, admin, ids_of(library), Range="bytes=10-")
    assert (after.status_code, after.data) == (206, before.data[10:])
    assert after.headers["ETag"] == before.headers["ETag"]


def test_head_tells_the_size_without_reading(
    client: FlaskClient, admin: Person, system: System, library: Library
) -> None:
    url = address(client, admin, ids_of(library))
    size = client.head(url).headers["Content-Length"]
    assert int(size) == len(client.get(url).data)
    forget_checksums(system)
    assert int(client.head(url).headers["Content-Length"]) == len(client.get(url).data)
    assert client.head(url).headers["Accept-Ranges"] == "bytes"


# --- What is missing ---------------------------------------------------------------------------------------


def test_what_has_vanished_is_listed_and_the_rest_is_whole(
    client: FlaskClient, admin: Person, system: System, library: Library
) -> None:
    system.storage.delete(path_of(system, library[1][0]))
    answer = archive(client, admin, ids_of(library))
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    found = members(answer.data)
    assert list(found) == ["falcon.jpg", "same.jpg", "Ünï 🏔.mp4", "_missing.txt"]
    assert "same.jpg" in found["_missing.txt"].decode()
    part = archive(client, admin, ids_of(library), **{"Range": "bytes=100-", "If-Range": answer.headers["ETag"]})
    assert (part.status_code, part.data) == (206, answer.data[100:])


def test_what_comes_back_is_in_the_next_archive(
    client: FlaskClient, admin: Person, system: System, library: Library
) -> None:
    path = path_of(system, library[1][0])
    system.storage.delete(path)
    note_missing(system, path)
    assert "_missing.txt" in members(archive(client, admin, ids_of(library)).data)
    system.storage.put_object(path, library[1][1])
    whole = archive(client, admin, ids_of(library))
    assert set(members(whole.data).values()) == {data for _, data in library}
    part = archive(client, admin, ids_of(library), **{"Range": "bytes=9-", "If-Range": whole.headers["ETag"]})
    assert (part.status_code, part.data) == (206, whole.data[9:])


@on_s3
def test_many_are_looked_for_by_listing(client: FlaskClient, admin: Person, system: System) -> None:
    ids = [kept(client, admin.headers, photo(50 + number)) for number in range(25)]
    system.storage.delete(path_of(system, ids[3]))
    found = members(archive(client, admin, ids).data)
    assert len(found) == 25
    assert "_missing.txt" in found


def test_where_everything_is_missing_only_the_list_is_left(
    client: FlaskClient, admin: Person, system: System, library: Library
) -> None:
    for asset_id in ids_of(library):
        system.storage.delete(path_of(system, asset_id))
    assert list(members(archive(client, admin, ids_of(library)).data)) == ["_missing.txt"]


def test_a_member_that_vanishes_later_breaks_the_download_and_is_left_out_of_the_next(
    client: FlaskClient, admin: Person, system: System, library: Library
) -> None:
    """The first part was there when the client came for the rest."""
    whole = archive(client, admin, ids_of(library))
    path = path_of(system, library[2][0])
    local = system.storage.local_path(path)
    if local is None:
        system.storage.delete(path)
    else:
        local.write_bytes(local.read_bytes()[:-1])
    with pytest.raises(Exception, match=r"No object|ended 1 before"):
        _ = archive(client, admin, ids_of(library), Range="bytes=4000-").data
    if local is None:
        again = archive(client, admin, ids_of(library), **{"Range": "bytes=9-", "If-Range": whole.headers["ETag"]})
        assert again.status_code == 200
        assert "_missing.txt" in members(again.data)


def test_a_list_of_missing_files_leaves_their_name_to_itself(
    client: FlaskClient, admin: Person, system: System, library: Library
) -> None:
    with system.database.write() as session:
        session.execute(
            update(Asset).where(Asset.id == UUID(library[0][0])).values(original_file_name="_missing.txt")
        )
    system.storage.delete(path_of(system, library[1][0]))
    found = members(archive(client, admin, ids_of(library)).data)
    assert found["_missing+1.txt"] == library[0][1]


# --- Addresses -------------------------------------------------------------------------------------------------


def test_an_address_gives_the_archive_without_signing_in(
    client: FlaskClient, admin: Person, library: Library
) -> None:
    url = address(client, admin, ids_of(library), name="Été / 2024")
    answer = client.get(url)
    assert (answer.status_code, answer.content_type) == (200, "application/zip")
    assert answer.headers["Content-Disposition"].startswith("attachment; ")
    assert "filename*=UTF-8''%C3%89t%C3%A9%20_%202024.zip" in answer.headers["Content-Disposition"]
    assert set(members(answer.data).values()) == {data for _, data in library}


def test_an_address_is_resumed_without_saying_what_one_has(
    client: FlaskClient, admin: Person, library: Library
) -> None:
    url = address(client, admin, ids_of(library))
    whole = client.get(url).data
    part = client.get(url, headers={"Range": "bytes=7777-"})
    assert (part.status_code, part.data) == (206, whole[7777:])


def test_an_archive_that_has_changed_is_not_resumed_by_chance(
    client: FlaskClient, admin: Person, system: System, library: Library
) -> None:
    url = address(client, admin, ids_of(library))
    begun = client.get(url)
    client.delete("/api/assets", json={"ids": [library[0][0]], "force": True}, headers=admin.headers)
    with system.database.write() as session:
        session.execute(update(StoredObject).values(missing_at=None))
        session.execute(update(Asset).where(Asset.id == UUID(library[1][0])).values(original_file_name="other.jpg"))
    again = client.get(url, headers={"Range": "bytes=5-"})
    assert again.status_code == 200
    assert again.headers["ETag"] != begun.headers["ETag"]
    part = client.get(url, headers={"Range": "bytes=5-"})
    assert (part.status_code, part.data) == (206, again.data[5:])


@pytest.mark.parametrize("change", ["expires", "signature", "id", "empty"])
def test_a_forged_address_gives_nothing(
    client: FlaskClient, admin: Person, library: Library, change: str
) -> None:
    parts = urlsplit(address(client, admin, ids_of(library)))
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    path = parts.path
    if change == "expires":
        query["expires"] = str(int(query["expires"]) + 1)
    elif change == "signature":
        query["signature"] = query["signature"][:-1] + ("0" if query["signature"][-1] != "0" else "1")
    elif change == "id":
        path = path.replace(path.split("/")[2], str(uuid4()))
    else:
        query["signature"] = ""
    answer = client.get(path, query_string=query)
    assert (answer.status_code, answer.get_json()["message"]) == (401, "Invalid address")


def test_without_a_signature_the_address_is_no_request(client: FlaskClient, admin: Person, library: Library) -> None:
    path = urlsplit(address(client, admin, ids_of(library))).path
    assert client.get(path).status_code == 400


def test_an_address_expires_and_is_forgotten(
    client: FlaskClient, admin: Person, system: System, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "ADDRESS_LIFETIME", timedelta(seconds=-1))
    url = address(client, admin, ids_of(library))
    answer = client.get(url)
    assert (answer.status_code, answer.get_json()["message"]) == (401, "This address has expired")
    downloads.forget_expired(system)
    with system.database.read() as session:
        assert session.scalars(select(ArchiveDownload)).all() == []


def test_an_address_dies_with_its_owner(
    client: FlaskClient, admin: Person, make_user: MakeUser, system: System
) -> None:
    guest = make_user("guest@example.com")
    url = address(client, guest, [kept(client, guest.headers, photo())])
    assert client.get(url).status_code == 200
    assert client.delete(f"/api/admin/users/{guest.id}", json={}, headers=admin.headers).status_code == 200
    assert client.get(url).status_code == 404


def test_a_thousand_members_are_resumed_quickly(client: FlaskClient, admin: Person, system: System) -> None:
    """A range reads the members that it touches, and no others."""
    ids = [kept(client, admin.headers, photo(20 + number)) for number in range(40)]
    whole = archive(client, admin, ids)
    opened: list[str] = []
    read_stream = system.storage.read_stream

    def counted(path: str, *arguments: Any) -> Any:
        opened.append(path)
        return read_stream(path, *arguments)

    object.__setattr__(system.storage, "read_stream", counted)
    started = time.monotonic()
    tail = archive(client, admin, ids, Range="bytes=-1024")
    assert tail.data == whole.data[-1024:]
    assert time.monotonic() - started < 5
    assert opened == []
    asked = len(whole.data) // 3
    part = archive(client, admin, ids, Range=f"bytes={asked}-{asked + 10}")
    assert part.data == whole.data[asked : asked + 11]
    assert len(opened) <= 2
    assert utc_now() > datetime.fromisoformat(DATES["fileModifiedAt"])


def test_a_guest_gets_a_shared_live_photo_with_its_video_and_nothing_that_is_locked_away(
    client: FlaskClient, admin: Person, make_user: MakeUser, system: System
) -> None:
    video = kept(client, admin.headers, photo(100), name="live.mov")
    still = kept(client, admin.headers, photo(200), name="live.jpg", livePhotoVideoId=video)
    secret = kept(client, admin.headers, photo(300), name="secret.jpg")
    shared = {"albumName": "A", "assetIds": [still, secret]}
    album_id = client.post("/api/albums", json=shared, headers=admin.headers).get_json()["id"]
    guest = make_user("guest@example.com")
    with system.database.write() as session:
        session.add(AlbumUser(album_id=UUID(album_id), user_id=guest.id))
        session.execute(
            update(Asset).where(Asset.id == UUID(secret)).values(visibility=AssetVisibility.LOCKED)
        )
    asked = info(client, guest, albumId=album_id).get_json()["archives"][0]["assetIds"]
    assert asked == [still, video]
    assert list(members(archive(client, guest, [*asked, secret]).data)) == ["live.jpg", "live.mov"]


def test_what_lies_outside_of_every_mount_is_missing(
    client: FlaskClient, admin: Person, system: System, library: Library
) -> None:
    path = path_of(system, library[0][0])
    with system.database.write() as session:
        session.execute(update(Asset).where(Asset.original_path == path).values(original_path="/elsewhere/a.jpg"))
        session.execute(update(StoredObject).where(StoredObject.path == path).values(path="/elsewhere/a.jpg"))
    assert "_missing.txt" in members(archive(client, admin, ids_of(library)).data)
