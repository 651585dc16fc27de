"""An HTTP relay before a store, which keeps what the store is asked, word for word, and over which connection."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

# What belongs to one connection and is not passed on.
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "expect"})
_COPY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came in: its first line, its headers, and the port from which it came."""

    line: str
    headers: list[tuple[str, str]]
    port: int

    @property
    def method(self) -> str:
        return self.line.partition(" ")[0]

    def header(self, name: str) -> str | None:
        return next((value for known, value in self.headers if known.lower() == name.lower()), None)

    def text(self) -> str:
        return "\n".join([self.line, *(f"{name}: {value}" for name, value in self.headers)])


@dataclass(frozen=True, slots=True)
class Relay:
    """A running relay; `seen` is the log of all requests."""

    port: int
    seen: list[Seen] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.at("127.0.0.1")

    def at(self, host: str) -> str:
        """Its address under another name for this machine."""
        return f"http://{host}:{self.port}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are none of its business."""


@contextmanager
def relaying(endpoint: str) -> Iterator[Relay]:
    """A relay to the store at `endpoint`; nothing of it is left afterwards."""

    class Handler(_Handler):
        target = urlsplit(endpoint).netloc
        seen: list[Seen] = []

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield Relay(server.server_address[1], Handler.seen)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """One connection, with one of its own to the store."""

    target: str
    seen: list[Seen]
    raw_requestline: bytes
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.store = HTTPConnection(self.target, timeout=60)

    def finish(self) -> None:
        self.store.close()
        with suppress(OSError):
            super().finish()

    def pass_on(self) -> None:
        line = self.raw_requestline.decode("latin-1").rstrip("\r\n")
        self.seen.append(Seen(line, self.headers.items(), self.client_address[1]))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        # The host stays as it was asked for: it is part of what is signed.
        self.store.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in _passed(self.headers.items()):
            self.store.putheader(name, value)
        self.store.endheaders(body or None)
        try:
            response = self.store.getresponse()
        except (OSError, HTTPException):
            self.close_connection = True
            return
        with response:
            self.answer(response)

    def answer(self, response: HTTPResponse) -> None:
        self.send_response_only(response.status, response.reason)
        for name, value in _passed(response.getheaders()):
            self.send_header(name, value)
        if response.chunked:
            data = response.read()
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            return
        self.end_headers()
        shutil.copyfileobj(response, self.wfile, _COPY_BYTES)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


def _passed(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP]
