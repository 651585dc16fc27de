"""The pages in a real browser, on a real server with its worker, on both storage engines."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Keys

from tests.e2e.browsers import Browser, chromium
from tests.e2e.installations import on_s3
from tests.e2e.photos import picture
from tests.live import LiveServer, live_server
from tests.servers import S3Server, own_prefix
from tests.systems import PASSWORD

pytestmark = pytest.mark.servers

EMAIL = "ann@example.com"
PHOTOS = {f"photo {number} #1.jpg": picture(number, ".jpg", (900, 600 + 60 * number)) for number in range(3)}
PAGES = ("/", "/albums", "/account", "/admin/users", "/admin/storage")
# What a page gets from somebody who drags a file onto it.
_DROP = """
const [name, base64] = arguments;
const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const transfer = new DataTransfer();
transfer.items.add(new File([bytes], name, { type: "image/jpeg", lastModified: Date.now() }));
for (const kind of ["dragenter", "dragover", "drop"])
  document.body.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: transfer }));
"""


@pytest.fixture(scope="module", params=["local", "s3"])
def site(request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    """A running server that nobody has visited yet."""
    environ = {}
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("s3_server")
        environ = on_s3(server, own_prefix())
    with live_server(environ) as live:
        yield live


@pytest.fixture(scope="module")
def home(site: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser of an admin who signed up in it and uploaded three photos."""
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        browser.visit(site.url)
        browser.type(name="Ann", email=EMAIL, password=PASSWORD)
        browser.click("main button")
        upload(browser, tmp_path_factory.mktemp("photos"), PHOTOS)
        wait_for_photos(browser, *PHOTOS)
        yield browser


@pytest.fixture(autouse=True)
def at_the_library(site: LiveServer, home: Browser) -> Iterator[None]:
    """Each test begins at the library on a desk, and no test leaves errors in the console."""
    home.resize(1280, 800)
    home.visit(site.url)
    home.console()
    yield
    assert home.console() == []


def upload(browser: Browser, folder: Path, photos: dict[str, bytes]) -> None:
    """Picks files and waits until every one has its outcome."""
    for name, data in photos.items():
        (folder / name).write_bytes(data)
    picker = browser.find("#upload-files")
    picker.send_keys("\n".join(str(folder / name) for name in photos))
    browser.wait_for(lambda: outcome(browser))


def outcome(browser: Browser) -> str:
    """What the list of uploads says when all is done."""
    words = browser.find("#uploads-summary").text
    return "" if words.startswith("Uploading") else words


def shown(browser: Browser) -> list[str]:
    """The names of the photos whose thumbnails are on the page and loaded, in order."""
    names: list[str] = browser.run(
        "return [...document.querySelectorAll('.tile img')].filter((one) => one.complete && one.naturalWidth)"
        ".map((one) => one.alt.split(', ')[0])"
    )
    return names


def wait_for_photos(browser: Browser, *names: str) -> None:
    browser.wait_for(lambda: set(shown(browser)) >= set(names), f"thumbnails of {names}")


def open_photo(browser: Browser, name: str) -> None:
    browser.click(f".tile:has(img[alt^='{name}'])")
    wait_for_title(browser, name)


def wait_for_title(browser: Browser, name: str) -> None:
    # Asked in one go: the element may be exchanged while one looks at it.
    titles = "return [...document.querySelectorAll('article.photo h1')].map((one) => one.innerText)"
    browser.wait_for(lambda: browser.run(titles) == [name], name)


def test_who_signs_out_can_sign_in_again(home: Browser, site: LiveServer) -> None:
    home.click("header form button")
    home.wait_for(lambda: urlsplit(home.address).path == "/auth/login")
    home.visit(f"{site.url}/account")
    home.type(email=EMAIL, password=PASSWORD)
    home.press(Keys.ENTER)
    home.wait_for(lambda: urlsplit(home.address).path == "/account")


def test_a_dropped_photo_appears_without_a_reload(home: Browser) -> None:
    home.run("window.isSamePage = true")
    home.run(_DROP, "dropped.jpg", b64encode(picture(7)).decode())
    wait_for_photos(home, "dropped.jpg", *PHOTOS)
    assert outcome(home) == "1 added"
    assert home.run("return window.isSamePage") is True


def test_a_duplicate_is_told_and_leads_to_the_photo(home: Browser, tmp_path: Path) -> None:
    name = next(iter(PHOTOS))
    upload(home, tmp_path, {"again.jpg": PHOTOS[name]})
    assert outcome(home) == "1 already here"
    home.click("#uploads-list a")
    wait_for_title(home, name)


def test_what_is_no_photo_is_refused_by_name(home: Browser, tmp_path: Path) -> None:
    upload(home, tmp_path, {"notes.txt": b"hello", "empty.jpg": b""})
    assert outcome(home) == "2 failed"
    states = {one.text for one in home.all("#uploads-list .state")}
    assert states == {"Unsupported file type notes.txt", "File is empty"}
    assert all("400" in line for line in home.console())


def test_an_upload_that_failed_is_tried_again(home: Browser, site: LiveServer, tmp_path: Path) -> None:
    site.kill("web")
    upload(home, tmp_path, {"patient.jpg": picture(8)})
    assert home.find("#uploads-list .state").text == "The connection was lost."
    site.restart("web")
    home.click("#uploads-list button")
    wait_for_photos(home, "patient.jpg")
    assert outcome(home) == "1 added"
    assert all("ERR_CONNECTION" in line for line in home.console())


@pytest.mark.parametrize("name", PHOTOS)
def test_an_original_downloads_byte_for_byte(home: Browser, name: str) -> None:
    open_photo(home, name)
    assert home.wait_for(lambda: home.run("return document.querySelector('.preview').naturalWidth")) == 900
    home.click("article.photo a[download]")
    file = home.downloads / name
    home.wait_for(file.exists, f"the download of {name}")
    assert file.read_bytes() == PHOTOS[name]


def test_the_keyboard_is_enough(home: Browser) -> None:
    wait_for_photos(home, *PHOTOS)
    names = shown(home)
    home.find(".tile")
    home.run("document.querySelector('.tile').focus()")
    home.press(Keys.ARROW_RIGHT)
    home.press(Keys.ENTER)
    wait_for_title(home, names[1])
    home.press(Keys.ARROW_RIGHT)
    wait_for_title(home, names[2])
    home.press(Keys.ARROW_LEFT)
    wait_for_title(home, names[1])
    home.press(Keys.ESCAPE)
    home.wait_for(lambda: not home.all("dialog[open]"))
    assert urlsplit(home.address).path == "/"
    assert home.focused("data-id") == home.all(".tile")[1].get_attribute("data-id")


def test_back_and_forward_open_and_close_a_photo(home: Browser) -> None:
    name = next(iter(PHOTOS))
    open_photo(home, name)
    home.driver.back()
    home.wait_for(lambda: not home.all("dialog[open]"))
    home.driver.forward()
    wait_for_title(home, name)
    home.driver.refresh()
    wait_for_title(home, name)
    home.press(Keys.ESCAPE)
    home.wait_for(lambda: urlsplit(home.address).path == "/")


def test_delete_moves_a_photo_to_the_trash_and_undo_brings_it_back(home: Browser) -> None:
    wait_for_photos(home, *PHOTOS)
    before = shown(home)
    home.run("document.querySelector('.tile').focus()")
    home.press(Keys.DELETE)
    home.wait_for(lambda: shown(home) == before[1:])
    home.click("#toast button")
    home.wait_for(lambda: shown(home) == before)


def test_a_key_made_on_the_page_is_one_that_works(home: Browser, site: LiveServer) -> None:
    home.visit(f"{site.url}/account")
    home.type(name="from the page")
    home.click(".card form button.primary")
    secret = home.find("#secret").get_attribute("value")
    status = home.run(
        "return fetch('/api/api-keys/me', {credentials: 'omit', headers: {'x-api-key': arguments[0]}})"
        ".then((answer) => answer.status)", secret,
    )
    assert status == 200


@pytest.mark.parametrize("path", PAGES)
def test_pages_have_names_labels_and_headings(home: Browser, site: LiveServer, path: str) -> None:
    home.visit(f"{site.url}{path}")
    assert home.complaints() == []


def test_an_open_photo_has_names_labels_and_headings(home: Browser) -> None:
    open_photo(home, next(iter(PHOTOS)))
    assert home.complaints() == []


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("width", [360, 390])
def test_nothing_is_wider_than_a_phone(home: Browser, site: LiveServer, path: str, width: int) -> None:
    home.resize(width, 740)
    home.visit(f"{site.url}{path}")
    assert home.overflow() <= 0


def test_a_photo_fits_a_phone(home: Browser) -> None:
    home.resize(360, 740)
    open_photo(home, next(iter(PHOTOS)))
    assert home.overflow() <= 0
    assert home.run("return document.querySelector('.preview').getBoundingClientRect().width") <= 360

