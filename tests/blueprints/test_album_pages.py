"""Albums as pages, as a browser without JavaScript meets them."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from blueprints import pages
from models.albums import Album, AlbumRole, AlbumUser
from models.assets import AssetStatus
from services.system import System
from tests.pages import Elements, sign_in, submit
from tests.rows import TAKEN, add_album, add_asset
from tests.systems import MakeUser, Person

READY = b"\x93\xf8"


@pytest.fixture
def guest(make_user: MakeUser) -> Person:
    return make_user("ben@example.com")


@pytest.fixture
def at_guests(browser: FlaskClient, guest: Person) -> FlaskClient:
    """The browser of somebody who is not the admin, signed in."""
    sign_in(browser, guest.email)
    return browser


def album_of(system: System, owner: Person, *asset_ids: UUID, guest: Person | None = None, **values: Any) -> UUID:
    """An album, shared with a guest who looks."""
    album_id = add_album(system, owner.id, *asset_ids)
    with system.database.write() as session:
        if values:
            session.execute(update(Album).where(Album.id == album_id).values(**values))
        if guest is not None:
            session.add(AlbumUser(album_id=album_id, user_id=guest.id, role=AlbumRole.VIEWER))
    return album_id


def links_on(browser: FlaskClient, path: str, attribute: str) -> dict[str, str]:
    """Where the links of a page lead that have an attribute, by its value."""
    found = Elements(browser.get(path).text).of("a")
    return {str(link[attribute]): str(link["href"]) for link in found if attribute in link}


def test_albums_show_their_cover_their_name_and_what_is_in_them(
    at_home: FlaskClient, system: System, admin: Person, guest: Person
) -> None:
    first = add_asset(system, admin.id, thumbhash=READY)
    last = add_asset(system, admin.id, taken=TAKEN.replace(month=6, day=12))
    album_of(system, admin, first, last, guest=guest, album_name="Harz", album_thumbnail_asset_id=first)
    album_of(system, admin, last, album_name="Not ready")
    album_of(system, admin, album_name="Empty")
    answer = at_home.get("/albums")
    text = answer.text.replace("\xa0", " ")
    assert "2 photos · 1 May 2024 – 12 June 2024 · shared with ben" in text
    assert "0 photos" in text
    [cover] = [one["src"] for one in Elements(answer.text).of("img")]
    assert cover == f"/api/assets/{first}/thumbnail?size=thumbnail"


def test_whoever_has_no_albums_learns_where_they_come_from(at_home: FlaskClient) -> None:
    assert "No albums yet" in at_home.get("/albums").text


def test_an_album_shows_its_photos_and_their_pages_stay_in_it(
    at_home: FlaskClient, system: System, admin: Person
) -> None:
    older, other, newer = (add_asset(system, admin.id, taken=TAKEN.replace(day=day)) for day in (1, 2, 3))
    album = f"/albums/{album_of(system, admin, older, newer, description='Three days')}"
    links = links_on(at_home, album, "data-id")
    assert links == {str(one): f"{album}/photos/{one}" for one in (newer, older)}
    assert "Three days" in at_home.get(album).text
    # The photo between the two is not in the album.
    assert links_on(at_home, f"{album}/photos/{newer}", "rel") == {"next": f"{album}/photos/{older}"}
    closing = links_on(at_home, f"{album}/photos/{newer}", "aria-label")["Close"]
    assert closing == album
    assert links_on(at_home, f"/photos/{newer}", "rel") == {"next": f"/photos/{other}"}


def test_an_album_goes_on_without_scripts(
    at_home: FlaskClient, system: System, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_SIZE", 2)
    ids = {str(add_asset(system, admin.id)) for _ in range(5)}
    path: str | None = f"/albums/{album_of(system, admin, *map(UUID, ids))}"
    seen: list[str] = []
    while path:
        seen += links_on(at_home, path, "data-id")
        path = links_on(at_home, path, "id").get("more")
    assert len(seen) == 5
    assert set(seen) == ids


def test_an_album_without_photos_offers_no_download(at_home: FlaskClient, system: System, admin: Person) -> None:
    text = at_home.get(f"/albums/{album_of(system, admin)}").text
    assert "Nothing in here yet" in text
    assert "Download album" not in text


def test_an_album_is_wholly_shown_to_those_it_is_shared_with(
    at_guests: FlaskClient, system: System, admin: Person, guest: Person
) -> None:
    photo = add_asset(system, admin.id, thumbhash=READY)
    trashed = add_asset(system, admin.id, thumbhash=READY, status=AssetStatus.TRASHED)
    album = f"/albums/{album_of(system, admin, photo, trashed, guest=guest, album_name='Harz')}"
    assert "shared by Admin" in at_guests.get("/albums").text
    assert list(links_on(at_guests, album, "data-id")) == [str(photo)]
    assert list(links_on(at_guests, f"{album}/photos/tiles?ids={photo},{trashed}", "data-id")) == [str(photo)]
    page = at_guests.get(f"{album}/photos/{photo}")
    assert page.status_code == 200
    assert "Move to trash" not in page.text
    assert at_guests.get(f"{album}/photos/{trashed}").status_code == 404
    assert links_on(at_guests, "/", "data-id") == {}
    # What others see may not be moved to the trash by them.
    for action in ("trash", "restore"):
        assert submit(at_guests, "/albums", f"/photos/{photo}/{action}").status_code == 404


def test_the_albums_of_others_are_nowhere(
    at_guests: FlaskClient, system: System, admin: Person, guest: Person
) -> None:
    photo = add_asset(system, admin.id, thumbhash=READY)
    own = add_asset(system, guest.id, thumbhash=READY)
    album = album_of(system, admin, photo, album_name="Secret")
    assert "Secret" not in at_guests.get("/albums").text
    for unseen in (album, uuid4(), "x"):
        for path in ("", f"/photos/{own}", f"/photos/tiles?ids={own}"):
            answer = at_guests.get(f"/albums/{unseen}{path}")
            assert (answer.status_code, answer.mimetype) == (404, "text/html"), path


def test_hostile_names_of_albums_stay_text(at_home: FlaskClient, system: System, admin: Person) -> None:
    name = """<script>alert(1)</script>"onload='x'&amp;"""
    album = album_of(system, admin, add_asset(system, admin.id), album_name=name, description=name)
    for path in ("/albums", f"/albums/{album}"):
        found = Elements(at_home.get(path).text)
        assert all((one["src"] or "").startswith("/static/") for one in found.of("script"))
        assert not any("onload" in attributes for _, attributes in found.all)
