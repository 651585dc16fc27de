"""The bytes of a zip archive, made from the streams of its members: one is read, the next one warmed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from zipfile import ZIP_STORED
from zlib import crc32

from zipstream.ng import ZipStream, ZipStreamInfo  # type: ignore[import-untyped]  # the package ships no types

from media.zip_layout import MemberBytes, ZipLayout
from storage.backend import ReadStream
from storage.chunks import CHUNK_BYTES, exactly

T = TypeVar("T")


class OpenAhead(Generic[T]):
    """Opens one stream after another, and each next one while the present one is being read.

    So at most two are open, and nobody waits for the first byte of a member. Nothing is opened
    before `begin`; `close` closes what is open then.
    """

    def __init__(self, wanted: Iterable[T], open_one: Callable[[T], ReadStream]) -> None:
        self._wanted, self._open_one = iter(wanted), open_one
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="archive")
        self._present: ReadStream | None = None
        self._next: Future[ReadStream] | None = None

    def begin(self) -> None:
        """Returns when the first stream is open, or where none is wanted. Raises what opening it raised."""
        self._warm()
        if self._next is not None:
            self._next.result()

    def take(self) -> ReadStream:
        """The next stream; the one before is closed. Raises what opening it raised."""
        self._close_present()
        coming, self._next = self._next, None
        if coming is None:
            raise LookupError("nothing more was wanted")
        self._present = coming.result()
        self._warm()
        return self._present

    def close(self) -> None:
        """Closes what is open, and what is just being opened as soon as it is."""
        self._close_present()
        coming, self._next = self._next, None
        if coming is not None and not coming.cancel():
            coming.add_done_callback(_close_opened)
        self._pool.shutdown(wait=False)

    def _warm(self) -> None:
        for one in self._wanted:
            self._next = self._pool.submit(self._open_one, one)
            return

    def _close_present(self) -> None:
        present, self._present = self._present, None
        if present is not None:
            present.close()


class ArchiveBody:
    """An archive on its way: `begin`, iterate once, then `close` on every path. `size` is in bytes."""

    def __init__(self, size: int, chunks: Iterator[bytes], ahead: OpenAhead[Any]) -> None:
        self.size = size
        self._chunks, self._ahead = chunks, ahead

    def begin(self) -> None:
        """Opens the first member, before anything is sent. Raises what opening it raised."""
        self._ahead.begin()

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        self._ahead.close()


def laid_out(
    layout: ZipLayout, start: int, stop: int, open_member: Callable[[MemberBytes], ReadStream]
) -> ArchiveBody:
    """Bytes `start` up to `stop` of an archive whose layout is known; reads only the members that they touch.

    Iterating raises IntegrityMismatch where a member has other than the promised number of bytes.
    """
    ahead = OpenAhead(
        (piece for piece in layout.pieces(start, stop) if isinstance(piece, MemberBytes)), open_member
    )
    return ArchiveBody(stop - start, _gathered(layout.pieces(start, stop), ahead), ahead)


def _gathered(pieces: Iterable[bytes | MemberBytes], ahead: OpenAhead[MemberBytes]) -> Iterator[bytes]:
    """The pieces as chunks; a header goes out together with the bytes that follow it, or it would cost a packet."""
    head = bytearray()
    for piece in pieces:
        if isinstance(piece, bytes):
            head += piece
            if len(head) < CHUNK_BYTES:
                continue
        else:
            chunks = exactly(ahead.take(), len(piece.byte_range))
            yield bytes(head) + next(chunks)
            head.clear()
            yield from chunks
            continue
        yield bytes(head)
        head.clear()
    if head:
        yield bytes(head)


@dataclass(frozen=True, slots=True)
class Unsummed:
    """A member whose checksum is found on the way: its place in the archive, safe name, size in bytes and date."""

    index: int
    name: str
    size: int
    modified_at: datetime


def streamed(
    members: Sequence[Unsummed], open_member: Callable[[Unsummed], ReadStream], learned: Callable[[int, int], None]
) -> ArchiveBody:
    """An archive whose checksums are found on the way, by zipstream-ng.

    `learned` is told each member's place and CRC-32 once its last byte has passed. Names are safe and unique.
    """
    ahead = OpenAhead((member for member in members if member.size), open_member)
    archive = _DatedZip({member.name: member.modified_at for member in members})
    for member in members:
        archive.add(_summed(member, ahead, learned), member.name, size=member.size)
    return ArchiveBody(len(archive), iter(archive), ahead)


def _summed(member: Unsummed, ahead: OpenAhead[Unsummed], learned: Callable[[int, int], None]) -> Iterator[bytes]:
    checksum = 0
    if member.size:
        for chunk in exactly(ahead.take(), member.size):
            checksum = crc32(chunk, checksum)
            yield chunk
    learned(member.index, checksum)


class _DatedZip(ZipStream):  # type: ignore[misc]  # as above
    """zipstream-ng gives what it streams the present moment and mode 0600; here members keep their dates."""

    def __init__(self, dates: dict[str, datetime]) -> None:
        super().__init__(compress_type=ZIP_STORED, sized=True)
        self._dates = dates

    def _gen_file_entry(
        self, *, arcname: str, iterable: Iterator[bytes], size: int, **_: object
    ) -> Iterator[bytes]:
        info = ZipStreamInfo(arcname, _dos_time(self._dates[arcname]))
        info.external_attr = 0o100644 << 16
        info.compress_type = ZIP_STORED
        info.file_size = size
        info.header_offset = self._pos
        for data in info._file_data(iterable):
            yield self._track(data)
        self._filelist.append(info)


def _dos_time(moment: datetime) -> tuple[int, ...]:
    earliest, latest = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)
    return max(earliest, min(latest, moment.astimezone(UTC).timetuple()[:6]))


def _close_opened(opened: "Future[ReadStream]") -> None:
    if not opened.cancelled() and opened.exception() is None:
        opened.result().close()
