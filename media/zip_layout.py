"""Where every byte of a zip archive of stored members lies, known before any member is read.

The records are those of PKWARE's APPNOTE 6.3.10, sections 4.3 to 4.5; the timestamp is that of Info-ZIP's extrafld.txt.
"""

import time
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import accumulate
from struct import Struct, pack

from storage.types import ByteRange

# A field of this value sends the reader to its zip64 counterpart.
_MAX_16 = 0xFFFF
_MAX_32 = 0xFFFFFFFF

_VERSION, _VERSION_64 = 20, 45
_MADE_BY_UNIX = 3 << 8 | _VERSION_64
_NAMES_ARE_UTF8 = 1 << 11
_STORED = 0
_REGULAR_FILE_0644 = 0o100644 << 16

_LOCAL_SIGNATURE = b"PK\3\4"
# In the directory, what made the archive stands between the signature and the facts.
_ENTRY_SIGNATURE = b"PK\1\2" + _MADE_BY_UNIX.to_bytes(2, "little")
# Version needed, flags, method, time and date, CRC-32, both sizes, lengths of the name and of the extra fields.
_FACTS = Struct("<3H4L2H")
# Length of the comment, disk, internal and external attributes, place of the local header.
_PLACE = Struct("<3H2L")
_TIMESTAMP = Struct("<2HBl")
_END64 = Struct("<4sQ2H2L4Q")
_LOCATOR64 = Struct("<4sLQL")
_END = Struct("<4s4H2LH")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
# What the DOS fields can say, in seconds since the epoch.
_DOS_FIRST = (datetime(1980, 1, 1, tzinfo=UTC) - _EPOCH) // _SECOND
_DOS_LAST = (datetime(2107, 12, 31, 23, 59, 58, tzinfo=UTC) - _EPOCH) // _SECOND

# With names of 70 bytes these are 64 KiB.
_ENTRIES_AT_ONCE = 512

# Another one for every change to the records: a download begun before it must not be resumed after it.
_REVISION = b"bucketroll zip 1"
_ETAG_RECORD = Struct("<QLqHL")


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive: all that its headers say, and what tells its bytes from any others.

    `name` is its path in the archive, `size` counts bytes, `modified_at` is aware; `identity` (the SHA-1 of the
    bytes, for one) goes into the archive's ETag only. Raises ValueError for what no header can hold.
    """

    name: str
    size: int
    crc32: int
    modified_at: datetime
    identity: bytes

    def __post_init__(self) -> None:
        if self.size < 0 or not 0 <= self.crc32 <= _MAX_32 or self.modified_at.tzinfo is None:
            raise ValueError(f"Not a member of an archive: {self}")
        if not 0 < len(self.name.encode()) <= _MAX_16:
            raise ValueError(f"Not the name of a member: {self.name[:100]!r}")


@dataclass(frozen=True, slots=True)
class MemberBytes:
    """A part of an archive that is bytes of a member: of the one at `index`, those in `byte_range`."""

    index: int
    byte_range: ByteRange


class ZipLayout:
    """An archive of `members` in their order: its size, its ETag, and what stands in any range of its bytes.

    Nothing is compressed, so a member's bytes are the archive's bytes; zip64 is used only where a value needs it.
    Keeps two integers for each member; headers are made when they are asked for.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = tuple(members)
        # Where each member's header begins; at last, where the directory begins.
        self._headers = array("Q", accumulate(map(_stored_size, self._members), initial=0))
        # Where each member's entry in the directory begins; at last, where the end records begin.
        entry_sizes = map(_entry_size, self._members, self._headers)
        self._entries = array("Q", accumulate(entry_sizes, initial=self._headers[-1]))
        self._end = _end_records(len(self._members), self._headers[-1], self._entries[-1])
        self.size = self._entries[-1] + len(self._end)
        self.etag = _etag(self._members)

    def pieces(self, start: int = 0, stop: int | None = None) -> Iterator[bytes | MemberBytes]:
        """What stands from byte `start` up to byte `stop`, in order and never empty; stop None means to the end.

        Takes time and memory for what lies in the range, not for what lies before it.
        """
        stop = self.size if stop is None else min(stop, self.size)
        yield from self._stored(start, stop)
        for at, chunk in self._directory(start, stop):
            if piece := _cut(chunk, at, start, stop):
                yield piece

    def _stored(self, start: int, stop: int) -> Iterator[bytes | MemberBytes]:
        """What of the range lies before the directory: each member's header and bytes."""
        for index in range(bisect_right(self._headers, start) - 1, len(self._members)):
            at = self._headers[index]
            if at >= stop:
                return
            member = self._members[index]
            header = _local_header(member)
            if piece := _cut(header, at, start, stop):
                yield piece
            data_at = at + len(header)
            lower, upper = max(start - data_at, 0), min(stop - data_at, member.size)
            if lower < upper:
                yield MemberBytes(index, ByteRange(lower, upper))

    def _directory(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """Chunks of the directory that cover the range, whole, each after its place; then the end records."""
        first = max(bisect_right(self._entries, start) - 1, 0)
        for low in range(first, len(self._members), _ENTRIES_AT_ONCE):
            if self._entries[low] >= stop:
                return
            some = slice(low, low + _ENTRIES_AT_ONCE)
            yield self._entries[low], b"".join(map(_entry, self._members[some], self._headers[some]))
        yield self._entries[-1], self._end


def _cut(piece: bytes, at: int, start: int, stop: int) -> bytes:
    """What of `piece`, which lies at `at`, is in the range."""
    return piece[max(start - at, 0) : max(stop - at, 0)]


def _stored_size(member: Member) -> int:
    """Bytes of a member and of the header before it."""
    zip64 = _zip64(member.size, member.size)
    extra = len(zip64) + _TIMESTAMP.size
    return len(_LOCAL_SIGNATURE) + _FACTS.size + len(member.name.encode()) + extra + member.size


def _entry_size(member: Member, at: int) -> int:
    """Bytes of a member's entry in the directory; `at` is the place of its header."""
    zip64 = _zip64(member.size, member.size, at)
    extra = len(zip64) + _TIMESTAMP.size
    return len(_ENTRY_SIGNATURE) + _FACTS.size + _PLACE.size + len(member.name.encode()) + extra


def _local_header(member: Member) -> bytes:
    facts, texts = _facts_and_texts(member, _zip64(member.size, member.size))
    return _LOCAL_SIGNATURE + facts + texts


def _entry(member: Member, at: int) -> bytes:
    """A member's entry in the directory; `at` is the place of its header."""
    facts, texts = _facts_and_texts(member, _zip64(member.size, member.size, at))
    return _ENTRY_SIGNATURE + facts + _PLACE.pack(0, 0, 0, _REGULAR_FILE_0644, min(at, _MAX_32)) + texts


def _facts_and_texts(member: Member, zip64: bytes) -> tuple[bytes, bytes]:
    """What header and entry have in common: the fields of fixed size; the name and the extra fields."""
    name = member.name.encode()
    seconds = _seconds(member.modified_at)
    extra = zip64 + _timestamp(seconds)
    size = min(member.size, _MAX_32)
    version = _VERSION_64 if zip64 else _VERSION
    facts = _FACTS.pack(
        version, _NAMES_ARE_UTF8, _STORED, _dos_time(seconds), member.crc32, size, size, len(name), len(extra)
    )
    return facts, name + extra


def _zip64(*values: int) -> bytes:
    """The extra field with those of `values` that do not fit into 32 bits; empty where all do."""
    if max(values) < _MAX_32:
        return b""
    wide = [value for value in values if value >= _MAX_32]
    return pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide)


def _timestamp(seconds: int) -> bytes:
    """The extra field with the time of modification; that time alone has the same form in header and entry."""
    return _TIMESTAMP.pack(0x5455, 5, 1, min(max(seconds, -(2**31)), 2**31 - 1))


def _dos_time(seconds: int) -> int:
    """Date and time as DOS has them, here in UTC; counts in steps of two seconds."""
    at = time.gmtime(min(max(seconds, _DOS_FIRST), _DOS_LAST))
    date = (at.tm_year - 1980) << 9 | at.tm_mon << 5 | at.tm_mday
    return date << 16 | at.tm_hour << 11 | at.tm_min << 5 | at.tm_sec // 2


def _seconds(moment: datetime) -> int:
    """Whole seconds since the epoch; by subtraction, since the first and last hours of all have no date in UTC."""
    return (moment - _EPOCH) // _SECOND


def _end_records(count: int, start: int, stop: int) -> bytes:
    """What follows a directory of `count` entries that lies from `start` to `stop`."""
    size = stop - start
    entries = min(count, _MAX_16)
    end = _END.pack(b"PK\5\6", 0, 0, entries, entries, min(size, _MAX_32), min(start, _MAX_32), 0)
    if count < _MAX_16 and size < _MAX_32 and start < _MAX_32:
        return end
    # The record's size leaves out its signature and this size itself.
    end64 = _END64.pack(
        b"PK\6\6", _END64.size - 12, _MADE_BY_UNIX, _VERSION_64, 0, 0, count, count, size, start
    )
    return end64 + _LOCATOR64.pack(b"PK\6\7", 0, stop, 1) + end


def _etag(members: Iterable[Member]) -> str:
    """A digest of everything that decides the archive's bytes."""
    digest = sha256(_REVISION)
    for member in members:
        name, identity = member.name.encode(), member.identity
        seconds = _seconds(member.modified_at)
        digest.update(_ETAG_RECORD.pack(member.size, member.crc32, seconds, len(name), len(identity)))
        digest.update(name + identity)
    return digest.hexdigest()
