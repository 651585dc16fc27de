"""A body that breaks off goes on with the bytes of the same object, or ends in an error; never in other bytes."""

import base64
import hashlib
import logging
import os
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

import storage.s3
from config import ChecksumMode, S3Settings
from errors import IntegrityMismatch, StorageError, StorageUnavailable
from storage import s3_streams
from storage.backend import ReadStream
from storage.s3 import S3AppStorageBackend
from storage.s3_streams import ObjectStream
from storage.types import ByteRange, StorageKey
from tests.e2e.killable import KillableS3
from tests.servers import S3Server, own_prefix
from tests.wire import Scripted, scripted

MIB = 1024 * 1024
KEY = StorageKey("upload/x.jpg")
ETAG = {"ETag": '"first"'}
DATA = bytes(range(256)) * 40
LONG = 20.0


@pytest.fixture
def settings() -> S3Settings:
    return S3Server("http://127.0.0.1:9", "photos", 0).settings("home")


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two more attempts, and no waiting."""
    monkeypatch.setattr(s3_streams, "RESUME_PAUSES", (0, 0))


def rest(start: int, stop: int = len(DATA), **more: object) -> Scripted:
    """The right answer to a GET that goes on at `start`."""
    told = f"bytes {start}-{stop - 1}/{len(DATA)}"
    return replace(Scripted(DATA[start:stop], 206, {**ETAG, "Content-Range": told}), **more)  # type: ignore[arg-type]


def cut(sent: int, **more: object) -> Scripted:
    """The whole object, of which only so many bytes come."""
    return replace(Scripted(DATA, 200, ETAG, sent, "closes"), **more)  # type: ignore[arg-type]


def read(settings: S3Settings, endpoint: str, byte_range: ByteRange | None = None) -> bytes:
    with S3AppStorageBackend(replace(settings, endpoint=endpoint)).read_stream(KEY, byte_range) as stream:
        return b"".join(iter(lambda: stream.read(1000), b""))


@pytest.mark.parametrize("ends", ["closes", "resets"])
def test_what_is_missing_is_asked_for_from_the_next_byte_of_the_same_object(settings: S3Settings, ends: str) -> None:
    with scripted(cut(5000, ends=ends), rest(5000)) as (endpoint, seen):
        assert read(settings, endpoint) == DATA
    assert "Range" not in seen[0]
    assert seen[1]["Range"] == f"bytes=5000-{len(DATA) - 1}"
    assert seen[1]["If-Match"] == ETAG["ETag"]


def test_a_range_goes_on_within_itself(settings: S3Settings) -> None:
    with scripted(rest(100, 900, sent=300, ends="closes"), rest(400, 900)) as (endpoint, seen):
        assert read(settings, endpoint, ByteRange(100, 900)) == DATA[100:900]
    assert [one["Range"] for one in seen] == ["bytes=100-899", "bytes=400-899"]


def test_a_range_beyond_the_end_goes_on_to_the_end(settings: S3Settings) -> None:
    with scripted(rest(100, sent=300, ends="closes"), rest(400)) as (endpoint, seen):
        assert read(settings, endpoint, ByteRange(100, 99999)) == DATA[100:]
    assert seen[1]["Range"] == f"bytes=400-{len(DATA) - 1}"


def test_a_body_that_stalls_is_asked_for_anew(settings: S3Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage.s3, "STALL_SECONDS", 0.2)
    with scripted(cut(5000, ends="stalls"), rest(5000)) as (endpoint, _):
        assert read(settings, endpoint) == DATA


@pytest.mark.parametrize(
    "second",
    [
        Scripted(DATA, 200, ETAG),
        replace(rest(5000), headers={"ETag": '"second"', "Content-Range": f"bytes 5000-{len(DATA) - 1}/{len(DATA)}"}),
        replace(rest(5000), headers=ETAG),
        rest(5001),
        rest(4999),
        rest(5000, 6000),
        replace(rest(5000), body=DATA[5001:]),
        Scripted(b"", 412, {}),
        Scripted(b"", 416, {}),
    ],
)
@pytest.mark.usefixtures("soon")
def test_other_bytes_than_those_asked_for_are_an_error(settings: S3Settings, second: Scripted) -> None:
    with scripted(cut(5000), second) as (endpoint, seen):
        backend = S3AppStorageBackend(replace(settings, endpoint=endpoint))
        with backend.read_stream(KEY) as stream:
            assert stream.read(5000) == DATA[:5000]
            with pytest.raises(StorageError) as caught:
                stream.read(1)
    assert not isinstance(caught.value, StorageUnavailable)
    assert len(seen) == 2
    assert backend.open_streams == 0


@pytest.mark.usefixtures("soon")
def test_without_an_etag_nobody_can_go_on(settings: S3Settings) -> None:
    with scripted(cut(5000, headers={}), rest(5000)) as (endpoint, seen), pytest.raises(StorageError, match="ETag"):
        read(settings, endpoint)
    assert len(seen) == 1


@pytest.mark.parametrize(
    "no_progress",
    [rest(5000, sent=0, ends="closes"), rest(5000, sent=0, ends="resets"), Scripted(b"", 503), Scripted(b"", 500)],
)
@pytest.mark.usefixtures("soon")
def test_attempts_without_progress_are_counted(settings: S3Settings, no_progress: Scripted) -> None:
    with scripted(cut(5000), no_progress) as (endpoint, seen), pytest.raises(StorageUnavailable):
        read(settings, endpoint)
    assert len(seen) == 1 + 2


@pytest.mark.usefixtures("soon")
def test_progress_begins_the_count_anew(settings: S3Settings) -> None:
    crumbs = [rest(start, sent=100, ends="closes") for start in range(5000, 6000, 100)]
    with scripted(cut(5000), *crumbs, rest(6000)) as (endpoint, seen):
        assert read(settings, endpoint) == DATA
    assert len(seen) == 12


def test_all_pauses_together_are_about_15_seconds() -> None:
    assert 14 <= sum(s3_streams.RESUME_PAUSES) <= 16
    assert list(s3_streams.RESUME_PAUSES) == sorted(s3_streams.RESUME_PAUSES)


@pytest.mark.usefixtures("soon")
def test_a_body_that_ends_early_without_an_error_is_noticed() -> None:
    wanted = []

    def reopen(byte_range: ByteRange) -> BytesIO:
        wanted.append(byte_range)
        return BytesIO(DATA[byte_range.start : byte_range.start + 10])

    stream = ObjectStream(BytesIO(DATA[:10]), 0, 25, reopen, nullcontext, lambda: None)
    assert stream.read() == DATA[:25]
    assert wanted == [ByteRange(10, 25), ByteRange(20, 25)]
    lost = ObjectStream(BytesIO(DATA[:10]), 0, 25, lambda _: BytesIO(b""), nullcontext, lambda: None)
    with pytest.raises(StorageUnavailable, match="15 bytes early"):
        lost.read()


def no_more(rest: ByteRange) -> BytesIO:
    raise AssertionError(f"asked for {rest}")


@pytest.mark.parametrize("size", [1000, s3_streams.PIECE_SIZE, 2 * MIB + 1, 9 * MIB])
def test_a_read_gives_as_much_as_was_asked_for_and_never_more_than_there_is(size: int) -> None:
    data = os.urandom(2 * MIB + 7)
    stream = ObjectStream(BytesIO(data + b"beyond"), 5, 5 + len(data), no_more, nullcontext, lambda: None)
    assert stream.read(0) == b""
    pieces = list(iter(lambda: stream.read(size), b""))
    assert [len(piece) for piece in pieces[:-1]] == [size] * (len(data) // size)
    assert b"".join(pieces) == data


@pytest.mark.parametrize("size", [-1, 1000, len(DATA)])
def test_a_checksum_of_the_store_is_compared_before_the_last_bytes_are_given(settings: S3Settings, size: int) -> None:
    right = base64.b64encode(zlib.crc32(DATA).to_bytes(4, "big")).decode()
    wrong = base64.b64encode(zlib.crc32(DATA[1:]).to_bytes(4, "big")).decode()
    answers = [Scripted(DATA, 200, {**ETAG, "x-amz-checksum-crc32": checksum}) for checksum in (right, wrong)]
    with scripted(*answers) as (endpoint, _):
        backend = S3AppStorageBackend(replace(settings, endpoint=endpoint, checksums=ChecksumMode.WHEN_SUPPORTED))
        pieces = -(-len(DATA) // size) if size > 0 else 1
        with backend.read_stream(KEY) as stream:
            assert b"".join([stream.read(size) for _ in range(pieces)]) == DATA
        with backend.read_stream(KEY) as stream:
            assert all(stream.read(size) for _ in range(pieces - 1))
            with pytest.raises(IntegrityMismatch):
                stream.read(size)


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[BaseException]]:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - it is what is looked at
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


def test_closing_ends_the_pause_of_a_reader(settings: S3Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_streams, "RESUME_PAUSES", (0, 60))
    with scripted(cut(5000), Scripted(b"", 503)) as (endpoint, seen):
        backend = S3AppStorageBackend(replace(settings, endpoint=endpoint))
        stream = backend.read_stream(KEY)
        thread, errors = in_thread(stream.read)
        while len(seen) < 2:
            time.sleep(0.001)
        time.sleep(0.1)
        begun = time.monotonic()
        stream.close()
        thread.join(LONG)
    assert time.monotonic() - begun < 1
    assert [type(error) for error in errors] == [ValueError]
    assert backend.open_streams == 0


def test_closing_ends_the_wait_of_a_reader_for_bytes(settings: S3Settings) -> None:
    with scripted(cut(5000, ends="stalls"), rest(5000)) as (endpoint, seen):
        backend = S3AppStorageBackend(replace(settings, endpoint=endpoint))
        stream = backend.read_stream(KEY)
        thread, errors = in_thread(stream.read)
        time.sleep(0.2)
        begun = time.monotonic()
        stream.close()
        stream.close()
        thread.join(LONG)
        assert time.monotonic() - begun < 1
        assert [type(error) for error in errors] == [ValueError]
        assert len(seen) == 1
    assert backend.open_streams == 0


@pytest.mark.usefixtures("soon")
def test_a_stream_closed_while_it_is_opened_anew_reads_no_more() -> None:
    second = BytesIO(DATA)
    closed: list[bool] = []

    def reopen(_: ByteRange) -> BytesIO:
        stream.close()
        assert closed == []  # a connection is still being made
        return second

    stream = ObjectStream(BytesIO(), 0, 10, reopen, nullcontext, lambda: closed.append(True))
    with pytest.raises(ValueError, match="closed"):
        stream.read()
    assert (second.closed, closed) == (True, [True])


def test_a_closed_stream_gives_no_bytes(settings: S3Settings) -> None:
    with scripted(Scripted(DATA, 200, ETAG)) as (endpoint, _):
        stream = S3AppStorageBackend(replace(settings, endpoint=endpoint)).read_stream(KEY)
        stream.close()
        with pytest.raises(ValueError, match="closed"):
            stream.read(1)


def test_more_streams_than_connections_make_no_noise(settings: S3Settings, caplog: pytest.LogCaptureFixture) -> None:
    with scripted(Scripted(DATA, 200, ETAG)) as (endpoint, seen), caplog.at_level(logging.DEBUG, "urllib3"):
        backend = S3AppStorageBackend(replace(settings, endpoint=endpoint, connections=2))
        streams = [backend.read_stream(KEY) for _ in range(5)]
        assert [stream.read() for stream in streams] == [DATA] * 5
        assert len(seen) == 5
        for stream in streams:
            stream.close()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.servers
def test_a_store_that_is_killed_and_comes_back_is_not_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A busy machine starts the server more slowly than a real one comes back.
    monkeypatch.setattr(s3_streams, "RESUME_PAUSES", (*s3_streams.RESUME_PAUSES, 8, 8, 8))
    data = os.urandom(40 * MIB)
    with KillableS3.running(tmp_path) as s3:
        backend = S3AppStorageBackend(s3.server.settings(own_prefix()))
        (tmp_path / "file").write_bytes(data)
        backend.upload_file(tmp_path / "file", KEY)
        with backend.read_stream(KEY, ByteRange(1)) as stream, ThreadPoolExecutor(1) as pool:
            pieces = [stream.read(MIB)]
            s3.kill()
            rest = pool.submit(lambda: list(iter(lambda: stream.read(100_000), b"")))
            s3.restart()
            pieces += rest.result(60)
        assert hashlib.sha256(b"".join(pieces)).digest() == hashlib.sha256(data[1:]).digest()
        assert backend.open_streams == 0


@pytest.mark.servers
def test_a_connection_is_used_again_after_a_body_read_to_its_end_and_dropped_after_any_other(
    s3_server: S3Server, caplog: pytest.LogCaptureFixture
) -> None:
    backend = S3AppStorageBackend(s3_server.settings(own_prefix()))
    backend.put_object(KEY, os.urandom(4 * MIB))

    def opened(read: Callable[[ReadStream], object]) -> int:
        """Connections that the second of two reads opens."""
        for _ in range(2):
            caplog.clear()
            with caplog.at_level(logging.DEBUG, "urllib3"), backend.read_stream(KEY) as stream:
                read(stream)
        return sum("Starting new" in record.message for record in caplog.records)

    assert opened(lambda stream: stream.read()) == 0
    assert opened(lambda stream: [stream.read(MIB) for _ in range(4)]) == 0
    assert opened(lambda stream: stream.read(MIB)) == 1
