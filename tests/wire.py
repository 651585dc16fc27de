"""Servers that answer wrongly on purpose, on loopback."""

import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit


@contextmanager
def broken_off(endpoint: str, after: int) -> Iterator[str]:
    """An endpoint that relays to another, and drops each connection after so many bytes of its answers."""
    target = urlsplit(endpoint)
    listener = socket.create_server(("127.0.0.1", 0))

    def relay(client: socket.socket) -> None:
        with client, socket.create_connection((target.hostname or "", target.port or 80)) as server:
            threading.Thread(target=copy, args=(client, server), daemon=True).start()
            copy(server, client, after)
            for side in (client, server):
                with suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=relay, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def copy(source: socket.socket, target: socket.socket, limit: int | None = None) -> None:
    """Copy bytes from socket to socket, all or as many as the limit."""
    left = limit
    with suppress(OSError):
        while data := source.recv(65536 if left is None else min(65536, left)):
            target.sendall(data)
            if left is not None:
                left -= len(data)
            if left == 0:
                return


@contextmanager
def canned(status: int, body: str, headers: Mapping[str, str] | None = None) -> Iterator[str]:
    """An endpoint that gives the same answer to every request; its Date header is the caller's or the true one."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response_only(status)
            for name, value in {"Date": self.date_time_string(), **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body.encode())

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = answer

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True, slots=True)
class Scripted:
    """One answer: all of `body` is announced, `sent` bytes of it are sent; then the connection `ends` so."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: int | None = None
    ends: Literal["stays", "closes", "resets", "stalls"] = "stays"


@contextmanager
def scripted(*answers: Scripted) -> Iterator[tuple[str, list[Mapping[str, str]]]]:
    """An endpoint that answers each request in turn, the last answer for ever; and the headers of each request."""
    seen: list[Mapping[str, str]] = []
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen.append(dict(self.headers.items()))
            answer = answers[min(len(seen), len(answers)) - 1]
            self.send_response_only(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body[: answer.sent])
            self.close_connection = answer.ends != "stays"
            if answer.ends == "stalls":
                ended.wait()
            if answer.ends == "resets":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
