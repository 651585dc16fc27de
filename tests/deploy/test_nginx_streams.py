"""Large bodies through nginx: neither spooled nor held, in either direction."""

import hashlib
import http.client
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.deploy.sites import Site
from tests.deploy.stubs import MIB, Answer, answering, send_head
from tests.nginx import Nginx

pytestmark = pytest.mark.servers


@dataclass(slots=True)
class Progress:
    """How far a server came with a body, and when the client's end of it was gone."""

    sent: int = 0
    lost_at: float | None = None


def streaming(size: int, progress: Progress) -> Answer:
    piece = bytes(MIB)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        send_head(handler, 200, size, {})
        while progress.sent < size:
            try:
                handler.wfile.write(piece)
            except OSError:
                progress.lost_at = time.monotonic()
                raise
            progress.sent += len(piece)

    return answer


@contextmanager
def download(url: str) -> Iterator[http.client.HTTPResponse]:
    at = urlsplit(url)
    assert at.hostname
    with closing(http.client.HTTPConnection(at.hostname, at.port, timeout=20)) as connection:
        connection.request("GET", "/api/assets/1/original")
        with connection.getresponse() as answer:
            yield answer


def spooled(nginx: Nginx) -> list[Path]:
    folders = (nginx.temporary, nginx.cache)
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("through", ["application", "store"])
def test_a_large_body_waits_for_its_client_instead_of_lying_on_disk(site: Site, through: str) -> None:
    size, progress = 100 * MIB, Progress()
    server = site.app if through == "application" else site.store
    if through == "store":
        site.send_to_bucket()
    server.answer = streaming(size, progress)
    with download(site.nginx.url) as answer:
        assert len(answer.read(MIB)) == MIB
        time.sleep(0.3)
        # What the sockets hold between the three of us; nginx itself holds 64 KiB.
        assert progress.sent < 32 * MIB
        assert spooled(site.nginx) == []
        left = 0
        while piece := answer.read(MIB):
            left += len(piece)
            assert progress.sent - left < 40 * MIB
    assert left == size - MIB
    assert spooled(site.nginx) == []


@pytest.mark.parametrize("through", ["application", "store"])
def test_a_client_that_goes_away_frees_the_connection_behind_nginx(site: Site, through: str) -> None:
    progress = Progress()
    server = site.app if through == "application" else site.store
    if through == "store":
        site.send_to_bucket()
    server.answer = streaming(1000 * MIB, progress)
    with download(site.nginx.url) as answer:
        answer.read(MIB)
        gone_at = time.monotonic()
    assert eventually(lambda: progress.lost_at is not None, 5)
    assert progress.lost_at is not None
    assert progress.lost_at - gone_at < 2


def receiving(arrived: threading.Event, digests: list[str]) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        left, digest = int(handler.headers["Content-Length"]), hashlib.sha1()
        while left:
            piece = handler.rfile.read1(min(left, MIB))
            arrived.set()
            digest.update(piece)
            left -= len(piece)
        digests.append(digest.hexdigest())
        answering(b"{}", 201)(handler)

    return answer


@contextmanager
def upload(nginx: Nginx, size: int) -> Iterator[socket.socket]:
    """A connection on which the head of an upload is sent."""
    at = urlsplit(nginx.url)
    with socket.create_connection((at.hostname or "", at.port or 80), timeout=20) as client:
        client.sendall(f"POST /api/assets HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode())
        yield client


def test_an_upload_is_passed_on_as_it_comes(site: Site) -> None:
    body, arrived, digests = os.urandom(50 * MIB), threading.Event(), list[str]()
    site.app.answer = receiving(arrived, digests)
    with upload(site.nginx, len(body)) as client:
        client.sendall(body[:MIB])
        assert arrived.wait(5)
        client.sendall(body[MIB:])
        assert client.recv(100).startswith(b"HTTP/1.1 201 ")
    assert digests == [hashlib.sha1(body).hexdigest()]
    assert spooled(site.nginx) == []


def test_an_answer_before_the_end_of_an_upload_comes_through(site: Site) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        answering(b"duplicate")(handler)
        handler.wfile.flush()
        handler.rfile.read(int(handler.headers["Content-Length"]))

    site.app.answer = answer
    with upload(site.nginx, 20 * MIB) as client:
        client.sendall(bytes(MIB))
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")


def eventually(condition: Callable[[], bool], within: float) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
