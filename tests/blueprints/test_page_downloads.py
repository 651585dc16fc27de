"""Downloads from the pages, as a browser without JavaScript makes them."""

import io
import re
import zipfile
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from config import MediaKind
from models.assets import AssetVisibility
from models.objects import StoredObject
from services import preferences
from services.system import System
from tests.blueprints.forms import DATES, kept, photo
from tests.pages import Elements, submit
from tests.rows import add_album, add_asset
from tests.systems import MakeUser, Person, on_every_database

Library = list[tuple[str, bytes]]
LATER = {name: value.replace("2024-05-0", "2024-06-1") for name, value in DATES.items()}


@pytest.fixture
def library(client: FlaskClient, admin: Person) -> Library:
    """Three photos of one day, ids and bytes, two of them of the same name."""
    photos = [photo(3000 + number) for number in range(3)]
    names = ("falcon.jpg", "same.jpg", "same.jpg")
    return [(kept(client, admin.headers, data, name=name), data) for name, data in zip(names, photos, strict=True)]


@pytest.fixture
def live(client: FlaskClient, admin: Person) -> Library:
    """A live photo: the still, then its video."""
    still, video = photo(4000), photo(2000)
    video_id = kept(client, admin.headers, video, name="live.mov", visibility="hidden")
    return [(kept(client, admin.headers, still, name="live.heic", livePhotoVideoId=video_id), still), (video_id, video)]


def stored(system: System, owner: Person, path: str, size: int, **fields: Any) -> UUID:
    """An asset whose bytes are known and lie nowhere."""
    asset_id = add_asset(system, owner.id, original_path=path, **fields)
    with system.database.write() as session:
        session.add(StoredObject(path=path, kind=MediaKind.ORIGINALS, owner_id=owner.id, size=size, sha1=b"1", crc32=1))
    return asset_id


def chosen(browser: FlaskClient, *ids: str) -> TestResponse:
    return submit(browser, "/", "/photos/download", ids=list(ids))


def members(answer: TestResponse) -> dict[str, bytes]:
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.data)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def sizes_on(answer: TestResponse) -> dict[str, int]:
    """The sizes of the photos of a page by id, as its scripts read them."""
    tiles = [link for link in Elements(answer.text).of("a") if "data-id" in link]
    return {str(tile["data-id"]): int(tile["data-size"] or 0) for tile in tiles}


def test_the_chosen_photos_come_as_one_archive_of_known_size(
    at_home: FlaskClient, client: FlaskClient, library: Library
) -> None:
    (first, data), _, (third, more) = library
    answer = chosen(at_home, first, third)
    assert answer.status_code == 303
    # The address alone is enough: it needs no cookie, so whatever saves files can fetch it.
    archive = client.get(answer.location)
    assert archive.headers["Content-Disposition"].startswith('attachment; filename="photos-2024-05-01.zip"')
    assert archive.headers["Content-Length"] == str(len(archive.data))
    assert members(archive) == {"falcon.jpg": data, "same.jpg": more}
    rest = client.get(answer.location, headers={"Range": "bytes=1000-"})
    assert (rest.status_code, rest.data) == (206, archive.data[1000:])


def test_an_archive_of_several_days_is_named_after_the_first_and_the_last(
    at_home: FlaskClient, client: FlaskClient, admin: Person, library: Library
) -> None:
    later = kept(client, admin.headers, photo(), **LATER)
    assert "/photos-2024-05-01-to-2024-06-11.zip?" in chosen(at_home, later, library[0][0]).location


@on_every_database
def test_a_live_photo_comes_with_its_video(at_home: FlaskClient, live: Library) -> None:
    (still_id, still), (_, video) = live
    assert members(at_home.get(chosen(at_home, still_id).location)) == {"live.heic": still, "live.mov": video}
    assert sizes_on(at_home.get("/")) == {still_id: 6000}
    page = at_home.get(f"/photos/{still_id}").text
    assert re.findall(r'class="amount">(.*?)<', page) == ["3.9 KiB", "2.0 KiB"]


@pytest.mark.parametrize(("wanted", "size"), [(False, 10), (True, 15)])
def test_the_video_inside_a_photo_counts_where_it_is_downloaded(
    at_home: FlaskClient, system: System, admin: Person, wanted: bool, size: int
) -> None:
    preferences.update_preferences(system, admin.id, {"download": {"includeEmbeddedVideos": wanted}})
    video = stored(system, admin, "/nowhere/1-MP.mp4", 5, visibility=AssetVisibility.HIDDEN)
    still = stored(system, admin, "/nowhere/1.jpg", 10, live_photo_video_id=video)
    assert sizes_on(at_home.get("/")) == {str(still): size}


def test_photos_say_how_large_they_are(at_home: FlaskClient, system: System, admin: Person, library: Library) -> None:
    unknown = add_asset(system, admin.id)
    expected = {asset_id: len(data) for asset_id, data in library}
    assert sizes_on(at_home.get("/")) == {**expected, str(unknown): 0}


def test_one_photo_is_saved_by_a_link_that_says_its_size(at_home: FlaskClient, library: Library) -> None:
    asset_id, data = library[0]
    page = at_home.get(f"/photos/{asset_id}").text
    [link] = [one["href"] for one in Elements(page).of("a") if "download" in one]
    assert re.findall(r'class="amount">(.*?)<', page) == ["2.9 KiB"]
    answer = at_home.get(str(link))
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="falcon.jpg"')
    assert answer.data == data


def test_the_boxes_beside_the_photos_belong_to_the_form(at_home: FlaskClient, library: Library) -> None:
    found = Elements(at_home.get("/").text)
    boxes = {one["value"] for one in found.of("input") if (one.get("form"), one.get("name")) == ("selection", "ids")}
    assert boxes == {asset_id for asset_id, _ in library}
    [form] = [one for one in found.of("form") if one.get("id") == "selection"]
    assert (form["method"], form["action"]) == ("post", "/photos/download")


def test_tens_of_thousands_of_photos_fit_into_a_form(at_home: FlaskClient, library: Library) -> None:
    ids = [asset_id for asset_id, _ in library] * 20_000
    assert len(members(at_home.get(chosen(at_home, *ids).location))) == 3


@on_every_database
def test_an_album_comes_under_its_name(
    at_home: FlaskClient, system: System, admin: Person, library: Library, live: Library
) -> None:
    inside = [*library[:2], live[0]]
    album = add_album(system, admin.id, *(UUID(asset_id) for asset_id, _ in inside))
    page = f"/albums/{album}"
    assert re.findall(r'class="amount">(.*?)<', at_home.get(page).text) == ["11.7 KiB"]
    answer = at_home.get(submit(at_home, page, "/photos/download", album=str(album)).location)
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="Album.zip"')
    data = [data for _, data in (*inside, live[1])]
    assert sorted(members(answer).values()) == sorted(data)


def test_nothing_chosen_is_told_as_a_page(at_home: FlaskClient, system: System, admin: Person) -> None:
    answer = chosen(at_home)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "no photo is selected" in answer.text
    album = add_album(system, admin.id)
    assert submit(at_home, "/", "/photos/download", album=str(album)).status_code == 404


def test_nobody_downloads_what_others_have(
    at_home: FlaskClient, client: FlaskClient, system: System, library: Library, make_user: MakeUser
) -> None:
    other = make_user("ben@example.com")
    foreign = kept(client, other.headers, photo())
    answer = chosen(at_home, library[0][0], foreign)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    album = add_album(system, other.id, UUID(foreign))
    assert submit(at_home, "/", "/photos/download", album=str(album)).status_code == 404


def test_what_is_no_id_is_refused_as_a_page(at_home: FlaskClient) -> None:
    assert chosen(at_home, "1").status_code == 400
    assert submit(at_home, "/", "/photos/download", album="x").status_code == 400
