"""What a conditional or ranged request is answered with: RFC 9110 as pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from blueprints.header_fields import RangeSpec, SuffixRange, byte_ranges, entity_tags, http_date
from storage.types import ByteRange

# More than a reader of any media format asks for at once; section 14.2 lets a server ignore more.
MOST_RANGES = 16
# What a part of multipart/byteranges costs beside its bytes (section 15.3.7.2).
PART_OVERHEAD = 80

_UNCONDITIONAL_METHODS = frozenset({"CONNECT", "OPTIONS", "TRACE"})
_CONDITIONS = frozenset({
    "HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE", "HTTP_RANGE",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Validators:
    """What a representation is compared by: strong ETag (unquoted), date if it has one, size in bytes."""

    etag: str
    last_modified: datetime | None
    size: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The status to answer (200, 206, 304, 412 or 416) and, for 206, the ranges to send.

    Several ranges neither overlap nor touch and stand in the order asked; every `stop` is a number.
    """

    status: int
    ranges: tuple[ByteRange, ...] = ()


_WHOLE = Verdict(200)


def judge(method: str, environ: Mapping[str, Any], known: Validators) -> Verdict:
    """RFC 9110 section 13.2.2: preconditions in their order of precedence, then the range.

    Reads the request's header fields in a WSGI environment, since most requests have none of them.
    """
    if environ.keys().isdisjoint(_CONDITIONS) or method in _UNCONDITIONAL_METHODS:
        return _WHOLE
    if not _may_proceed(environ, known):
        return Verdict(412)
    if not _is_new_to_the_client(method, environ, known):
        return Verdict(304 if method in ("GET", "HEAD") else 412)
    if method != "GET" or "HTTP_RANGE" not in environ or not _range_applies(environ, known):
        return _WHOLE
    return _judge_ranges(byte_ranges(environ["HTTP_RANGE"]), known.size)


def _may_proceed(environ: Mapping[str, Any], known: Validators) -> bool:
    if "HTTP_IF_MATCH" in environ:
        return not entity_tags(environ["HTTP_IF_MATCH"]).isdisjoint(("*", f'"{known.etag}"'))
    since = http_date(environ.get("HTTP_IF_UNMODIFIED_SINCE", ""))
    return since is None or known.last_modified is None or _seconds(known.last_modified) <= since


def _is_new_to_the_client(method: str, environ: Mapping[str, Any], known: Validators) -> bool:
    if "HTTP_IF_NONE_MATCH" in environ:
        tags = entity_tags(environ["HTTP_IF_NONE_MATCH"])
        return tags.isdisjoint(("*", f'"{known.etag}"', f'W/"{known.etag}"'))
    since = http_date(environ.get("HTTP_IF_MODIFIED_SINCE", "")) if method in ("GET", "HEAD") else None
    return since is None or known.last_modified is None or _seconds(known.last_modified) > since


def _range_applies(environ: Mapping[str, Any], known: Validators) -> bool:
    if "HTTP_IF_RANGE" not in environ:
        return True
    condition = environ["HTTP_IF_RANGE"].strip(" \t")
    # An object is never written twice within a second, so its date is a strong validator (section 8.8.2.2).
    if known.last_modified is not None and http_date(condition) == _seconds(known.last_modified):
        return True
    return bool(condition == f'"{known.etag}"')


def _judge_ranges(asked: Sequence[RangeSpec], size: int) -> Verdict:
    if not 0 < len(asked) <= MOST_RANGES:
        return _WHOLE
    found = [part for spec in asked if (part := _satisfied(spec, size)) is not None]
    if not found:
        return Verdict(416)
    # Asked for more bytes than there are; or the end of an empty file, which no Content-Range can name.
    if not 0 < sum(map(len, found)) <= size:
        return _WHOLE
    return Verdict(206, tuple(ByteRange(part.start, part.stop) for part in _coalesced(found)))


def _satisfied(spec: RangeSpec, size: int) -> range | None:
    """The bytes that a spec selects (section 14.1.2), or None where it lies outside of the file."""
    if isinstance(spec, SuffixRange):
        return range(size - int(min(spec.length, Decimal(size))), size) if spec.length else None
    if spec.first >= size:
        return None
    return range(int(spec.first), size if spec.last is None else int(min(spec.last, Decimal(size - 1))) + 1)


def _coalesced(parts: Sequence[range]) -> list[range]:
    """Ranges joined where the gap costs less than another part; each stands where its first was asked for."""
    joined: list[tuple[int, range]] = []
    for place, part in sorted(enumerate(parts), key=lambda one: one[1].start):
        if joined and part.start - joined[-1][1].stop < PART_OVERHEAD:
            before_place, before = joined[-1]
            joined[-1] = min(place, before_place), range(before.start, max(before.stop, part.stop))
        else:
            joined.append((place, part))
    return [part for _, part in sorted(joined, key=lambda one: one[0])]


def _seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
