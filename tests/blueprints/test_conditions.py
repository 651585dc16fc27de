"""Every case of RFC 9110 and ten thousand random requests, put to the pure functions."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from blueprints.byteranges import MultipartByteranges, content_range
from blueprints.conditions import Validators, Verdict, judge
from storage.types import ByteRange
from tests.rfc9110.cases import CASES, CONTENT, EMPTY_CASES, OTHER_METHODS, Case
from tests.rfc9110.checker import faults
from tests.rfc9110.dates import imf_fixdate
from tests.rfc9110.messages import Representation, Request, Response
from tests.rfc9110.model import answer_to
from tests.rfc9110.random_requests import generated

MODIFIED = datetime(2024, 5, 1, 10, 0, 0, 500_000, UTC)
PHOTO = Representation(CONTENT, "5f3c0a", MODIFIED, "image/jpeg")
EMPTY = Representation(b"", "da39a3", MODIFIED, "text/plain")
ARCHIVE = Representation(CONTENT, "5f3c0a", None, "application/zip")


def verdict_on(request: Request, representation: Representation) -> Verdict:
    environ: dict[str, str] = {}
    for name, value in request.headers:
        key = f"HTTP_{name.upper().replace('-', '_')}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    known = Validators(representation.etag, representation.last_modified, len(representation.data))
    return judge(request.method, environ, known)


def respond(request: Request, representation: Representation) -> Response:
    """The shortest server: what the pure functions say, and the headers that each status has."""
    verdict, data = verdict_on(request, representation), representation.data
    headers = {"ETag": f'"{representation.etag}"', "Accept-Ranges": "bytes", "Cache-Control": "private"}
    if representation.last_modified is not None:
        headers["Last-Modified"] = imf_fixdate(representation.last_modified)
    if verdict.status in (412, 416):
        headers["Content-Type"] = "application/json"
    if verdict.status == 416:
        headers["Content-Range"] = f"bytes */{len(data)}"
    if verdict.status in (200, 206):
        headers["Content-Type"] = representation.content_type
    body = {200: data, 206: b"", 304: b""}.get(verdict.status, b'{"message": "No"}')
    if len(verdict.ranges) == 1:
        headers["Content-Range"] = content_range(verdict.ranges[0], len(data))
        body = data[verdict.ranges[0].start : verdict.ranges[0].stop]
    elif verdict.ranges:
        several = MultipartByteranges(verdict.ranges, len(data), representation.content_type, "5EPARAT0R")
        headers |= {"Content-Type": several.content_type}
        body = b"".join(before + data[part.start : part.stop] for before, part in several) + several.closing
        assert several.content_length == len(body)
    if verdict.status != 304:
        headers["Content-Length"] = str(len(body))
    return Response(verdict.status, tuple(headers.items()), b"" if request.method == "HEAD" else body)


# --- The cases ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_is_answered_as_the_section_says(case: Case) -> None:
    request = case.request(PHOTO)
    assert faults(request, respond(request, PHOTO), case.expected(PHOTO), PHOTO) == []


@pytest.mark.parametrize("case", EMPTY_CASES, ids=lambda case: case.name)
def test_an_empty_file_has_no_byte_to_ask_for(case: Case) -> None:
    request = case.request(EMPTY)
    assert faults(request, respond(request, EMPTY), case.expected(EMPTY), EMPTY) == []


@pytest.mark.parametrize("case", OTHER_METHODS, ids=lambda case: case.name)
def test_other_methods_go_on_or_fail(case: Case) -> None:
    assert verdict_on(case.request(PHOTO), PHOTO) == Verdict(case.status)


# --- The model ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("representation", "cases"), [(PHOTO, CASES + OTHER_METHODS), (EMPTY, EMPTY_CASES)], ids=["photo", "empty"]
)
def test_the_model_answers_the_cases_too(representation: Representation, cases: tuple[Case, ...]) -> None:
    wrong = [
        case.name for case in cases if answer_to(case.request(representation), representation)
        != case.expected(representation)
    ]  # fmt: skip
    assert wrong == []


@pytest.mark.parametrize(
    ("representation", "count"), [(PHOTO, 10_000), (EMPTY, 1000), (ARCHIVE, 1000)], ids=["photo", "empty", "undated"]
)
def test_random_requests_are_answered_as_the_model_answers_them(representation: Representation, count: int) -> None:
    wrong = {}
    for request in generated(9110, count, representation):
        expected = answer_to(request, representation)
        if found := faults(request, respond(request, representation), expected, representation):
            wrong[request] = found
    assert wrong == {}


def test_random_requests_reach_every_answer_often() -> None:
    seen: Counter[str] = Counter()
    for request in generated(9110, 2000, PHOTO):
        expected = answer_to(request, PHOTO)
        seen[f"{expected.status} with {min(len(expected.ranges), 3)} ranges"] += 1
    kinds = ("200 with 0", "206 with 1", "206 with 2", "206 with 3", "304 with 0", "412 with 0", "416 with 0")
    assert {kind for kind in kinds if seen[f"{kind} ranges"] < 40} == set()


def test_random_requests_are_the_same_for_the_same_seed() -> None:
    assert list(generated(1, 50, PHOTO)) == list(generated(1, 50, PHOTO)) != list(generated(2, 50, PHOTO))


# --- What cases do not show --------------------------------------------------------------------------


def test_a_request_without_conditions_reads_no_header() -> None:
    class Unreadable(dict[str, str]):
        def __getitem__(self, key: str) -> str:
            raise AssertionError(key)

    environ = Unreadable({"HTTP_ACCEPT": "*/*", "HTTP_IF_RANGE": '"other"', "REQUEST_METHOD": "GET"})
    assert judge("GET", environ, Validators("abc", MODIFIED, 1000)) == Verdict(200)


def test_a_file_beyond_64_bits_of_digits_is_cut_exactly() -> None:
    huge = Validators("abc", MODIFIED, 10**18)
    environ = {"HTTP_RANGE": f"bytes=999999999999999998-{'9' * 8000}"}
    assert judge("GET", environ, huge) == Verdict(206, (ByteRange(10**18 - 2, 10**18),))
