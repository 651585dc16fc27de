"""HTTP servers on loopback that keep every request as it came in and answer as a test wants."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any
from urllib.parse import urlsplit

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its first line without the line end, its headers, and the peer's port."""

    line: str
    headers: dict[str, str]
    port: int


class Stub:
    """A server at `url`; `answer` gets each request's handler, and `asked` keeps the requests in order."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self.answer: Answer = answering(b"")

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc


Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    # 20 connections at once come from one test.
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are what some tests are about."""


@contextmanager
def stub(tls: SSLContext | None = None) -> Iterator[Stub]:
    """A running stub, with TLS where there is a context; nothing of it is left afterwards."""

    class Handler(BaseHTTPRequestHandler):
        raw_requestline: bytes
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def relate(self) -> None:
            line = self.raw_requestline.decode("latin-1").rstrip("\r\n")
            if self.command == "GET":
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
            one.asked.append(Asked(line, dict(self.headers.items()), self.client_address[1]))
            one.answer(self)

        do_GET = do_POST = do_HEAD = relate

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    one = Stub(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield one
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answering(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """The same answer to everything, with no header but these and the length."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        send_head(handler, status, len(body), headers or {})
        handler.wfile.write(body)

    return answer


def holding(body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
    """An object as a store gives it: whole or the range that is asked for."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", handler.headers.get("Range", ""))
        if wanted is None:
            answering(body, 200, headers)(handler)
            return
        first, last = wanted.groups()
        start = int(first) if first else len(body) - int(last)
        stop = int(last) + 1 if first and last else len(body)
        place = {"Content-Range": f"bytes {start}-{stop - 1}/{len(body)}"}
        answering(body[start:stop], 206, {**(headers or {}), **place})(handler)

    return answer


def drop(handler: BaseHTTPRequestHandler) -> None:
    """Hang up without an answer."""
    handler.close_connection = True


def send_head(handler: BaseHTTPRequestHandler, status: int, length: int, headers: Mapping[str, str]) -> None:
    handler.send_response_only(status)
    for name, value in {**headers, "Content-Length": str(length)}.items():
        handler.send_header(name, value)
    handler.end_headers()
