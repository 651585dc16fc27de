"""The pages, as a browser without JavaScript meets them."""

import re
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from blueprints import pages
from blueprints.html import content_policy
from models.assets import Asset, AssetDamage, AssetStatus
from models.base import utc_now
from models.users import User
from services.system import System
from tests.pages import Elements, submit, token_on
from tests.rows import TAKEN, add_album, add_asset
from tests.systems import PASSWORD, MakeUser, Person

FORBIDDEN = {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}
PAGES = ("/", "/albums", "/account", "/admin/users", "/admin/storage")


def ids_on(answer: TestResponse) -> list[UUID]:
    """The photos of a page, in order."""
    return [UUID(value) for link in Elements(answer.text).of("a") if (value := link.get("data-id")) is not None]


# Signing up, in and out


def test_the_first_visitor_creates_the_admin_and_is_signed_in(browser: FlaskClient, system: System) -> None:
    assert browser.get("/").location == "/auth/register"
    assert browser.get("/auth/login").location == "/auth/register"
    answer = submit(browser, "/auth/register", "/auth/register", name="Ann", email="Ann@Example.com", password=PASSWORD)
    assert (answer.status_code, answer.location) == (303, "/")
    assert browser.get("/").status_code == 200
    with system.database.read() as session:
        user = session.query(User).one()
    assert (user.name, user.email, user.is_admin) == ("Ann", "ann@example.com", True)


def test_nobody_signs_up_where_there_is_an_admin(browser: FlaskClient, admin: Person) -> None:
    assert browser.get("/auth/register").location == "/auth/login"
    answer = submit(browser, "/auth/login", "/auth/register", name="B", email="b@example.com", password=PASSWORD)
    assert answer.status_code == 400
    assert "already has an admin" in answer.text


@pytest.mark.parametrize(("email", "password", "said"), [
    ("ann@example.com", "short", "at least 8"), ("ann", PASSWORD, "not an e-mail address"),
    ("ann@example.com", "x" * 73, "72 bytes"),
])  # fmt: skip
def test_a_refused_sign_up_keeps_what_was_typed_but_the_password(
    browser: FlaskClient, system: System, email: str, password: str, said: str
) -> None:
    answer = submit(browser, "/auth/register", "/auth/register", name="Ann", email=email, password=password)
    assert answer.status_code == 400
    assert said in answer.text
    assert 'value="Ann"' in answer.text
    assert f'value="{email}"' in answer.text
    assert password not in answer.text


def test_a_wrong_password_is_told_without_telling_which_was_wrong(browser: FlaskClient, admin: Person) -> None:
    said = set()
    for email in (admin.email, "nobody@example.com", "nonsense"):
        answer = submit(browser, "/auth/login", "/auth/login", email=email, password="wrong password")
        assert answer.status_code == 401
        assert f'value="{email}"' in answer.text
        assert "wrong password" not in answer.text
        said |= set(re.findall(r'role="alert">([^<]*)<', answer.text))
    assert len(said) == 1


def test_signing_in_leads_on_to_the_page_that_was_asked_for(browser: FlaskClient, admin: Person) -> None:
    asked = browser.get("/admin/storage?x=1")
    assert asked.status_code == 303
    shown = browser.get(asked.location)
    [target] = [one["value"] for one in Elements(shown.text).of("input") if one.get("name") == "next"]
    assert target == "/admin/storage?x=1"
    answer = submit(browser, "/auth/login", "/auth/login", email=admin.email, password=PASSWORD, next=target)
    assert answer.location == target


@pytest.mark.parametrize("target", [
    "https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "evil", "/\t/evil.example",
    "http:evil",
])  # fmt: skip
def test_signing_in_never_leads_to_another_server(browser: FlaskClient, admin: Person, target: str) -> None:
    answer = submit(browser, "/auth/login", "/auth/login", email=admin.email, password=PASSWORD, next=target)
    assert (answer.status_code, answer.location) == (303, "/")


def test_signing_out_ends_the_session(at_home: FlaskClient) -> None:
    token = at_home.get_cookie("immich_access_token")
    assert token is not None
    assert submit(at_home, "/", "/auth/logout").location == "/auth/login"
    assert at_home.get_cookie("immich_access_token") is None
    at_home.set_cookie("immich_access_token", token.value)
    assert at_home.get("/").location == "/auth/login"


def test_signing_out_of_a_session_that_is_over_works(browser: FlaskClient, admin: Person) -> None:
    browser.set_cookie("immich_access_token", "long gone")
    assert browser.post("/auth/logout").location == "/auth/login"


# Who may see and do what


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_for_those_who_are_signed_in(client: FlaskClient, admin: Person, path: str) -> None:
    # Also not for API keys: they are for programs, and may be made for less than pages show.
    for headers in ({}, admin.headers):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 303
        assert answer.location.startswith("/auth/login")


# The same id in every process that collects tests.
NOBODYS = UUID("00000000-0000-4000-8000-000000000000")
POSTS = (
    "/account/keys", f"/account/keys/{NOBODYS}/delete", "/account/password", "/admin/users", "/admin/storage",
    f"/photos/{NOBODYS}/trash", f"/photos/{NOBODYS}/restore", "/photos/download", "/auth/logout", "/auth/login",
    "/auth/register",
)  # fmt: skip


@pytest.mark.parametrize("path", POSTS)
def test_no_form_is_taken_without_its_token(at_home: FlaskClient, path: str) -> None:
    for token in ({}, {"form_token": "0" * 64}, {"form_token": "ü"}):
        assert at_home.post(path, data=token).status_code == 403


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("headers", FORBIDDEN)
def test_no_form_is_taken_from_another_site(at_home: FlaskClient, path: str, headers: dict[str, str]) -> None:
    token = token_on(at_home.get("/account"))
    assert at_home.post(path, data={"form_token": token}, headers=headers).status_code == 403


@pytest.mark.parametrize("path", POSTS)
def test_a_form_without_end_is_refused(at_home: FlaskClient, path: str) -> None:
    answer = at_home.post(path, data={"ids": "x" * 5_000_000})
    assert (answer.status_code, answer.mimetype) == (413, "text/html")


def test_the_token_of_one_browser_is_worth_nothing_in_another(app_browsers: list[FlaskClient], admin: Person) -> None:
    ours, theirs = app_browsers
    token = token_on(theirs.get("/auth/login"))
    form = {"form_token": token, "email": admin.email, "password": PASSWORD}
    assert ours.post("/auth/login", data=form).status_code == 403


@pytest.fixture
def app_browsers(browser: FlaskClient) -> list[FlaskClient]:
    return [browser, browser.application.test_client()]


def test_pages_allow_no_foreign_and_no_inline_code(at_home: FlaskClient, system: System, admin: Person) -> None:
    photo = add_asset(system, admin.id, thumbhash=b"\x93\xf8")
    album = f"/albums/{add_album(system, admin.id, photo)}"
    for path in (
        *PAGES, f"/photos/{photo}", f"/photos/{uuid4()}", "/photos/tiles?ids=x",
        album, f"{album}/photos/{photo}", f"{album}/photos/tiles?ids={photo}", f"/albums/{uuid4()}",
    ):  # fmt: skip
        answer = at_home.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"] == "private, no-store"
        for tag, attributes in Elements(answer.text).all:
            assert tag != "style"
            assert tag != "script" or attributes["src"] is not None
            assert not [name for name in attributes if name == "style" or name.startswith("on")]
        assert not re.search(r'(src|href|action)="(https?:)?//', answer.text)


def test_pictures_and_videos_may_also_come_from_the_bucket() -> None:
    policy = dict(part.split(" ", 1) for part in content_policy(["https://photos.example"]).split("; "))
    assert policy["img-src"] == "'self' data: blob: https://photos.example"
    assert policy["media-src"] == "'self' blob: https://photos.example"
    assert policy["default-src"] == "'self'"


# The library


def test_the_library_shows_photos_by_month_and_day(at_home: FlaskClient, system: System, admin: Person) -> None:
    add_asset(system, admin.id, "evening.jpg", taken=TAKEN.replace(hour=23), offset_hours=2, thumbhash=b"\x93\xf8")
    add_asset(system, admin.id, "morning.jpg", thumbhash=b"\x93\xf8")
    text = at_home.get("/").text
    assert re.findall(r"<h2>(.*?)</h2>", text)[0] == "May 2024"
    assert re.findall(r"<h3>(.*?)</h3>", text) == ["Thu 2 May 2024", "Wed 1 May 2024"]
    tiles = [link for link in Elements(text).of("a") if "data-id" in link]
    assert [link["href"] for link in tiles] == [f"/photos/{link['data-id']}" for link in tiles]
    alts = [one["alt"] for one in Elements(text).of("img")]
    assert alts == ["evening.jpg, Thu 2 May 2024, 01:00", "morning.jpg, Wed 1 May 2024, 10:00"]


def test_an_empty_library_says_what_to_do(at_home: FlaskClient) -> None:
    assert "Your bucket is empty" in at_home.get("/").text


def test_the_library_goes_on_without_scripts(
    at_home: FlaskClient, system: System, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_SIZE", 2)
    ids = {add_asset(system, admin.id) for _ in range(5)}
    seen: list[UUID] = []
    path: str | None = "/"
    while path:
        answer = at_home.get(path)
        seen += ids_on(answer)
        path = next((link["href"] for link in Elements(answer.text).of("a") if link.get("id") == "more"), None)
    assert len(seen) == 5
    assert set(seen) == ids


def test_a_photo_without_a_thumbnail_asks_for_none(at_home: FlaskClient, system: System, admin: Person) -> None:
    photo = add_asset(system, admin.id, "fresh.jpg")
    for path in ("/", f"/photos/{photo}"):
        answer = at_home.get(path)
        assert "fresh.jpg" in answer.text
        assert not list(Elements(answer.text).of("img"))


def test_tiles_come_when_they_can_be_shown(
    at_home: FlaskClient, system: System, admin: Person, make_user: MakeUser
) -> None:
    ready = add_asset(system, admin.id, thumbhash=b"\x93\xf8")
    fresh = add_asset(system, admin.id)
    trashed = add_asset(system, admin.id, thumbhash=b"\x93\xf8", status=AssetStatus.TRASHED)
    foreign = add_asset(system, make_user("ben@example.com").id, thumbhash=b"\x93\xf8")
    asked = ",".join(map(str, (ready, fresh, trashed, foreign)))
    assert ids_on(at_home.get(f"/photos/tiles?ids={asked}")) == [ready]


@pytest.mark.parametrize("path", ["/?before=x", "/?before=", "/photos/tiles", "/photos/tiles?ids=1,2"])
def test_malformed_addresses_are_refused_as_a_page(at_home: FlaskClient, path: str) -> None:
    answer = at_home.get(path)
    assert (answer.status_code, answer.mimetype) == (400, "text/html")


# One photo


def test_hostile_names_stay_text(at_home: FlaskClient, system: System, admin: Person) -> None:
    name = """<script>alert(1)</script>"onload='x'&amp;.jpg"""
    exif = {"make": "<b>", "model": "{{7*7}}", "description": "</dd><script src=//evil.example></script>"}
    photo = add_asset(system, admin.id, name, thumbhash=b"\x93\xf8", exif=exif)
    for path in ("/", f"/photos/{photo}", f"/photos/tiles?ids={photo}"):
        answer = at_home.get(path)
        found = Elements(answer.text)
        assert all((one["src"] or "").startswith("/static/") for one in found.of("script"))
        assert not any("onload" in attributes for _, attributes in found.all)
        assert "49" not in re.findall(r"<dd>(.*?)</dd>", answer.text)
        assert any(name in (one["alt"] or "") for one in found.of("img"))


def test_a_photo_shows_its_facts_and_the_way_to_its_neighbours(
    at_home: FlaskClient, system: System, admin: Person
) -> None:
    exif = {"make": "Canon", "model": "Canon EOS R5", "f_number": 7.1, "iso": 1000, "exposure_time": "1/4000",
            "file_size_in_byte": 2048, "city": "Goslar", "country": "Germany"}  # fmt: skip
    older, newer = add_asset(system, admin.id), add_asset(system, admin.id, taken=TAKEN.replace(day=3))
    photo = add_asset(system, admin.id, taken=TAKEN.replace(day=2), width=800, height=533, exif=exif)
    text = at_home.get(f"/photos/{photo}").text
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text))
    assert facts == {"Size": "800 × 533", "File": "2.0 KiB", "Camera": "Canon EOS R5", "Place": "Goslar, Germany",
                     "Exposure": "ƒ/7.1 · 1/4000\xa0s · ISO\xa01000"}  # fmt: skip
    links = {link["rel"]: link["href"] for link in Elements(text).of("a") if "rel" in link}
    assert links == {"prev": f"/photos/{newer}", "next": f"/photos/{older}"}


def test_a_damaged_photo_says_what_is_wrong_with_it(at_home: FlaskClient, system: System, admin: Person) -> None:
    photo = add_asset(system, admin.id)
    with system.database.write() as session:
        session.add(AssetDamage(asset_id=photo, message="the file ends <early>", found_at=utc_now()))
    assert "<dt>Damage</dt><dd>the file ends &lt;early&gt;</dd>" in at_home.get(f"/photos/{photo}").text


def test_the_photos_of_others_are_nowhere(
    at_home: FlaskClient, system: System, make_user: MakeUser
) -> None:
    photo = add_asset(system, make_user("ben@example.com").id)
    for path in (f"/photos/{photo}", f"/photos/{uuid4()}"):
        answer = at_home.get(path)
        assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert submit(at_home, "/account", f"/photos/{photo}/trash").status_code == 404


def test_a_photo_goes_to_the_trash_and_back_without_scripts(
    at_home: FlaskClient, system: System, admin: Person
) -> None:
    older, photo = add_asset(system, admin.id), add_asset(system, admin.id, taken=TAKEN.replace(day=2))
    answer = submit(at_home, f"/photos/{photo}", f"/photos/{photo}/trash")
    assert (answer.status_code, answer.location) == (303, f"/photos/{older}")
    assert ids_on(at_home.get("/")) == [older]
    assert "in the trash" in at_home.get(f"/photos/{photo}").text
    assert submit(at_home, f"/photos/{photo}", f"/photos/{photo}/restore").location == f"/photos/{photo}"
    with system.database.read() as session:
        assert session.get_one(Asset, photo).status is AssetStatus.ACTIVE
