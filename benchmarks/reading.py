"""A client that reads answers as fast as the kernel hands them over."""

import hashlib
import re
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

BLOCK = 1 << 20
PATIENCE = 120


@dataclass(frozen=True, slots=True)
class Download:
    """A request, a POST where it has a body, whose answer has `size` bytes."""

    url: str
    size: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


def read(download: Download) -> int:
    """How many bytes the answer has, all of them read on a connection of its own and thrown away.

    The framing of a chunked answer counts. Raises AssertionError where the answer is no 200, or
    another one than was to be expected by its size.
    """
    at = urlsplit(download.url)
    with socket.create_connection((at.hostname or "", at.port or 80), timeout=PATIENCE) as connection:
        connection.sendall(_request(download))
        buffer = memoryview(bytearray(BLOCK))
        head, size = _head(connection, buffer)
        while count := connection.recv_into(buffer):
            size += count
    assert re.match(rb"HTTP/1\.[01] 200 ", head), head
    is_chunked = re.search(rb"\r\ntransfer-encoding: chunked\r\n", head, re.IGNORECASE) is not None
    assert size > download.size if is_chunked else size == download.size, f"{size} bytes of {download.size}"
    return size


def read_at_once(download: Download, *, lanes: int = 1, times: int = 1) -> int:
    """The sum over so many clients at once, each of which reads the answer so often."""

    def take_all(lane: int) -> int:
        return sum(read(download) for _ in range(times))

    with ThreadPoolExecutor(lanes) as pool:
        return sum(pool.map(take_all, range(lanes)))


def whole(download: Download) -> bytes:
    """The body of the answer, for a check of its bytes."""
    request = Request(download.url, download.body, dict(download.headers))
    with urlopen(request, timeout=PATIENCE) as answer:
        body: bytes = answer.read()
    return body


def check(download: Download, sha256: bytes) -> None:
    """Nobody is measured at sending something else."""
    assert hashlib.sha256(whole(download)).digest() == sha256, f"{urlsplit(download.url).path} has other bytes"


def _request(download: Download) -> bytes:
    at = urlsplit(download.url)
    target = f"{at.path}?{at.query}" if at.query else at.path
    headers = {"Host": at.netloc, "Connection": "close", **download.headers}
    body = download.body or b""
    if download.body is not None:
        headers["Content-Length"] = str(len(body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    method = "GET" if download.body is None else "POST"
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + body


def _head(connection: socket.socket, buffer: memoryview) -> tuple[bytes, int]:
    """The head of the answer, up to and with its empty line, and how many bytes of the body came with it."""
    received = 0
    while count := connection.recv_into(buffer[received:]):
        received += count
        end = bytes(buffer[:received]).find(b"\r\n\r\n")
        if end >= 0:
            return bytes(buffer[: end + 4]), received - end - 4
    raise AssertionError(f"no answer but {bytes(buffer[:received])!r}")
