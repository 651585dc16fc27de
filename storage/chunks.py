"""Streams in pieces: as many bytes as were promised, or an error."""

from collections.abc import Iterator

from errors import IntegrityMismatch
from storage.backend import ReadStream

# Large enough that calls cost little beside copying, small enough for many at once.
CHUNK_BYTES = 512 * 1024


def exactly(stream: ReadStream, length: int) -> Iterator[bytes]:
    """The next `length` bytes of a stream, in chunks of at most CHUNK_BYTES.

    Raises IntegrityMismatch where the stream ends before: better to break off than to lie.
    """
    left = length
    while left:
        data = stream.read(min(CHUNK_BYTES, left))
        if not data:
            raise IntegrityMismatch(f"The bytes ended {left} before their time")
        left -= len(data)
        yield data


def whole(stream: ReadStream, length: int) -> Iterator[bytes]:
    """As `exactly`, of a stream that has to end there: the last chunk is held back until that is known.

    Raises IntegrityMismatch also where more bytes follow, before a reader could take the beginning for all.
    """
    left = length
    for chunk in exactly(stream, length):
        left -= len(chunk)
        if not left and stream.read(1):
            raise IntegrityMismatch(f"There are more bytes than the {length} promised")
        yield chunk
