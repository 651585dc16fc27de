"""What a conditional or ranged request is answered with: RFC 9110 as pure functions."""

import re
from dataclasses import dataclass
from datetime import datetime

from werkzeug.datastructures import Headers
from werkzeug.http import parse_date, parse_etags

from storage.types import ByteRange

_RANGE = re.compile(r"bytes=\s*(?:(\d+)-(\d*)|-(\d+))\s*", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Validators:
    """What a representation is compared by: strong ETag (unquoted), date, size in bytes."""

    etag: str
    last_modified: datetime
    size: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The status to answer (200, 206, 304, 412 or 416) and, for 206, which bytes."""

    status: int
    byte_range: ByteRange | None = None


def judge(method: str, headers: Headers, known: Validators) -> Verdict:
    """RFC 9110 section 13.2.2: preconditions in their order of precedence, then the range."""
    if not _may_proceed(headers, known):
        return Verdict(412)
    if method in ("GET", "HEAD") and _not_modified(headers, known):
        return Verdict(304)
    if method != "GET" or "Range" not in headers or not _range_applies(headers, known):
        return Verdict(200)
    return _judge_range(headers["Range"], known.size)


def _may_proceed(headers: Headers, known: Validators) -> bool:
    if "If-Match" in headers:
        etags = parse_etags(headers["If-Match"])
        return etags.star_tag or etags.is_strong(known.etag)
    since = parse_date(headers.get("If-Unmodified-Since"))
    return since is None or _seconds(known.last_modified) <= since


def _not_modified(headers: Headers, known: Validators) -> bool:
    if "If-None-Match" in headers:
        etags = parse_etags(headers["If-None-Match"])
        return etags.star_tag or etags.contains_weak(known.etag)
    since = parse_date(headers.get("If-Modified-Since"))
    return since is not None and _seconds(known.last_modified) <= since


def _range_applies(headers: Headers, known: Validators) -> bool:
    condition = headers.get("If-Range", "").strip()
    if not condition:
        return True
    if condition.startswith(('"', "W/")):
        return condition == f'"{known.etag}"'
    date = parse_date(condition)
    return date is not None and date == _seconds(known.last_modified)


def _judge_range(header: str, size: int) -> Verdict:
    """One range is served; several, malformed ones and other units are ignored: the whole is sent."""
    found = _RANGE.fullmatch(header.strip())
    if found is None:
        return Verdict(200)
    first, last, suffix = found.groups()
    if suffix is not None:
        start, stop = max(0, size - int(suffix)), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return Verdict(200)
    if start >= stop or start >= size:
        return Verdict(416)
    return Verdict(206, ByteRange(start, stop))


def _seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
