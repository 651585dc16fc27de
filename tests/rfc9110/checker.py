"""Compares a response with the expected answer, and with what RFC 9110 demands of every response."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.rfc9110.messages import Answer, Representation, Request, Response, answer, content_range

_CONTENT_RANGE = re.compile(r"bytes (0|[1-9][0-9]*)-(0|[1-9][0-9]*)/(0|[1-9][0-9]*)", re.ASCII)
_MULTIPART = re.compile(r'multipart/byteranges; ?boundary=("?)([0-9A-Za-z\'()+_,./:=?-]{1,70})\1', re.ASCII)
_SINGULAR = (
    "Accept-Ranges", "Cache-Control", "Content-Length", "Content-Range", "Content-Type", "ETag", "Last-Modified",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a way to the file may legally do otherwise.

    `instead`: pairs of an expected status and one that may come in its place. `free_fields`: header
    fields, in lower case, that may be missing or have any value. `own_parts`: several ranges may be
    sent in any order and joined otherwise, if every byte asked for is there. `own_errors`: the body
    of a 412 or 416 need not be JSON.
    """

    instead: frozenset[tuple[int, int]] = frozenset()
    free_fields: frozenset[str] = frozenset()
    own_parts: bool = False
    own_errors: bool = False


STRICT = Dialect()


@dataclass(frozen=True, slots=True)
class Part:
    """A range as it was sent, with the type that it was said to have."""

    content_type: str
    span: range
    data: bytes


class Malformed(ValueError):
    """A response that cannot be read as what it says it is."""


def faults(
    request: Request, response: Response, expected: Answer, representation: Representation, dialect: Dialect = STRICT
) -> list[str]:
    """Everything that is wrong with a response, in words; [] where nothing is."""
    if response.status != expected.status and (expected.status, response.status) not in dialect.instead:
        return [f"status {response.status}, not {expected.status}"]
    try:
        parts = parts_of(response, len(representation.data)) if response.status == 206 else []
    except Malformed as error:
        return [str(error)]
    spans = tuple(part.span for part in parts)
    found = [] if request.method == "HEAD" else list(_wrong_parts(parts, representation))
    if response.status != expected.status:
        expected = answer(response.status, representation, spans)
    elif spans != expected.ranges:
        if not dialect.own_parts or not _covers(spans, expected.ranges):
            return [f"ranges {spans}, not {expected.ranges}"]
        expected = answer(206, representation, spans)
    found += _wrong_fields(response, expected, dialect)
    found += _wrong_length(request, response, len(representation.data))
    if request.method == "HEAD" or response.status == 304:
        return found + (["a body where there is none"] if response.body else [])
    if response.status == 200 and response.body != representation.data:
        found.append("not the bytes of the file")
    if response.status in (412, 416) and not dialect.own_errors:
        found += _wrong_error(response)
    return found


def parts_of(response: Response, size: int) -> list[Part]:
    """The ranges of a 206, of which there may be one that fills the body. Raises Malformed."""
    content_type = "".join(response.values("Content-Type"))
    if not content_type.startswith("multipart/"):
        span = _span("".join(response.values("Content-Range")), size)
        return [Part(content_type, span, response.body)]
    if response.values("Content-Range"):
        raise Malformed("a Content-Range above several ranges (section 15.3.7.2)")
    found = _MULTIPART.fullmatch(content_type)
    if found is None:
        raise Malformed(f"the type {content_type!r}")
    return list(_multipart(response.body, f"--{found[2]}".encode("ascii"), size))


def _multipart(body: bytes, delimiter: bytes, size: int) -> Iterator[Part]:
    """RFC 2046 section 5.1.1, without preamble, epilogue or padding; an empty first line may stand."""
    position = 2 if body.startswith(b"\r\n") else 0
    while True:
        position = _expect(body, position, delimiter)
        if body[position:] in (b"--", b"--\r\n"):
            return
        position = _expect(body, position, b"\r\n")
        end = body.find(b"\r\n\r\n", position)
        if end < 0:
            raise Malformed(f"headers without an end at byte {position}")
        lines = [line.partition(": ") for line in body[position:end].decode("latin-1").split("\r\n")]
        fields = {name.lower(): value for name, _, value in lines}
        if len(lines) != 2 or fields.keys() != {"content-type", "content-range"}:
            raise Malformed(f"a part with the headers {lines}")
        span = _span(fields["content-range"], size)
        position = end + 4 + len(span)
        data = body[end + 4 : position]
        if b"\r\n" + delimiter in data:
            raise Malformed("the boundary within a part")
        position = _expect(body, position, b"\r\n")
        yield Part(fields["content-type"], span, data)


def _expect(body: bytes, position: int, text: bytes) -> int:
    if not body.startswith(text, position):
        raise Malformed(f"{body[position : position + len(text)]!r}, not {text!r}, at byte {position}")
    return position + len(text)


def _span(text: str, size: int) -> range:
    found = _CONTENT_RANGE.fullmatch(text)
    if found is None:
        raise Malformed(f"the Content-Range {text!r}")
    first, last, complete = map(int, found.groups())
    if not first <= last < complete == size:
        raise Malformed(f"the Content-Range {text!r} of {size} bytes")
    return range(first, last + 1)


def _covers(spans: tuple[range, ...], asked: tuple[range, ...]) -> bool:
    sent = {position for span in spans for position in span}
    return all(sent.issuperset(span) for span in asked)


def _wrong_parts(parts: list[Part], representation: Representation) -> Iterator[str]:
    for part in parts:
        name = content_range(part.span, len(representation.data))
        if part.data != representation.data[part.span.start : part.span.stop]:
            yield f"not the bytes of {name}"
        if part.content_type != representation.content_type:
            yield f"{name} has the type {part.content_type!r}"


def _wrong_fields(response: Response, expected: Answer, dialect: Dialect) -> Iterator[str]:
    for name in _SINGULAR:
        if len(response.values(name)) > 1:
            yield f"{name} more than once"
    for name, value in expected.headers.items():
        if name.lower() not in dialect.free_fields and response.values(name) != [value]:
            yield f"{name} is {response.values(name)}, not {value!r}"
    if "Content-Range" not in expected.headers and response.values("Content-Range"):
        yield f"a Content-Range with {response.status}"
    cacheable = response.status in (200, 206, 304)
    if cacheable and "cache-control" not in dialect.free_fields and not response.values("Cache-Control"):
        yield "no Cache-Control"


def _wrong_length(request: Request, response: Response, size: int) -> Iterator[str]:
    lengths = response.values("Content-Length")
    if response.status == 304:
        # Section 8.6: that of the 200 or none; a zero would make a cache cut its copy.
        if lengths not in ([], [str(size)]):
            yield f"Content-Length {lengths} with 304"
    elif request.method != "HEAD" and lengths != [str(len(response.body))]:
        yield f"Content-Length {lengths} and {len(response.body)} bytes"


def _wrong_error(response: Response) -> Iterator[str]:
    if response.values("Content-Type") != ["application/json"]:
        yield f"an error of the type {response.values('Content-Type')}"
    try:
        body = json.loads(response.body)
    except ValueError:
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("message"), str):
        yield f"an error without a message: {response.body[:80]!r}"
