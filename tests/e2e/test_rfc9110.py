"""RFC 9110 on the wire: the table of cases and thousands of random requests, by every way that bytes take."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha1
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.client import DATE, Client
from tests.e2e.installations import on_s3
from tests.live import live_server, new_admin_key
from tests.nginx import nginx_in_front
from tests.rfc9110.cases import CASES, CONTENT
from tests.rfc9110.checker import STRICT, Dialect, faults
from tests.rfc9110.messages import Representation, Request, Response
from tests.rfc9110.model import answer_to
from tests.rfc9110.random_requests import generated
from tests.servers import S3Server, own_prefix

pytestmark = pytest.mark.servers

GENERATED = 10_000
DIGEST = sha1(CONTENT, usedforsecurity=False).hexdigest()
FILE = Representation(CONTENT, DIGEST, datetime.fromisoformat(DATE).astimezone(UTC), "image/jpeg")
# The store compares nothing of ours and has validators of its own; it gets plain requests only.
OF_THE_STORE = Dialect(free_fields=frozenset({"accept-ranges", "cache-control", "etag", "last-modified"}))
# nginx says nothing of ranges where it sends one.
OF_NGINX = Dialect(free_fields=frozenset({"accept-ranges"}))


@dataclass(frozen=True, slots=True)
class Way:
    """A way to the file: where to ask, as whom, and how many requests went on to the store."""

    origin: str
    path: str
    headers: dict[str, str]
    dialect: Dialect = STRICT
    takes_two_lines: bool = True
    connections: dict[str, HTTPConnection] = field(default_factory=dict)
    redirected: list[str] = field(default_factory=list)

    def answers(self, request: Request) -> tuple[Response, Dialect]:
        """The answer to a request, after a redirect where there is one, as a client follows it."""
        response = self._ask(self.origin, self.path, request, self.headers)
        if response.status != 302:
            return response, self.dialect
        [location] = response.values("Location")
        self.redirected.append(location)
        target = urlsplit(location)
        return self._ask(target.netloc, f"{target.path}?{target.query}", request, {}), OF_THE_STORE

    def _ask(self, origin: str, path: str, request: Request, headers: dict[str, str]) -> Response:
        connection = self.connections.get(origin)
        if connection is None:
            connection = self.connections[origin] = HTTPConnection(origin, timeout=60)
        connection.putrequest(request.method, path, skip_accept_encoding=True)
        for name, value in (*request.headers, *headers.items()):
            connection.putheader(name, value)
        connection.endheaders()
        with connection.getresponse() as answer:
            return Response(answer.status, tuple(answer.getheaders()), answer.read())


@pytest.fixture(params=["local", "s3 proxy", "s3 redirect", "nginx local", "nginx s3"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Way]:
    settings: dict[str, str] = {}
    store: S3Server | None = None
    if "s3" in request.param:
        store = request.getfixturevalue("s3_server")
        settings |= on_s3(store, own_prefix())
    if "redirect" in request.param:
        # By another name than the server's, as cookies and we see it.
        public = settings["S3_ENDPOINT"].replace("127.0.0.1", "localhost")
        settings |= {"S3_PUBLIC_ENDPOINT": public, "DELIVERY_MODE": "redirect"}
    if "nginx" in request.param:
        settings |= {"DELIVERY_ACCEL": "true", "IMMICH_TRUSTED_PROXIES": "127.0.0.1"}
    with ExitStack() as stack:
        server = stack.enter_context(live_server(settings, workers=0))
        key = new_admin_key(server)
        asset_id = Client(server.url, key).upload("file.jpg", CONTENT).json["id"]
        url, path, headers, dialect = server.url, f"/api/assets/{asset_id}/original", {"x-api-key": key}, STRICT
        if "nginx" in request.param:
            endpoint = None if store is None else store.endpoint
            front = nginx_in_front(server.url, media_location=server.media_location, bucket_endpoint=endpoint)
            url, dialect = stack.enter_context(front).url, OF_NGINX
        if "redirect" in request.param:
            # Whoever signs in by header is not redirected.
            path, headers = f"{path}?apiKey={key}", {}
        found = Way(urlsplit(url).netloc, path, headers, dialect, takes_two_lines="nginx" not in request.param)
        yield found
        for connection in found.connections.values():
            connection.close()


def test_every_way_is_by_the_letter(way: Way) -> None:
    wrong: list[tuple[object, str]] = []
    for case in CASES:
        if not way.takes_two_lines and len({name for name, _ in case.headers}) < len(case.headers):
            continue
        request = case.request(FILE)
        response, dialect = way.answers(request)
        wrong += [(case.name, fault) for fault in faults(request, response, case.expected(FILE), FILE, dialect)]
    for request in generated(len(way.path), GENERATED, FILE):
        response, dialect = way.answers(request)
        wrong += [(request, fault) for fault in faults(request, response, answer_to(request, FILE), FILE, dialect)]
        assert len(wrong) < 20, wrong
    assert not wrong
    assert bool(way.redirected) == ("apiKey" in way.path)
