"""What the tests of RFC 9110 speak of: a representation, requests about it, expected answers, actual responses."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tests.rfc9110.dates import imf_fixdate


@dataclass(frozen=True, slots=True)
class Representation:
    """A file as it is served.

    `etag` is strong and without quotes; `last_modified` aware, with or without fractions, or None
    where no date is known.
    """

    data: bytes
    etag: str
    last_modified: datetime | None
    content_type: str


@dataclass(frozen=True, slots=True)
class Request:
    """A method and header lines as sent: a name may occur twice, a value is Latin-1 without line breaks."""

    method: str
    headers: tuple[tuple[str, str], ...] = ()

    def field(self, name: str) -> str | None:
        """The value of a field: its lines joined by commas (section 5.3), without white space around it."""
        lines = [value for key, value in self.headers if key.lower() == name.lower()]
        return ",".join(lines).strip(" \t") if lines else None


@dataclass(frozen=True, slots=True)
class Answer:
    """What is expected: for 206 the ranges in their order, and header fields with exactly these values."""

    status: int
    ranges: tuple[range, ...]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Response:
    """What came: header lines as received, the body without any transfer coding."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


def content_range(part: range, size: int) -> str:
    return f"bytes {part.start}-{part.stop - 1}/{size}"


def answer(status: int, representation: Representation, ranges: tuple[range, ...] = ()) -> Answer:
    """The header fields that follow from a status, the ranges of a 206 and a representation."""
    size = len(representation.data)
    headers = {}
    if status in (200, 206, 304):
        headers["ETag"] = f'"{representation.etag}"'
    # With 304 it is not needed beside an ETag (section 15.4.5).
    if status in (200, 206) and representation.last_modified is not None:
        headers["Last-Modified"] = imf_fixdate(representation.last_modified)
    if status in (200, 206):
        headers["Accept-Ranges"] = "bytes"
    if status == 200:
        headers |= {"Content-Type": representation.content_type, "Content-Length": str(size)}
    if status == 206 and len(ranges) == 1:
        headers |= {"Content-Type": representation.content_type, "Content-Length": str(len(ranges[0]))}
        headers["Content-Range"] = content_range(ranges[0], size)
    if status == 416:
        headers["Content-Range"] = f"bytes */{size}"
    return Answer(status, ranges, headers)
