"""The pages, as a browser without JavaScript meets them."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from blueprints import pages
from jobs import ledger
from jobs.names import JobName
from models.assets import Asset, AssetStatus
from models.jobs import Job, JobStatus
from models.users import ApiKey, User
from services import api_keys
from services.system import System
from tests.rows import TAKEN, add_asset
from tests.systems import PASSWORD, MakeUser, Person

FORBIDDEN = {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}
PAGES = ("/", "/account", "/admin/users", "/admin/storage")


class Elements(HTMLParser):
    """Every start tag of a page with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))

    def of(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.all if name == tag)


def token_on(answer: TestResponse) -> str:
    """The form token of a page."""
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', answer.text)
    assert found is not None, answer.text
    return found[1]


def submit(browser: FlaskClient, page: str, action: str, **fields: str | list[str]) -> TestResponse:
    """Posts a form with the token of the page that it stands on."""
    return browser.post(action, data={"form_token": token_on(browser.get(page)), **fields})


def sign_in(browser: FlaskClient, email: str = "admin@example.com") -> None:
    answer = submit(browser, "/auth/login", "/auth/login", email=email, password=PASSWORD)
    assert (answer.status_code, answer.location) == (303, "/")


@pytest.fixture
def at_home(browser: FlaskClient, admin: Person) -> FlaskClient:
    """The admin's browser, signed in."""
    sign_in(browser)
    return browser


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


@pytest.mark.parametrize("path", ["/admin/users", "/admin/storage"])
def test_the_admins_pages_are_for_admins(browser: FlaskClient, make_user: MakeUser, path: str) -> None:
    sign_in(browser, make_user("ben@example.com").email)
    assert browser.get(path).status_code == 403
    assert submit(browser, "/account", path).status_code == 403
    assert "/admin/" not in browser.get("/").text


POSTS = (
    "/account/keys", f"/account/keys/{uuid4()}/delete", "/account/password", "/admin/users", "/admin/storage",
    f"/photos/{uuid4()}/trash", f"/photos/{uuid4()}/restore", "/auth/logout", "/auth/login", "/auth/register",
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
    for path in (*PAGES, f"/photos/{photo}", f"/photos/{uuid4()}", "/photos/tiles?ids=x"):
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


# The library


def test_the_library_shows_photos_by_month_and_day(at_home: FlaskClient, system: System, admin: Person) -> None:
    add_asset(system, admin.id, "evening.jpg", taken=TAKEN.replace(hour=23), offset_hours=2, thumbhash=b"\x93\xf8")
    add_asset(system, admin.id, "morning.jpg", thumbhash=b"\x93\xf8")
    text = at_home.get("/").text
    assert re.findall(r"<h2>(.*?)</h2>", text)[0] == "May 2024"
    assert re.findall(r"<h3>(.*?)</h3>", text) == ["Thu 2 May 2024", "Wed 1 May 2024"]
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


# Account


def test_a_new_key_shows_its_secret_once_and_works(at_home: FlaskClient, client: FlaskClient) -> None:
    answer = submit(at_home, "/account", "/account/keys", name="CLI", access="all")
    assert answer.status_code == 200
    [secret] = [one["value"] for one in Elements(answer.text).of("input") if one.get("id") == "secret"]
    assert client.get("/api/users/me", headers={"x-api-key": secret or ""}).status_code == 200
    again = at_home.get("/account").text
    assert "CLI" in again
    assert secret is not None
    assert secret not in again


def test_a_key_may_only_do_what_was_chosen(at_home: FlaskClient, system: System) -> None:
    chosen = ["asset.upload", "user.read"]
    submit(at_home, "/account", "/account/keys", name="CLI", access="some", permissions=chosen)
    with system.database.read() as session:
        assert session.query(ApiKey).filter_by(name="CLI").one().permissions == chosen


@pytest.mark.parametrize(("fields", "said"), [
    ({"name": " ", "access": "all"}, "name"), ({"name": "CLI", "access": "some"}, "at least one"),
    ({"name": "CLI"}, "at least one"), ({"name": "CLI", "access": "some", "permissions": "fly"}, "not a permission"),
])  # fmt: skip
def test_a_key_without_a_name_or_rights_is_not_made(
    at_home: FlaskClient, system: System, fields: dict[str, str], said: str
) -> None:
    answer = submit(at_home, "/account", "/account/keys", **fields)
    assert answer.status_code == 400
    assert said in answer.text
    with system.database.read() as session:
        assert not session.query(ApiKey).filter(ApiKey.name != "all").count()


def test_a_key_is_deleted_by_its_owner_alone(at_home: FlaskClient, system: System, make_user: MakeUser) -> None:
    with system.database.read() as session:
        own = session.query(ApiKey).one().id
    foreign = api_keys.keys_of(system, make_user("ben@example.com").auth)[0].id
    assert submit(at_home, "/account", f"/account/keys/{foreign}/delete").status_code == 400
    assert submit(at_home, "/account", f"/account/keys/{own}/delete").location == "/account"
    with system.database.read() as session:
        assert [key.id for key in session.query(ApiKey)] == [foreign]


def test_a_password_is_changed_by_who_knows_it(at_home: FlaskClient, client: FlaskClient, admin: Person) -> None:
    new = "battery staple"
    for old, again in (("wrong", new), (PASSWORD, "other")):
        refused = submit(at_home, "/account", "/account/password", old=old, new=new, again=again)
        assert refused.status_code == 400
        assert new not in refused.text
    submit(at_home, "/account", "/account/password", old=PASSWORD, new=new, again=new)
    login = {"email": admin.email, "password": new}
    assert client.post("/api/auth/login", json=login).status_code == 201
    assert at_home.get("/account").status_code == 200


# Admin


def test_an_admin_adds_a_user_with_a_quota(at_home: FlaskClient, system: System) -> None:
    fields = {"name": "Ben", "email": "ben@example.com", "password": PASSWORD, "quota": "1,5"}
    assert submit(at_home, "/admin/users", "/admin/users", **fields).location == "/admin/users"
    shown = at_home.get("/admin/users").text
    assert "ben@example.com" in shown
    assert "1.5 GiB" in shown
    with system.database.read() as session:
        user = session.query(User).filter_by(email="ben@example.com").one()
    assert (user.is_admin, user.should_change_password, user.quota_size_in_bytes) == (False, True, 3 * 1024**3 // 2)


@pytest.mark.parametrize(("field", "value"), [
    ("quota", "much"), ("quota", "nan"), ("quota", "-1"), ("quota", "1e99"), ("email", "ben"), ("password", "short"),
    ("email", "admin@example.com"),
])  # fmt: skip
def test_a_user_who_cannot_be_is_not_added(at_home: FlaskClient, field: str, value: str) -> None:
    fields = {"name": "Ben", "email": "ben@example.com", "password": PASSWORD, "quota": "", field: value}
    answer = submit(at_home, "/admin/users", "/admin/users", **fields)
    assert answer.status_code == 400
    assert 'value="Ben"' in answer.text
    assert PASSWORD not in answer.text


@pytest.mark.parametrize("engine", ["local", "s3"])
def test_the_storage_page_tells_where_things_are_and_no_secrets(at_home: FlaskClient, system: System) -> None:
    text = at_home.get("/admin/storage").text
    assert str(system.settings.media_location) in text
    if (s3 := system.settings.s3) is not None:
        assert re.findall(r"<dd><code>(.*?)</code>", text)[1:] == [s3.bucket, s3.prefix, s3.endpoint]
        assert not re.search(rf"\b({s3.access_key_id}|{s3.secret_access_key})\b", text)


@pytest.mark.parametrize("engine", ["local", "s3"])
def test_the_storage_is_probed_on_demand(at_home: FlaskClient, system: System) -> None:
    answer = submit(at_home, "/admin/storage", "/admin/storage")
    assert answer.status_code == 200
    assert "Works" in answer.text


def test_a_probe_that_fails_says_why(at_home: FlaskClient, system: System) -> None:
    submit(at_home, "/admin/storage", "/admin/storage")
    (system.settings.media_location / "thumbs" / ".immich").unlink()
    answer = submit(at_home, "/admin/storage", "/admin/storage")
    assert "Does not work" in answer.text
    assert "thumbs" in answer.text


def test_failed_jobs_can_be_read(at_home: FlaskClient, system: System) -> None:
    with system.database.write() as session:
        job = session.get_one(Job, ledger.enqueue(session, JobName.ASSET_EXTRACT_METADATA, id=uuid4()))
        job.status, job.error = JobStatus.FAILED, "ToolFailed: exiftool ended with <code 1>"
    text = at_home.get("/admin/storage").text
    assert "AssetExtractMetadata" in text
    assert "exiftool ended with &lt;code 1&gt;" in text
