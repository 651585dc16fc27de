"""Tags, dates and ranges by the grammar, and by nothing but the grammar."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from blueprints.header_fields import IntRange, SuffixRange, byte_ranges, entity_tags, http_date
from tests.rfc9110.dates import asctime_date, imf_fixdate, rfc850_date
from tests.rfc9110.model import date_in, rfc850_date_in

NOVEMBER = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
NOW = datetime(2026, 5, 9, 12, 30, 0, 250_000, UTC)


# --- Tags --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "tags"),
    [
        ('"a"', {'"a"'}),
        ('W/"a"', {'W/"a"'}),
        ('"a", W/"b","c"', {'"a"', 'W/"b"', '"c"'}),
        ('"a,b", "c"', {'"a,b"', '"c"'}),
        ('",", ","', {'","'}),
        ('""', {'""'}),
        ('"W/"', {'"W/"'}),
        ('"a\\"', {'"a\\"'}),
        ('"!#~\x80\xff"', {'"!#~\x80\xff"'}),
        (', ,"a"\t,, ', {'"a"'}),
        ("*", {"*"}),
        (" * ", {"*"}),
        ('"*"', {'"*"'}),
    ],
)
def test_tags_are_read_as_they_are_written(field: str, tags: set[str]) -> None:
    assert entity_tags(field) == tags


@pytest.mark.parametrize(
    "field",
    ["", ",", "a", "'a'", '"a', 'a"', '"a"b', '"a" "b"', '"a";"b"', '"a", b', 'w/"a"', 'W/ "a"', "W/", 'W"a"', "**",
     '*, "a"', '"a", *', '"a b"', '"a\x7f"', '"a\tb"', '"a\u0100"', '"a"\n'],
)  # fmt: skip
def test_what_is_no_list_of_tags_names_none(field: str) -> None:
    assert entity_tags(field) == set()


# --- Dates -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "field", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
)
def test_all_three_formats_of_a_date_are_read(field: str) -> None:
    assert http_date(field) == NOVEMBER


@pytest.mark.parametrize("write", [imf_fixdate, rfc850_date, asctime_date])
def test_every_date_that_is_written_is_read_again(write: Callable[[datetime], str]) -> None:
    for days in range(0, 18_000, 37):
        moment = datetime(1994, 1, 1, 23, 59, 59, tzinfo=UTC) + timedelta(days=days)
        assert http_date(write(moment), NOW) == moment


@pytest.mark.parametrize(
    "field",
    ["", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 +0000",
     "Sun, 06 Nov 1994 08:49:37 -0500", "sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
     "Sun, 06 Nov 1994 08:49:37 gmt", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT",
     "Sun, 06 Nov 1994 8:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT", "Sun,06 Nov 1994 08:49:37 GMT",
     "06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994  08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
     "Sun, 31 Nov 1994 08:49:37 GMT", "Wed, 29 Feb 2023 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
     "Sun, 06 Nov 1994 08:60:00 GMT", "Sun, 06 Nov 1994 08:49:61 GMT", "Sat, 06 Nov 0000 08:49:37 GMT",
     "Fri, 31 Dec 9999 23:59:60 GMT", "Sun, 06-Nov-94 08:49:37 GMT", "Sunday, 06-Nov-1994 08:49:37 GMT",
     "Sunday, 06 Nov 94 08:49:37 GMT", "Sun Nov 6 08:49:37 1994", "Sun Nov 006 08:49:37 1994",
     "Sun Nov  6 08:49:37 1994 GMT", "Sun Nov  6 08:49:37 94", "1994-11-06T08:49:37Z", "784111777",
     "Sun, 06 Nov 1994 08:49:37 GMT; length=5", "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
     "Sun, 06 Nov 1994 08:49:3\u0667 GMT", "Sun, 06 Nov 1994 08:49:37 GMT\n"],
)  # fmt: skip
def test_what_is_no_date_is_none(field: str) -> None:
    assert http_date(field) is None


def test_a_leap_second_is_the_one_after_59() -> None:
    assert http_date("Sat, 31 Dec 2016 23:59:60 GMT") == datetime(2017, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "year"),
    [
        ("Saturday, 09-May-26 12:30:00 GMT", 2026),
        ("Saturday, 09-May-27 12:30:00 GMT", 2027),
        ("Saturday, 09-May-75 12:30:00 GMT", 2075),
        ("Saturday, 09-May-76 12:30:00 GMT", 2076),
        ("Saturday, 09-May-76 12:30:01 GMT", 1976),
        ("Saturday, 10-May-76 00:00:00 GMT", 1976),
        ("Saturday, 01-Jan-77 00:00:00 GMT", 1977),
        ("Saturday, 01-Jan-99 00:00:00 GMT", 1999),
        ("Saturday, 01-Jan-00 00:00:00 GMT", 2000),
    ],
)
def test_a_year_of_two_digits_is_at_most_50_years_ahead(field: str, year: int) -> None:
    found = http_date(field, NOW)
    assert found is not None
    assert found.year == year
    assert rfc850_date_in(field, NOW) == found


def test_a_date_with_a_wrong_character_is_read_as_the_model_reads_it() -> None:
    for write in (imf_fixdate, rfc850_date, asctime_date):
        text = write(NOVEMBER)
        for place in range(len(text)):
            for character in "0 9:,-Sx\xb2":
                field = text[:place] + character + text[place + 1 :]
                assert http_date(field) == date_in(field.strip(" \t")), field


# --- Ranges ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "specs"),
    [
        ("bytes=0-499", (IntRange(Decimal(0), Decimal(499)),)),
        ("bytes=9500-", (IntRange(Decimal(9500), None),)),
        ("bytes=-500", (SuffixRange(Decimal(500)),)),
        ("bytes=0-007", (IntRange(Decimal(0), Decimal(7)),)),
        ("bytes= ,-3\t,, 4-,", (SuffixRange(Decimal(3)), IntRange(Decimal(4), None))),
        ("bytes=2-1", ()),
        ("bytes=0-1,2-1", ()),
        ("bytes=0-1,x", ()),
        ("bytes=\u0661-\u0662", ()),
        ("bytes=0-1\n", ()),
        ("bytes", ()),
        ("", ()),
    ],
)  # fmt: skip
def test_ranges_are_read_in_their_order_or_not_at_all(
    field: str, specs: tuple[IntRange | SuffixRange, ...]
) -> None:
    assert byte_ranges(field) == specs


# --- Time --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "field",
    ["bytes=" + "9" * 60_000 + "-" + "9" * 60_000, "bytes=-" + "0" * 60_000, "bytes=" + " " * 60_000,
     "bytes=" + " ," * 30_000 + "x", "bytes=0-" + " " * 60_000 + "x", "bytes=" + ("1-2" + " " * 50 + ",") * 1000 + "x",
     "bytes=" + "1-2," * 15_000, "bytes=" + "1-" * 30_000],
    ids=range(8),
)  # fmt: skip
def test_no_range_takes_long_to_read(field: str) -> None:
    assert _seconds_for(lambda: byte_ranges(field)) < 0.5


@pytest.mark.parametrize(
    "field",
    ['"' * 60_000, '"a",' * 15_000 + "x", ('"a"' + " " * 50 + ",") * 1000 + "x", "W/" * 30_000, '"' + "a" * 60_000,
     " ," * 30_000 + "x", "," * 60_000 + '"'],
    ids=range(7),
)  # fmt: skip
def test_no_list_of_tags_takes_long_to_read(field: str) -> None:
    assert _seconds_for(lambda: entity_tags(field)) < 0.5


def _seconds_for(act: Callable[[], object]) -> float:
    begin = time.process_time()
    act()
    return time.process_time() - begin
