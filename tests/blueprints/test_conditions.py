"""RFC 9110 preconditions and ranges, case by case."""

from datetime import UTC, datetime

import pytest

from blueprints.conditions import Validators, Verdict, judge
from storage.types import ByteRange

KNOWN = Validators(etag="abc", last_modified=datetime(2024, 5, 1, 10, 0, 0, 500_000, UTC), size=1000)
MODIFIED = "Wed, 01 May 2024 10:00:00 GMT"
BEFORE = "Tue, 30 Apr 2024 10:00:00 GMT"
AFTER = "Thu, 02 May 2024 10:00:00 GMT"


def environ_of(headers: dict[str, str]) -> dict[str, str]:
    return {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}


def verdict_of(headers: dict[str, str], method: str = "GET") -> Verdict:
    return judge(method, environ_of(headers), KNOWN)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"If-Match": '"abc"'}, 200),
        ({"If-Match": '"x", "abc"'}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"x"'}, 412),
        ({"If-Match": 'W/"abc"'}, 412),
        ({"If-Unmodified-Since": MODIFIED}, 200),
        ({"If-Unmodified-Since": AFTER}, 200),
        ({"If-Unmodified-Since": BEFORE}, 412),
        ({"If-Unmodified-Since": "rubbish"}, 200),
        ({"If-Match": '"abc"', "If-Unmodified-Since": BEFORE}, 200),
        ({"If-None-Match": '"abc"'}, 304),
        ({"If-None-Match": 'W/"abc"'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"x"'}, 200),
        ({"If-Modified-Since": MODIFIED}, 304),
        ({"If-Modified-Since": AFTER}, 304),
        ({"If-Modified-Since": BEFORE}, 200),
        ({"If-Modified-Since": "rubbish"}, 200),
        ({"If-None-Match": '"x"', "If-Modified-Since": AFTER}, 200),
        ({"If-Match": '"x"', "If-None-Match": '"abc"'}, 412),
        ({"If-None-Match": '"abc"', "Range": "bytes=0-1"}, 304),
    ],
)
def test_preconditions_are_judged_in_their_order(headers: dict[str, str], status: int) -> None:
    assert verdict_of(headers).status == status


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", Verdict(206, (ByteRange(0, 1),))),
        ("bytes=0-999", Verdict(206, (ByteRange(0, 1000),))),
        ("bytes=0-5000", Verdict(206, (ByteRange(0, 1000),))),
        ("bytes=999-", Verdict(206, (ByteRange(999, 1000),))),
        ("bytes=10-", Verdict(206, (ByteRange(10, 1000),))),
        ("bytes=-1", Verdict(206, (ByteRange(999, 1000),))),
        ("bytes=-5000", Verdict(206, (ByteRange(0, 1000),))),
        ("Bytes=5-6", Verdict(206, (ByteRange(5, 7),))),
        ("bytes=1000-", Verdict(416)),
        ("bytes=1000-1001", Verdict(416)),
        ("bytes=-0", Verdict(416)),
        ("bytes=2-1", Verdict(200)),
        ("bytes=", Verdict(200)),
        ("bytes=a-b", Verdict(200)),
        ("bytes=--1", Verdict(200)),
        ("bytes=١-٢", Verdict(200)),
        ("items=0-1", Verdict(200)),
        ("bytes=0-1,500-599", Verdict(206, (ByteRange(0, 2), ByteRange(500, 600)))),
        ("bytes=500-599,0-1", Verdict(206, (ByteRange(500, 600), ByteRange(0, 2)))),
        ("bytes=5-6,0-1", Verdict(206, (ByteRange(0, 7),))),
    ],
)
def test_a_range_is_served_refused_or_ignored(header: str, expected: Verdict) -> None:
    assert verdict_of({"Range": header}) == expected


@pytest.mark.parametrize(
    ("condition", "status"),
    [('"abc"', 206), ('"x"', 200), ('W/"abc"', 200), (MODIFIED, 206), (BEFORE, 200), (AFTER, 200), ("rubbish", 200)],
)
def test_a_range_applies_only_to_the_bytes_that_the_client_has(condition: str, status: int) -> None:
    assert verdict_of({"Range": "bytes=0-1", "If-Range": condition}).status == status


def test_head_knows_no_ranges() -> None:
    assert verdict_of({"Range": "bytes=0-1"}, "HEAD") == Verdict(200)


def test_an_empty_file_has_no_byte_to_ask_for() -> None:
    empty = Validators(etag="abc", last_modified=KNOWN.last_modified, size=0)
    assert judge("GET", environ_of({"Range": "bytes=0-"}), empty) == Verdict(416)
    assert judge("GET", {}, empty) == Verdict(200)
