"""Streams in pieces: the promised bytes, or an error before anyone takes others for them."""

from collections.abc import Callable, Iterator
from io import BytesIO

import pytest

from errors import IntegrityMismatch
from storage.chunks import CHUNK_BYTES, exactly, whole

DATA = bytes(range(256)) * (CHUNK_BYTES // 256) + b"the rest"


def received(chunks: Iterator[bytes]) -> bytes:
    """What a client has got when the connection breaks."""
    got = bytearray()
    try:
        for chunk in chunks:
            got += chunk
    except IntegrityMismatch:
        pass
    else:
        raise AssertionError("nothing broke")
    return bytes(got)


@pytest.mark.parametrize("read", [exactly, whole])
def test_all_bytes_come_in_chunks(read: Callable[[BytesIO, int], Iterator[bytes]]) -> None:
    chunks = list(read(BytesIO(DATA), len(DATA)))
    assert b"".join(chunks) == DATA
    assert max(map(len, chunks)) == CHUNK_BYTES


def test_no_more_is_read_than_was_asked_for() -> None:
    stream = BytesIO(DATA)
    assert b"".join(exactly(stream, 10)) == DATA[:10]
    assert stream.tell() == 10


@pytest.mark.parametrize("read", [exactly, whole])
def test_nothing_is_an_answer_of_its_own(read: Callable[[BytesIO, int], Iterator[bytes]]) -> None:
    assert list(read(BytesIO(b""), 0)) == []


@pytest.mark.parametrize("read", [exactly, whole])
def test_a_stream_that_ends_early_is_an_error(read: Callable[[BytesIO, int], Iterator[bytes]]) -> None:
    assert received(read(BytesIO(DATA), len(DATA) + 1)) == DATA


@pytest.mark.parametrize("length", [1, len(DATA) - 1, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_a_stream_that_goes_on_is_noticed_before_its_last_chunk(length: int) -> None:
    assert len(received(whole(BytesIO(DATA), length))) < length
