"""Bodies that this process sends: a file by the kernel, everything else piece by piece."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from blueprints.byteranges import MultipartByteranges
from media.zip_stream import ArchiveBody
from storage.backend import ReadStream
from storage.chunks import CHUNK_BYTES, exactly, whole
from storage.gate import Gate
from storage.types import ByteRange

# Bytes; a thumbnail or a preview has no more.
FETCHED_AT_ONCE = 256 * 1024

# Opens one part of an object for reading.
Opener = Callable[[ByteRange], ReadStream]


class Body:
    """Chunks on their way, and what is given back when the server has done with them.

    The server closes a body on every path; a generator alone would run no `finally` before its first chunk.
    """

    def __init__(self, chunks: Iterator[bytes], opened: ExitStack) -> None:
        self._chunks, self._opened = chunks, opened

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        with self._opened:
            if isinstance(self._chunks, Generator):
                self._chunks.close()


def sent_by_the_kernel(environ: dict[str, Any], path: Path, start: int) -> Iterable[bytes] | None:
    """An open file for a server that lets the kernel send it: from `start` on, Content-Length bytes.

    None where the server cannot. Raises FileNotFoundError.
    """
    wrapper: Callable[[IO[bytes], int], Iterable[bytes]] | None = environ.get("wsgi.file_wrapper")
    if wrapper is None:
        return None
    file = path.open("rb", buffering=0)
    file.seek(start)
    return wrapper(file, CHUNK_BYTES)


def relayed(
    open_part: Opener, parts: Sequence[ByteRange], size: int, framing: MultipartByteranges | None, gate: Gate | None
) -> Iterable[bytes]:
    """Parts of an object of `size` bytes, one after another, never two open at once; the first is open already.

    Through the gate, where there is one, for as long as anything is read. Raises what opening raises.
    """
    with ExitStack() as opened:
        if gate is not None:
            opened.enter_context(gate.enter())
        first = opened.enter_context(open_part(parts[0]))
        if framing is not None:
            return Body(_framed(framing, first, open_part), opened.pop_all())
        chunks = (whole if len(parts[0]) == size else exactly)(first, len(parts[0]))
        if len(parts[0]) <= FETCHED_AT_ONCE:
            # A small body is fetched at once: a slow client holds no connection to the store.
            return [b"".join(chunks)]
        return Body(chunks, opened.pop_all())


def _framed(framing: MultipartByteranges, first: ReadStream, open_part: Opener) -> Iterator[bytes]:
    for before, part in framing:
        yield before
        with first if part is framing.ranges[0] else open_part(part) as stream:
            yield from exactly(stream, len(part))
    yield framing.closing


def archived(body: ArchiveBody, gate: Gate | None) -> Body:
    """An archive; its first member is open already. Raises what opening raises."""
    with ExitStack() as opened:
        if gate is not None:
            opened.enter_context(gate.enter())
        opened.callback(body.close)
        body.begin()
        return Body(iter(body), opened.pop_all())
