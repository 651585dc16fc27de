"""Downloads and videos in a real browser, from local disk and by way of the bucket under a host name of its own."""

import io
import os
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Keys
from selenium.webdriver.remote.webelement import WebElement

from blueprints.server import human_size
from tests.e2e.browsers import Browser, chromium
from tests.e2e.installations import on_s3
from tests.e2e.photos import picture, sha1_of, small_jpeg
from tests.live import LiveServer, live_server
from tests.servers import S3Server, own_prefix
from tests.systems import PASSWORD

pytestmark = pytest.mark.servers

LARGE, VIDEO = "large #1 ü.jpg", "clip.mp4"
# All of one day.
SEEDS = (0, 28, 56, 140)
PHOTOS = {f"photo {number}.jpg": picture(seed, ".jpg", (900, 600)) for number, seed in enumerate(SEEDS)}
FILES = {**PHOTOS, LARGE: small_jpeg(5, 300_000)}
# So that the large photo is redirected and the others are not.
REDIRECT_BYTES = 250_000
SECONDS = 20


@pytest.fixture(scope="module", params=["local", "s3"])
def site(request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    """A running server; with S3, browsers are sent on to the bucket under another name than the server's."""
    environ = {}
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("s3_server")
        public = server.endpoint.replace("127.0.0.1", "localhost")
        environ = {**on_s3(server, own_prefix()), "S3_PUBLIC_ENDPOINT": public,
                   "DELIVERY_REDIRECT_BYTES": str(REDIRECT_BYTES)}  # fmt: skip
    with live_server(environ) as live:
        yield live


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film so noisy that no browser fetches all of it at once."""
    file = tmp_path_factory.mktemp("video") / VIDEO
    source = f"testsrc2=duration={SECONDS}:size=640x360:rate=25,noise=alls=60:allf=t"
    subprocess.run(
        ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", source, "-c:v", "libx264", "-preset", "ultrafast",
         "-g", "25", "-pix_fmt", "yuv420p", "-b:v", "8M", "-movflags", "faststart", str(file)],
        check=True, timeout=120,
    )  # fmt: skip
    assert file.stat().st_size > 8 * 1024 * 1024
    # Older than the photos, so that it stands behind them.
    os.utime(file, (946_684_800, 946_684_800))
    return file


@pytest.fixture(scope="module")
def home(site: LiveServer, video: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser of an admin who signed up in it and uploaded photos and a video."""
    folder = tmp_path_factory.mktemp("photos")
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        browser.visit(site.url)
        browser.type(name="Ann", email="ann@example.com", password=PASSWORD)
        browser.click("main button")
        browser.find("#upload-files").send_keys("\n".join([*(str(folder / name) for name in FILES), str(video)]))
        browser.wait_for(lambda: browser.find("#uploads-summary").text == f"{len(FILES) + 1} added")
        browser.wait_for(lambda: len(browser.all(".tile img")) > len(FILES), "thumbnails, one of the video too")
        yield browser


@pytest.fixture(autouse=True)
def at_the_library(site: LiveServer, home: Browser) -> Iterator[None]:
    """Each test begins at the library on a desk, and no test leaves errors in the console."""
    home.resize(1280, 800)
    home.visit(site.url)
    home.console()
    home.exchanges()
    yield
    assert home.console() == []


def tile(browser: Browser, name: str) -> WebElement:
    return browser.find(f".tile:has(img[alt^='{name}'])")


def box(browser: Browser, name: str) -> WebElement:
    return browser.find(f".pick[aria-label^='Select {name}']")


def summary(browser: Browser) -> list[str]:
    """What the bar says: how many are chosen, and how large they are; nothing where there is no bar."""
    # Asked in one go: elements may be exchanged while one looks at them.
    script = "return [...document.querySelectorAll('#selection-summary span')].filter(%s).map((one) => one.innerText)"
    said: list[str] = browser.run(script % "(one) => one.checkVisibility({ visibilityProperty: true })")
    return said


def said_of(*names: str) -> list[str]:
    return [f"{len(names)} selected", human_size(sum(len(FILES[name]) for name in names))]


def sums(names: list[str] | tuple[str, ...]) -> dict[str, str]:
    return {name: sha1_of(FILES[name]) for name in names}


def sums_in(archive: bytes) -> dict[str, str]:
    """SHA-1 of each member of a zip archive, by its name."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        return {name: sha1_of(opened.read(name)) for name in opened.namelist()}


def archive_of(browser: Browser) -> bytes:
    """The one archive that is being saved."""
    pattern = "photos-*.zip"
    browser.wait_for(lambda: list(browser.downloads.glob(pattern)), "the archive")
    [file] = browser.downloads.glob(pattern)
    return browser.saved(file.name)


def in_order(browser: Browser) -> list[str]:
    """The names of the photos that have thumbnails, as they stand in the grid; the video comes after them."""
    # Asked in one go: elements may be exchanged while one looks at them.
    names: list[str] = browser.run("return [...document.querySelectorAll('.tile img')].map((one) => one.alt)")
    return [name for one in names if (name := one.split(", ")[0]) != VIDEO]


def test_three_photos_chosen_by_mouse_come_as_one_archive(home: Browser) -> None:
    names = list(PHOTOS)[:3]
    assert summary(home) == []
    for name in names:
        box(home, name).click()
    assert summary(home) == said_of(*names)
    home.click("#selection .primary")
    assert sums_in(archive_of(home)) == sums(names)
    # Saving leaves the page as it is.
    assert summary(home) == said_of(*names)
    home.click("#selection [type=reset]")
    assert summary(home) == []


def test_three_photos_chosen_by_keyboard_come_as_one_archive(home: Browser) -> None:
    names = in_order(home)
    start = names.index("photo 2.jpg") if names.index("photo 2.jpg") + 2 < len(names) else 0
    home.run("arguments[0].focus()", tile(home, names[start]))
    home.press(Keys.SPACE)
    assert summary(home) == said_of(names[start])
    home.press(Keys.ARROW_RIGHT)
    home.press(Keys.ARROW_RIGHT)
    home.chord(Keys.SHIFT, Keys.SPACE)
    wanted = names[start : start + 3]
    assert summary(home) == said_of(*wanted)
    home.run("document.querySelector('#selection .primary').focus()")
    home.press(Keys.ENTER)
    assert sums_in(archive_of(home)) == sums(wanted)
    home.press(Keys.ESCAPE)
    assert summary(home) == []


def test_a_range_is_chosen_with_the_shift_key(home: Browser) -> None:
    names = in_order(home)
    box(home, names[0]).click()
    home.click_holding(Keys.SHIFT, box(home, names[2]))
    assert summary(home) == said_of(*names[:3])
    # While choosing, a photo's own surface chooses too.
    home.click_holding(Keys.SHIFT, tile(home, names[3]))
    assert summary(home) == said_of(*names[:4])
    tile(home, names[0]).click()
    assert summary(home) == said_of(*names[1:4])
    assert urlsplit(home.address).path == "/"


def test_everything_and_a_whole_day_can_be_chosen(home: Browser) -> None:
    everything = len(home.all(".tile"))
    box(home, "photo 0").click()
    home.chord(Keys.CONTROL, "a")
    assert summary(home)[0] == f"{everything} selected"
    home.press(Keys.ESCAPE)
    day = ".day:has(img[alt^='photo 0'])"
    home.click(f"{day} .pick-day")
    assert summary(home) == said_of(*PHOTOS)
    box(home, "photo 0").click()
    assert home.run("return document.querySelector(arguments[0]).indeterminate", f"{day} .pick-day") is True
    home.click(f"{day} .pick-day")
    assert summary(home) == said_of(*PHOTOS)
    home.click(f"{day} .pick-day")
    assert summary(home) == []


def test_enter_still_opens_a_photo_while_choosing(home: Browser) -> None:
    names = in_order(home)
    box(home, names[0]).click()
    home.run("arguments[0].focus()", tile(home, names[1]))
    home.press(Keys.ENTER)
    home.wait_for(lambda: home.all("dialog[open]"))
    home.press(Keys.ESCAPE)
    home.wait_for(lambda: not home.all("dialog[open]"))
    assert summary(home) == said_of(names[0])


def test_what_is_chosen_goes_to_the_trash_and_comes_back(home: Browser) -> None:
    before = in_order(home)
    for name in before[:2]:
        box(home, name).click()
    home.click("#selection-trash")
    home.wait_for(lambda: in_order(home) == before[2:])
    assert summary(home) == []
    home.click("#toast button")
    home.wait_for(lambda: in_order(home) == before)


def test_photos_are_chosen_without_scripts(home: Browser, site: LiveServer) -> None:
    home.scripting(is_on=False)
    try:
        home.visit(site.url)
        for name in ("photo 0.jpg", "photo 1.jpg"):
            box(home, name).click()
        home.click("#selection .primary")
        assert sums_in(archive_of(home)) == sums(["photo 0.jpg", "photo 1.jpg"])
    finally:
        home.scripting(is_on=True)


def test_an_album_comes_under_its_name(home: Browser, site: LiveServer) -> None:
    names = ["photo 0.jpg", "photo 3.jpg"]
    ids = [box(home, name).get_attribute("value") for name in names]
    home.run(
        "return fetch('/api/albums', {method: 'POST', headers: {'Content-Type': 'application/json'},"
        " body: JSON.stringify({albumName: 'Trip: 1/2', assetIds: arguments[0]})}).then((answer) => answer.json())",
        ids,
    )
    home.visit(f"{site.url}/albums")
    assert home.complaints() == []
    home.click(".album:has(img)")
    home.wait_for(lambda: in_order(home))
    assert set(in_order(home)) == set(names)
    assert home.complaints() == []
    size = human_size(sum(len(FILES[name]) for name in names))
    assert home.find("#download-album").text.split("\n") == ["Download album", size]
    home.click("#download-album")
    home.wait_for(lambda: list(home.downloads.glob("Trip*.zip")), "the album")
    [file] = home.downloads.glob("Trip*.zip")
    assert sums_in(home.saved(file.name)) == sums(names)
    # Its photos lead to each other, and back into the album.
    tile(home, in_order(home)[0]).click()
    home.wait_for(lambda: home.all("dialog[open] [rel=next]"))
    assert not home.all("dialog[open] [rel=prev]")
    home.press(Keys.ARROW_RIGHT)
    home.wait_for(lambda: home.all("dialog[open] [rel=prev]"))
    home.press(Keys.ESCAPE)
    home.wait_for(lambda: not home.all("dialog[open]"))
    assert urlsplit(home.address).path.startswith("/albums/")
    home.resize(360, 740)
    assert home.overflow() <= 0


def test_one_large_photo_keeps_its_name_on_its_way_through_the_bucket(home: Browser, site: LiveServer) -> None:
    tile(home, "large").click()
    link = home.find("article.photo a[download]")
    assert link.text.split("\n") == ["Download", human_size(len(FILES[LARGE]))]
    link.click()
    data = home.saved(LARGE)
    assert (len(data), sha1_of(data)) == (len(FILES[LARGE]), sha1_of(FILES[LARGE]))
    public = public_of(site)
    # Of a file that comes from the page's own server the log may be silent.
    if public is not None:
        [fetched] = [one for one in home.exchanges() if "attachment" in one.told.get("content-disposition", "")]
        assert fetched.url.startswith(public)


def test_a_video_plays_and_seeks_by_ranges(home: Browser, site: LiveServer) -> None:
    video_id = home.run("return document.querySelector('.tile:has(.video-mark)').dataset.id")
    home.visit(f"{site.url}/photos/{video_id}")
    home.find("video")
    told = home.driver.execute_async_script("""
      const done = arguments[arguments.length - 1];
      const video = document.querySelector("video");
      const happened = (name) => new Promise((resolve) => video.addEventListener(name, resolve, { once: true }));
      (async () => {
        if (video.readyState < 2) await happened("loadeddata");
        const size = [video.videoWidth, video.videoHeight, Math.round(video.duration)];
        const seeked = happened("seeked");
        video.currentTime = 16;
        await seeked;
        video.muted = true;
        await video.play();
        while (video.currentTime < 16.5) await happened("timeupdate");
        done([...size, video.currentTime]);
      })().catch((error) => done([String(error)]));
    """)
    assert told[:3] == [640, 360, SECONDS], told
    assert 16.5 <= told[3] < SECONDS
    parts = [one for one in home.exchanges() if one.status == 206]
    assert all(one.asked["range"].startswith("bytes=") for one in parts)
    # One from the start, and one from where it was moved to.
    starts = {int(one.told["content-range"].split(" ")[1].split("-")[0]) for one in parts}
    assert 0 in starts
    assert max(starts) > 8_000_000
    public = public_of(site)
    assert {one.url.startswith(public or site.url) for one in parts} == {True}


def test_thumbnails_come_from_the_cache_the_second_time(home: Browser, site: LiveServer) -> None:
    home.wait_for(lambda: thumbnails(home) and all(one["isLoaded"] for one in thumbnails(home)))
    home.visit(f"{site.url}/account")
    home.visit(site.url)
    home.wait_for(lambda: len(thumbnails(home)) == len(FILES) + 1)
    assert {one["bytes"] for one in thumbnails(home)} == {0}


def test_choosing_works_with_fingers_on_a_phone(home: Browser, site: LiveServer) -> None:
    home.resize(390, 844)
    home.touch(is_on=True)
    try:
        home.visit(site.url)
        name = in_order(home)[0]
        assert home.run("return getComputedStyle(arguments[0]).opacity", box(home, name)) == "1"
        box(home, name).click()
        assert summary(home) == said_of(name)
        assert home.overflow() <= 0
        assert home.complaints() == []
        bar = home.run("return document.getElementById('selection').getBoundingClientRect().toJSON()")
        assert (bar["left"] >= 0, bar["right"] <= 390, bar["bottom"] <= 844) == (True, True, True)
        home.click("#selection .primary")
        assert sums_in(archive_of(home)) == sums([name])
    finally:
        home.touch(is_on=False)


def thumbnails(browser: Browser) -> list[dict[str, int]]:
    """How each thumbnail on the page came: whether it has, and the bytes that crossed the network for it."""
    found: list[dict[str, int]] = browser.run(
        "return performance.getEntriesByType('resource').filter((one) => one.name.includes('/thumbnail'))"
        ".map((one) => ({isLoaded: one.responseEnd > 0, bytes: one.transferSize}))"
    )
    return found


def public_of(site: LiveServer) -> str | None:
    """Where browsers reach the bucket; None where there is none."""
    return site.environ.get("S3_PUBLIC_ENDPOINT")
