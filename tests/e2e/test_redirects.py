"""Downloads that clients fetch from the bucket: what a signed URL is good for, and that no credential goes along."""

import asyncio
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from http.cookiejar import CookieJar
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

import aiohttp
import pytest
import requests

import storage.s3
from config import load_settings
from storage.backend import HttpMethod
from tests.e2e import photos
from tests.e2e.client import Answer, Client
from tests.e2e.installations import Inside, inside, on_s3
from tests.e2e.relay import Relay, Seen, relaying
from tests.live import live_server, new_admin_key
from tests.servers import S3Server

pytestmark = pytest.mark.servers

DATA = photos.small_jpeg(1, 100_000)
LOGIN = {"email": "admin@example.com", "password": "correct horse"}
JSON = {"Content-Type": "application/json"}
# What may tell the bucket's log who somebody is, or where they come from.
TELLING = ("authorization", "cookie", "referer", "x-api-key", "x-immich-user-token", "x-immich-session-token")


@dataclass(frozen=True, slots=True)
class Home:
    """A server at 127.0.0.1 whose bucket clients reach through a relay at `localhost`, and a photo in it."""

    client: Client
    inside: Inside
    relay: Relay
    token: str
    asset_id: str
    path: str

    @property
    def original(self) -> str:
        return f"{self.client.url}/api/assets/{self.asset_id}/original"

    def location(self) -> str:
        """Where a download by a key in the query is sent."""
        answer = plainly("GET", f"{self.original}?apiKey={self.client.key}")
        assert answer.status == 302
        return answer.headers["Location"]


@pytest.fixture(scope="module")
def home(s3_server: S3Server) -> Iterator[Home]:
    with relaying(s3_server.endpoint) as relay:
        public = {"S3_PUBLIC_ENDPOINT": relay.at("localhost"), "DELIVERY_REDIRECT_BYTES": "1000"}
        with live_server(on_s3(s3_server, "redirects") | public, workers=0) as server, inside(server) as within:
            client = Client(server.url, new_admin_key(server))
            token = client.send("POST", "/api/auth/login", LOGIN).json["accessToken"]
            asset_id = client.upload("Été #1 + 'é'.jpg", DATA).json["id"]
            [path] = within.named_paths()
            yield Home(client, within, relay, token, asset_id, path)


# --- What a signed URL is good for ---------------------------------------------------------------------


def test_a_signed_url_gives_what_this_server_would_have_given(home: Home) -> None:
    sent, here = plainly("GET", home.location()), home.client.get(urlsplit(home.original).path)
    assert (sent.status, sent.body) == (200, DATA)
    assert here.body == DATA
    for name in ("Content-Type", "Content-Disposition", "Content-Length"):
        assert sent.headers[name] == here.headers[name]
    assert sent.headers["Cache-Control"].startswith("private, max-age=")


def test_a_signed_url_gives_ranges(home: Home) -> None:
    sent = plainly("GET", home.location(), {"Range": "bytes=10-19"})
    assert (sent.status, sent.body, sent.headers["Content-Range"]) == (206, DATA[10:20], f"bytes 10-19/{len(DATA)}")


def test_a_signed_url_lives_as_long_as_the_settings_say_and_half_of_that_at_least(home: Home) -> None:
    query = parse_qs(urlsplit(home.location()).query)
    signed_at = time.mktime(time.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ")) - time.timezone
    lifetime = home.inside.settings.delivery.url_seconds
    assert int(query["X-Amz-Expires"][0]) == lifetime
    assert lifetime / 2 - 5 < signed_at + lifetime - time.time() <= lifetime


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
        ("X-Amz-Expires=21600", "X-Amz-Expires=43200"),
        ("image%2Fjpeg", "text%2Fhtml"),
        ("/upload/", "/thumbs/"),
        ("redirects/", ""),
    ],
)
def test_a_signed_url_that_was_changed_is_refused(home: Home, old: str, new: str) -> None:
    location = home.location()
    assert old in location
    assert plainly("GET", location.replace(old, new, 1)).status == 403


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE"])
def test_a_url_signed_for_reading_is_good_for_nothing_else(home: Home, method: str) -> None:
    assert plainly(method, home.location()).status == 403
    assert plainly("GET", home.location()).body == DATA


def test_a_url_signed_for_head_gives_no_bytes(home: Home) -> None:
    url = signed(home, "HEAD")
    head = plainly("HEAD", url)
    assert (head.status, head.headers["Content-Length"]) == (200, str(len(DATA)))
    assert plainly("GET", url).status == 403


def test_a_signed_url_expires(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert plainly("GET", signed(home, "GET")).status == 200
    monkeypatch.setattr(storage.s3, "time", lambda: time.time() - 7200)
    assert plainly("GET", signed(home, "GET")).status == 403


def signed(home: Home, method: HttpMethod) -> str:
    """The URL that the server would give for an hour."""
    url = home.inside.storage.presign(home.path, method=method, lifetime=3600)
    assert url is not None
    return url.url


def plainly(method: str, url: str, headers: Mapping[str, str] = {}) -> Answer:
    """The answer to one request by somebody who brings nothing along and follows nothing."""
    at = urlsplit(url)
    connection = HTTPConnection(at.hostname or "", at.port, timeout=60)
    try:
        connection.request(method, f"{at.path}?{at.query}", headers=dict(headers))
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


# --- What goes along -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fetch:
    """What a client is told: headers and query of the request, and where to sign in before, if at all."""

    url: str
    headers: Mapping[str, str]
    sign_in_at: str | None


Fetcher = Callable[[Fetch], bytes]


def by_curl(fetch: Fetch) -> bytes:
    command = ["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--location"]
    for name, value in fetch.headers.items():
        command += ["--header", f"{name}: {value}"]
    with TemporaryDirectory() as folder:
        jar = ["--cookie", f"{folder}/jar", "--cookie-jar", f"{folder}/jar"]
        if fetch.sign_in_at:
            signing_in = [*command, *jar, "--header", "Content-Type: application/json", "--data", json.dumps(LOGIN)]
            subprocess.run([*signing_in, fetch.sign_in_at], check=True, capture_output=True, timeout=60)
            assert "immich_access_token" in Path(folder, "jar").read_text()
        return subprocess.run([*command, *jar, fetch.url], check=True, capture_output=True, timeout=60).stdout


def by_urllib(fetch: Fetch) -> bytes:
    opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(CookieJar()))
    if fetch.sign_in_at:
        with opener.open(Request(fetch.sign_in_at, json.dumps(LOGIN).encode(), JSON), timeout=60):
            pass
    with opener.open(Request(fetch.url, headers=dict(fetch.headers)), timeout=60) as answer:
        data: bytes = answer.read()
        return data


def by_requests(fetch: Fetch) -> bytes:
    with requests.Session() as session:
        session.trust_env = False
        if fetch.sign_in_at:
            session.post(fetch.sign_in_at, json=LOGIN, timeout=60).raise_for_status()
        answer = session.get(fetch.url, headers=dict(fetch.headers), timeout=60)
        answer.raise_for_status()
        data: bytes = answer.content
        return data


def by_aiohttp(fetch: Fetch) -> bytes:
    async def run() -> bytes:
        # Cookies of hosts that are named by their address are kept only by such a jar.
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar, raise_for_status=True) as session:
            if fetch.sign_in_at:
                await session.post(fetch.sign_in_at, json=LOGIN)
            async with session.get(fetch.url, headers=fetch.headers) as answer:
                return await answer.read()

    return asyncio.run(run())


FETCHERS = (by_curl, by_urllib, by_requests, by_aiohttp)


@pytest.mark.parametrize("fetcher", FETCHERS)
@pytest.mark.parametrize("header", ["x-api-key", "Authorization", "x-immich-user-token", "x-immich-session-token"])
def test_who_signs_in_by_a_header_is_never_sent_away(home: Home, fetcher: Fetcher, header: str) -> None:
    value = {"x-api-key": home.client.key, "Authorization": f"Bearer {home.token}"}.get(header, home.token)
    seen = sent_away(home, fetcher, Fetch(home.original, {header: value}, None))
    assert seen == []


@pytest.mark.parametrize("fetcher", FETCHERS)
def test_cookies_stay_here(home: Home, fetcher: Fetcher) -> None:
    seen = sent_away(home, fetcher, Fetch(home.original, {}, f"{home.client.url}/api/auth/login"))
    assert len(seen) == 1


@pytest.mark.parametrize("fetcher", FETCHERS)
@pytest.mark.parametrize("name", ["apiKey", "sessionKey"])
def test_keys_in_the_query_stay_here(home: Home, fetcher: Fetcher, name: str) -> None:
    value = home.client.key if name == "apiKey" else home.token
    seen = sent_away(home, fetcher, Fetch(f"{home.original}?{urlencode({name: value})}", {}, None))
    assert len(seen) == 1


@pytest.mark.parametrize("fetcher", FETCHERS)
def test_cookies_never_go_to_another_port_of_this_host(home: Home, fetcher: Fetcher) -> None:
    here = home.original.replace("127.0.0.1", "localhost")
    sign_in_at = f"{home.client.url}/api/auth/login".replace("127.0.0.1", "localhost")
    assert sent_away(home, fetcher, Fetch(here, {}, sign_in_at)) == []
    # Without a cookie nothing could go along.
    assert len(sent_away(home, fetcher, Fetch(f"{here}?apiKey={home.client.key}", {}, None))) == 1


def test_a_redirect_tells_browsers_not_to_say_where_they_come_from(home: Home) -> None:
    answer = plainly("GET", f"{home.original}?apiKey={home.client.key}")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Cookie" in answer.headers["Vary"]


def sent_away(home: Home, fetcher: Fetcher, fetch: Fetch) -> list[Seen]:
    """What the bucket's log holds of a download that succeeds: nothing that tells who it was for."""
    before = len(home.relay.seen)
    assert fetcher(fetch) == DATA
    seen = home.relay.seen[before:]
    for one in seen:
        assert not {name.lower() for name, _ in one.headers} & set(TELLING), one.text()
        for secret in (home.client.key, home.token, "immich_access_token", "apiKey", "sessionKey"):
            assert secret not in one.text()
    return seen


# --- Where clients cannot reach the bucket -------------------------------------------------------------


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:8333", "http://localhost:8333", "http://[::1]:8333", "http://minio:9000"]
)
def test_a_bucket_on_loopback_is_no_place_to_send_clients_to(endpoint: str) -> None:
    settings = load_settings({"S3_BUCKET": "photos", "S3_ENDPOINT": endpoint})
    assert settings.s3 is not None
    assert not settings.s3.is_public


def test_a_bucket_that_clients_do_not_reach_sends_nobody_away(s3_server: S3Server) -> None:
    settings = on_s3(s3_server, "unreached") | {"DELIVERY_REDIRECT_BYTES": "0", "DELIVERY_MODE": "redirect"}
    with live_server(settings, workers=0) as server:
        client = Client(server.url, new_admin_key(server))
        asset_id = client.upload("a.jpg", DATA).json["id"]
        answer = plainly("GET", f"{server.url}/api/assets/{asset_id}/original?apiKey={client.key}")
        assert (answer.status, answer.body) == (200, DATA)
