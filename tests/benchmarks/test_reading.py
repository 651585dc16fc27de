"""The client that reads for the benchmarks: it counts what comes, and notices what should not have come."""

from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler

import pytest

from benchmarks.reading import Download, check, read, read_at_once
from tests.deploy.stubs import Stub, answering, stub

pytestmark = pytest.mark.servers

# More than one read of the client takes.
BODY = bytes(3_000_000)


@pytest.fixture
def server() -> Iterator[Stub]:
    with stub() as one:
        one.answer = answering(BODY)
        yield one


def in_chunks(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response_only(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"2dc6c0\r\n" + BODY + b"\r\n0\r\n\r\n")


def test_the_bytes_of_the_body_are_counted(server: Stub) -> None:
    assert read(Download(f"{server.url}/a?b=c", len(BODY), {"x-api-key": "key"})) == len(BODY)
    [asked] = server.asked
    assert asked.line == "GET /a?b=c HTTP/1.1"
    assert asked.headers["x-api-key"] == "key"


def test_every_client_reads_as_often_as_it_is_told(server: Stub) -> None:
    assert read_at_once(Download(server.url + "/", len(BODY)), lanes=3, times=2) == 6 * len(BODY)
    assert len(server.asked) == 6


def test_a_request_with_a_body_is_a_post(server: Stub) -> None:
    read(Download(f"{server.url}/zip", len(BODY), body=b"{}"))
    [asked] = server.asked
    assert asked.line == "POST /zip HTTP/1.1"
    assert asked.headers["Content-Length"] == "2"


def test_the_framing_of_a_chunked_answer_counts(server: Stub) -> None:
    server.answer = in_chunks
    assert read(Download(server.url + "/", len(BODY))) == len(BODY) + len(b"2dc6c0\r\n\r\n0\r\n\r\n")


@pytest.mark.parametrize("expected", [len(BODY) - 1, len(BODY) + 1])
def test_an_answer_of_another_size_is_an_error(server: Stub, expected: int) -> None:
    with pytest.raises(AssertionError, match="bytes of"):
        read(Download(server.url + "/", expected))


def test_an_answer_other_than_200_is_an_error(server: Stub) -> None:
    server.answer = answering(BODY, 206)
    with pytest.raises(AssertionError, match="206"):
        read(Download(server.url + "/", len(BODY)))


def test_other_bytes_of_the_same_size_are_an_error(server: Stub) -> None:
    download = Download(server.url + "/", len(BODY))
    check(download, sha256(BODY).digest())
    with pytest.raises(AssertionError, match="other bytes"):
        check(download, sha256(b"other").digest())
