"""Clients that ask for bytes and then do not behave: they stop reading, hang up, or are gone without a word."""

import select
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlsplit

from tests.e2e.client import Client, Form

# So little does the kernel take for a client that does not read; the rest waits at the server.
RECEIVE_BUFFER = 16 * 1024
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """A connection that takes little beyond what is read from it."""

    connection: HTTPConnection
    plain: socket.socket
    opened: ExitStack

    def answer(self) -> HTTPResponse:
        """The beginning of the answer; its body waits to be read."""
        return self.opened.enter_context(self.connection.getresponse())

    def is_answered(self) -> bool:
        """Whether anything has come; it is not read."""
        return bool(select.select([self.plain], [], [], 0)[0])

    def hang_up(self) -> None:
        self.opened.close()
        self.plain.close()

    def reset_at_close(self) -> None:
        """From now on closing is no farewell: the other side gets a reset."""
        self.plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    @property
    def port(self) -> int:
        """By which the server knows the connection."""
        port: int = self.plain.getsockname()[1]
        return port


@contextmanager
def line_to(client: Client) -> Iterator[Line]:
    """A connection, nothing asked yet; at the end it is hung up, whatever has been read."""
    at = urlsplit(client.url)
    with socket.socket() as plain, ExitStack() as opened:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        plain.settimeout(120)
        plain.connect((at.hostname, at.port))
        connection = client.connection()
        connection.sock = plain
        yield Line(connection, plain, opened)


@contextmanager
def asked(
    client: Client, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = {}
) -> Iterator[Line]:
    """A connection with a request sent."""
    with line_to(client) as line:
        line.connection.request(method, path, body, {"x-api-key": client.key, **headers})
        yield line


@contextmanager
def upload_begun(client: Client) -> Iterator[Line]:
    """An upload of which the beginning has arrived and the rest does not come."""
    form = Form("begun.jpg")
    with line_to(client) as line:
        line.connection.putrequest("POST", "/api/assets")
        for header, value in {"x-api-key": client.key, **form.headers, "Content-Length": str(MIB)}.items():
            line.connection.putheader(header, value)
        line.connection.endheaders(form.head + bytes(300_000))
        yield line


def every_thread_is_free(client: Client, threads: int) -> None:
    """All threads but one are kept busy by uploads that stop in mid-body; the last one answers."""
    with ExitStack() as uploads:
        for _ in range(threads - 1):
            uploads.enter_context(upload_begun(client))
        begun = time.monotonic()
        assert client.get("/api/server/ping").status == 200
        assert time.monotonic() - begun < 2
