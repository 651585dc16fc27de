"""What the tests of nginx share: an application and a bucket behind it, and what they say."""

import http.client
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from tests.deploy.stubs import Stub, answering
from tests.nginx import Nginx

BODY = b"0123456789"
ETAG, MODIFIED = '"the-true-etag"', "Sat, 03 Jan 2026 10:00:00 GMT"
TRUE = {
    "ETag": ETAG,
    "Last-Modified": MODIFIED,
    "Content-Type": "image/svg+xml",
    "Content-Disposition": "inline; filename*=UTF-8''a%20b.svg",
    "Cache-Control": "private, max-age=86400",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Correlation-ID": "c0ffee00",
    "Vary": "Cookie",
}
ORIGINAL = "/api/assets/1/original?key=hunter2"
# A signed URL as the application hands it over: encoded by us, not to be touched.
OBJECT = "/photos/a%20b%2Bc%25d%23e%3Ff%27g%22h%F0%9F%8F%94%CC%81/%2e%2e/x.jpg?X-Amz-Signature=s1gned&a=%2F%20+&b=;~"
STORES_OWN = {
    "ETag": '"the-stores"',
    "Last-Modified": "Sun, 04 Jan 2026 10:00:00 GMT",
    "Content-Type": "application/xml",
    "Content-Disposition": "attachment",
    "Content-Security-Policy": "block-all-mixed-content",
    "Content-Encoding": "aws-chunked",
    "Cache-Control": "public, max-age=1",
    "Expires": "Sun, 04 Jan 2026 10:00:00 GMT",
    "Vary": "Origin",
    "Set-Cookie": "store=1",
    "Server": "TheStore",
    "Access-Control-Allow-Origin": "*",
    "Strict-Transport-Security": "max-age=1",
    "X-Content-Type-Options": "yes",
    "X-Amz-Request-Id": "1",
    "x-amz-id-2": "2",
    "x-amz-meta-sha1": "ab",
    "x-amz-server-side-encryption": "AES256",
    "x-amz-checksum-crc32": "AAAAAA==",
    "X-Accel-Redirect": "/_accel/disk/secret",
    "X-Accel-Expires": "0",
    "X-Accel-Limit-Rate": "1",
}
CREDENTIALS = {
    "Authorization": "Bearer hunter2",
    "Cookie": "immich_access_token=hunter2",
    "x-api-key": "hunter2",
    "x-immich-user-token": "hunter2",
    "Referer": "https://elsewhere.example/?key=hunter2",
    "User-Agent": "hunter2",
    "X-Forwarded-For": "6.6.6.6",
    "X-Amz-Security-Token": "hunter2",
}


@dataclass(frozen=True, slots=True)
class Got:
    """An answer as the client sees it; `headers` has every line, with names in lower case."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name.lower()]


@dataclass(slots=True)
class Site:
    """nginx before an application and a bucket that do what a test tells them.

    `key_prefix` keeps what one test has nginx keep from the next.
    """

    nginx: Nginx
    app: Stub
    store: Stub
    media: Path
    key_prefix: str = ""

    def get(
        self, headers: Mapping[str, str] | None = None, *, path: str = ORIGINAL, body: bytes | None = None
    ) -> Got:
        return get(self.nginx.url + path, headers, body)

    def send_to(self, place: str, **accel: str) -> None:
        """Have the application send nginx to a place, with the true headers of the object."""
        names = {f"X-Accel-{name.title()}": value for name, value in accel.items()}
        self.app.answer = answering(b"", headers={"X-Accel-Redirect": place, **names, **TRUE})

    def send_to_disk(self, name: str = "picture.svg", body: bytes = BODY) -> None:
        (self.media / name).write_bytes(body)
        self.send_to(f"/_accel/disk/{quote(name)}")

    def send_to_bucket(self, signed: str = OBJECT) -> None:
        self.send_to("/_accel/bucket", object=signed, host=self.store.host)

    def send_to_thumbs(self, key: str | None, signed: str = OBJECT) -> None:
        place = {"object": signed, "host": self.store.host}
        if key is not None:
            place["key"] = f"{self.key_prefix}/{key}"
        self.send_to("/_accel/bucket/thumbs", **place)


def get(url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> Got:
    at = urlsplit(url)
    assert at.hostname
    with closing(http.client.HTTPConnection(at.hostname, at.port or 80, timeout=20)) as connection:
        connection.request("GET", url.removeprefix(f"{at.scheme}://{at.netloc}"), body, dict(headers or {}))
        answer = connection.getresponse()
        lines = [(name.lower(), value) for name, value in answer.getheaders()]
        return Got(answer.status, lines, answer.read())


Send = Callable[[Site], None]
PLACES = [
    pytest.param(Site.send_to_disk, id="disk"),
    pytest.param(Site.send_to_bucket, id="bucket"),
    pytest.param(partial(Site.send_to_thumbs, key="1"), id="thumbs"),
]
