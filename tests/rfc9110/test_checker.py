"""The checker lets a right response pass and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.rfc9110.checker import Dialect, faults
from tests.rfc9110.messages import Answer, Representation, Request, Response, answer

DATA = bytes(range(200)) * 5
FILE = Representation(DATA, "abc", datetime(2024, 5, 1, 10, 0, 0, 999_000, UTC), "image/jpeg")
SHARED = (("ETag", '"abc"'), ("Last-Modified", "Wed, 01 May 2024 10:00:00 GMT"), ("Cache-Control", "private"))
SENT = (*SHARED, ("Accept-Ranges", "bytes"), ("Content-Type", "image/jpeg"))

WHOLE = Response(200, (*SENT, ("Content-Length", "1000")), DATA)
PART = Response(206, (*SENT, ("Content-Length", "100"), ("Content-Range", "bytes 100-199/1000")), DATA[100:200])
UNCHANGED = Response(304, SHARED, b"")
MESSAGE = b'{"message": "No"}'
FAILED = Response(412, (("Content-Type", "application/json"), ("Content-Length", "17")), MESSAGE)
BEYOND = replace(FAILED, status=416, headers=(*FAILED.headers, ("Content-Range", "bytes */1000")))
BODY = (
    b"--xyz\r\nContent-Type: image/jpeg\r\nContent-Range: bytes 900-901/1000\r\n\r\n" + DATA[900:902]
    + b"\r\n--xyz\r\nContent-Type: image/jpeg\r\nContent-Range: bytes 0-2/1000\r\n\r\n" + DATA[:3]
    + b"\r\n--xyz--\r\n"
)  # fmt: skip
SEVERAL_HEADERS = (*SHARED, ("Accept-Ranges", "bytes"), ("Content-Type", "multipart/byteranges; boundary=xyz"))
SEVERAL = Response(206, (*SEVERAL_HEADERS, ("Content-Length", str(len(BODY)))), BODY)

GET, HEAD = Request("GET"), Request("HEAD")
EXPECTED = {
    WHOLE: answer(200, FILE),
    PART: answer(206, FILE, (range(100, 200),)),
    SEVERAL: answer(206, FILE, (range(900, 902), range(3))),
    UNCHANGED: answer(304, FILE),
    FAILED: answer(412, FILE),
    BEYOND: answer(416, FILE),
}


def with_header(response: Response, name: str, *values: str) -> Response:
    others = tuple((key, value) for key, value in response.headers if key != name)
    return replace(response, headers=(*others, *((name, value) for value in values)))


def with_body(body: bytes) -> Response:
    return with_header(replace(SEVERAL, body=body), "Content-Length", str(len(body)))


@pytest.mark.parametrize("response", EXPECTED, ids=lambda response: response.status)
def test_a_right_response_has_no_fault(response: Response) -> None:
    assert faults(GET, response, EXPECTED[response], FILE) == []


@pytest.mark.parametrize("response", [WHOLE, UNCHANGED, FAILED], ids=lambda response: response.status)
def test_head_has_the_headers_and_no_body(response: Response) -> None:
    assert faults(HEAD, replace(response, body=b""), EXPECTED[response], FILE) == []
    assert faults(HEAD, replace(response, body=b"x"), EXPECTED[response], FILE) != []


@pytest.mark.parametrize("response", EXPECTED, ids=lambda response: response.status)
def test_no_response_passes_for_another(response: Response) -> None:
    passed = [other.status for other, expected in EXPECTED.items() if not faults(GET, response, expected, FILE)]
    assert passed == [response.status]


@pytest.mark.parametrize("response", EXPECTED, ids=lambda response: response.status)
def test_no_header_that_is_expected_may_be_missing_wrong_or_double(response: Response) -> None:
    for name, value in response.headers:
        for values in ((), ("x",), (value, value)):
            if name == "Cache-Control" and values == ("x",):
                continue
            if name == "Last-Modified" and response.status == 304 and len(values) < 2:
                continue
            assert faults(GET, with_header(response, name, *values), EXPECTED[response], FILE) != [], (name, values)


@pytest.mark.parametrize("response", EXPECTED, ids=lambda response: response.status)
def test_no_byte_may_be_missing_wrong_or_too_many(response: Response) -> None:
    for body in (response.body[:-1], response.body + b"x", b"x" + response.body[1:], b""):
        if body != response.body:
            sized = with_header(replace(response, body=body), "Content-Length", str(len(body)))
            assert faults(GET, sized, EXPECTED[response], FILE) != []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (WHOLE, with_header(WHOLE, "Content-Range", "bytes 0-999/1000")),
        (UNCHANGED, with_header(UNCHANGED, "Content-Length", "0")),
        (UNCHANGED, with_header(UNCHANGED, "Content-Range", "bytes 0-999/1000")),
        (PART, with_header(PART, "Content-Range", "bytes 100-199/*")),
        (PART, with_header(PART, "Content-Range", "bytes 200-299/1000")),
        (PART, with_header(PART, "Content-Type", "multipart/byteranges; boundary=xyz")),
        (SEVERAL, with_header(SEVERAL, "Content-Range", "bytes 0-2/1000")),
        (SEVERAL, with_header(SEVERAL, "Content-Type", "multipart/byteranges")),
        (SEVERAL, with_header(SEVERAL, "Content-Type", "multipart/byteranges; boundary=abc")),
        (SEVERAL, with_header(SEVERAL, "Content-Type", "multipart/mixed; boundary=xyz")),
        (SEVERAL, with_body(BODY.replace(b"900-901", b"900-902"))),
        (SEVERAL, with_body(BODY.replace(b"0-2/1000", b"0-2/999"))),
        (SEVERAL, with_body(BODY.replace(b"0-2", b"1-3"))),
        (SEVERAL, with_body(BODY.replace(b"image/jpeg", b"image/png"))),
        (SEVERAL, with_body(BODY.replace(b"Content-Type: image/jpeg\r\n", b""))),
        (SEVERAL, with_body(BODY.replace(b"\r\n--xyz--\r\n", b"\r\n"))),
        (SEVERAL, with_body(BODY.replace(b"\r\n", b"\n"))),
        (SEVERAL, with_body(b"preamble\r\n" + BODY)),
        (SEVERAL, with_body(BODY + b"epilogue")),
        (FAILED, replace(FAILED, body=b'{"massage": "No"}')),
        (FAILED, replace(FAILED, body=b'["message", "No"]')),
        (FAILED, replace(FAILED, body=b"{'message': 'No'}")),
    ],
)
def test_a_wrong_response_has_a_fault(right: Response, wrong: Response) -> None:
    assert faults(GET, wrong, EXPECTED[right], FILE) != []


def test_ranges_in_another_order_are_a_fault_but_in_a_dialect() -> None:
    turned = answer(206, FILE, (range(3), range(900, 902)))
    assert faults(GET, SEVERAL, turned, FILE) != []
    assert faults(GET, SEVERAL, turned, FILE, Dialect(own_parts=True)) == []


def test_no_dialect_may_leave_out_a_byte_that_was_asked_for() -> None:
    more = answer(206, FILE, (range(4), range(900, 902)))
    assert faults(GET, SEVERAL, more, FILE, Dialect(own_parts=True)) != []


@pytest.mark.parametrize("name", ["ETag", "Last-Modified", "Cache-Control", "Accept-Ranges"])
def test_a_dialect_frees_only_the_fields_it_names(name: str) -> None:
    bare = with_header(WHOLE, name)
    assert faults(GET, bare, EXPECTED[WHOLE], FILE, Dialect(free_fields=frozenset({name.lower()}))) == []
    assert faults(GET, bare, EXPECTED[WHOLE], FILE, Dialect(free_fields=frozenset({"content-type"}))) != []


@pytest.mark.parametrize("response", [WHOLE, PART, SEVERAL], ids=["whole", "part", "several"])
def test_another_status_in_a_dialect_must_still_be_right_in_itself(response: Response) -> None:
    expected = Answer(416, (), {"Content-Range": "bytes */1000"})
    dialect = Dialect(instead=frozenset({(416, response.status)}))
    assert faults(GET, response, expected, FILE, dialect) == []
    assert faults(GET, replace(response, body=response.body[:-1]), expected, FILE, dialect) != []
    assert faults(GET, response, expected, FILE) != []


def test_an_error_of_the_store_may_be_its_own() -> None:
    other = with_header(replace(BEYOND, body=b"<Error/>"), "Content-Length", "8")
    assert faults(GET, other, EXPECTED[BEYOND], FILE) != []
    assert faults(GET, other, EXPECTED[BEYOND], FILE, Dialect(own_errors=True)) == []
