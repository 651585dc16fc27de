"""A plain reference for RFC 9110 sections 13 and 14, written from its text character by character.

Where the text leaves a choice, the house's is taken:
- If-Match and If-None-Match that are not by the grammar name no tag; an If-Range that is not is false;
- a Range that is not valid, asks for more than 16 ranges or for more bytes than the file has is ignored
  (14.2), and so is one for the end of an empty file, which a 206 could not express;
- ranges less than 80 bytes apart are joined, and stand where the first of them was asked for (15.3.7.2).
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.rfc9110.dates import LONG_DAYS, MONTHS, SHORT_DAYS
from tests.rfc9110.messages import Answer, Representation, Request, answer

MOST_RANGES = 16
PART_OVERHEAD = 80
DIGITS = "0123456789"


def answer_to(request: Request, representation: Representation) -> Answer:
    """Section 13.2.2, step by step."""
    if request.method in ("CONNECT", "OPTIONS", "TRACE"):
        return answer(200, representation)
    safe = request.method in ("GET", "HEAD")
    modified = representation.last_modified and representation.last_modified.replace(microsecond=0)

    # 1
    if_match = request.field("If-Match")
    if if_match is not None and not matches_strongly(if_match, representation.etag):
        return answer(412, representation)
    # 2
    unmodified_since = date_in(request.field("If-Unmodified-Since"))
    if if_match is None and unmodified_since and modified and modified > unmodified_since:
        return answer(412, representation)
    # 3
    if_none_match = request.field("If-None-Match")
    if if_none_match is not None and matches_weakly(if_none_match, representation.etag):
        return answer(304 if safe else 412, representation)
    # 4
    modified_since = date_in(request.field("If-Modified-Since"))
    if safe and if_none_match is None and modified_since and modified and modified <= modified_since:
        return answer(304, representation)
    # 5
    ranges = request.field("Range")
    if request.method != "GET" or ranges is None:
        return answer(200, representation)
    if_range = request.field("If-Range")
    has_the_date = modified is not None and date_in(if_range) == modified
    if if_range is not None and if_range != f'"{representation.etag}"' and not has_the_date:
        return answer(200, representation)
    return answer_to_ranges(ranges, representation)


# --- Lists (5.6.1.2) ---------------------------------------------------------------------------------

# Where an element that begins at a position ends; None where none begins there.
Element = Callable[[str, int], int | None]


def elements(text: str, element: Element) -> list[str] | None:
    """`[ element ] *( OWS "," OWS [ element ] )`; None where the text is something else."""
    found = []
    position = element(text, 0) or 0
    found.append(text[:position])
    while position < len(text):
        comma = after_white_space(text, position)
        if text[comma : comma + 1] != ",":
            return None
        begin = after_white_space(text, comma + 1)
        position = element(text, begin) or begin
        found.append(text[begin:position])
    return [one for one in found if one]


def after_white_space(text: str, position: int) -> int:
    while text[position : position + 1] in (" ", "\t"):
        position += 1
    return position


# --- Entity tags (8.8.3) -----------------------------------------------------------------------------


def end_of_tag(text: str, position: int) -> int | None:
    if text[position : position + 2] == "W/":
        position += 2
    if text[position : position + 1] != '"':
        return None
    position += 1
    while position < len(text) and (ord(text[position]) == 0x21 or 0x23 <= ord(text[position]) != 0x7F):
        position += 1
    return position + 1 if text[position : position + 1] == '"' else None


def matches_strongly(field: str, etag: str) -> bool:
    """Section 13.1.1: any representation, or the very same tag, neither of them weak."""
    return field == "*" or f'"{etag}"' in (elements(field, end_of_tag) or [])


def matches_weakly(field: str, etag: str) -> bool:
    """Section 13.1.2: any representation, or the same opaque tag, weak or not."""
    return field == "*" or f'"{etag}"' in [tag.removeprefix("W/") for tag in elements(field, end_of_tag) or []]


# --- Dates (5.6.7) -----------------------------------------------------------------------------------


def date_in(field: str | None) -> datetime | None:
    if field is None:
        return None
    for form in (imf_fixdate_in, rfc850_date_in, asctime_date_in):
        if (moment := form(field)) is not None:
            return moment
    return None


def imf_fixdate_in(field: str) -> datetime | None:
    """`Sun, 06 Nov 1994 08:49:37 GMT`."""
    if len(field) != 29 or field[:3] not in SHORT_DAYS or field[25:] != " GMT":
        return None
    if (field[3:5], field[7], field[11], field[16]) != (", ", " ", " ", " "):
        return None
    return moment_of(field[12:16], field[8:11], field[5:7], field[17:25])


def rfc850_date_in(field: str, now: datetime | None = None) -> datetime | None:
    """`Sunday, 06-Nov-94 08:49:37 GMT`; not more than 50 years into the future."""
    day_name, comma, rest = field.partition(", ")
    if day_name not in LONG_DAYS or not comma or len(rest) != 22 or rest[18:] != " GMT":
        return None
    if (rest[2], rest[6], rest[9]) != ("-", "-", " ") or not all_digits(rest[7:9]):
        return None
    now = now or datetime.now(UTC)
    within_the_year = (rest[3:6] in MONTHS and MONTHS.index(rest[3:6]), rest[:2], rest[10:18])
    latest = now.year + 50
    if within_the_year > (now.month - 1, f"{now:%d}", f"{now:%H:%M:%S}"):
        latest -= 1
    year = next(year for year in range(latest, latest - 100, -1) if year % 100 == int(rest[7:9]))
    return moment_of(f"{year:04}", rest[3:6], rest[:2], rest[10:18])


def asctime_date_in(field: str) -> datetime | None:
    """`Sun Nov  6 08:49:37 1994`."""
    if len(field) != 24 or field[:3] not in SHORT_DAYS:
        return None
    if (field[3], field[7], field[10], field[19]) != (" ", " ", " ", " "):
        return None
    day = "0" + field[9] if field[8] == " " else field[8:10]
    return moment_of(field[20:], field[4:7], day, field[11:19])


def moment_of(year: str, month: str, day: str, time: str) -> datetime | None:
    hour, minute, second = time[:2], time[3:5], time[6:]
    if (time[2], time[5]) != (":", ":") or month not in MONTHS or not all_digits(year + day + hour + minute + second):
        return None
    if int(hour) > 23 or int(minute) > 59 or int(second) > 60:
        return None
    try:
        begin = datetime(int(year), MONTHS.index(month) + 1, int(day), int(hour), int(minute), tzinfo=UTC)
        return begin + timedelta(seconds=int(second))
    except (ValueError, OverflowError):
        return None


# --- Ranges (14.1, 14.2, 15.3.7) ---------------------------------------------------------------------


def all_digits(text: str) -> bool:
    return text != "" and all(character in DIGITS for character in text)


def number(digits: str) -> int:
    # Digit by digit: int() refuses a text of more than 4300.
    value = 0
    for digit in digits:
        value = value * 10 + DIGITS.index(digit)
    return value


def end_of_spec(text: str, position: int) -> int | None:
    end = position
    while text[end : end + 1] not in ("", ",", " ", "\t"):
        end += 1
    first, dash, last = text[position:end].partition("-")
    well_formed = dash and (first or last) and all_digits(first or "0") and all_digits(last or "0")
    return end if well_formed else None


def answer_to_ranges(field: str, representation: Representation) -> Answer:
    size = len(representation.data)
    unit, _, ranges = field.partition("=")
    # White space here is erratum 7306's.
    asked = elements(ranges.lstrip(" \t"), end_of_spec) if unit.lower() == "bytes" else None
    if not asked or len(asked) > MOST_RANGES:
        return answer(200, representation)
    wanted = []
    for first, _, last in (spec.partition("-") for spec in asked):
        if first and last and number(last) < number(first):
            return answer(200, representation)
        if first and number(first) < size:
            wanted.append(range(number(first), min(number(last) + 1, size) if last else size))
        if not first and number(last) > 0:
            wanted.append(range(max(0, size - number(last)), size))
    if not wanted:
        return answer(416, representation)
    if size == 0 or sum(len(one) for one in wanted) > size:
        return answer(200, representation)
    return answer(206, representation, tuple(joined(wanted)))


def joined(wanted: list[range]) -> list[range]:
    """Join any two that are close, the later into the earlier, until there are none."""
    for early in range(len(wanted)):
        for late in range(early + 1, len(wanted)):
            one, other = wanted[early], wanted[late]
            if one.start - other.stop < PART_OVERHEAD and other.start - one.stop < PART_OVERHEAD:
                both = range(min(one.start, other.start), max(one.stop, other.stop))
                return joined([*wanted[:early], both, *wanted[early + 1 : late], *wanted[late + 1 :]])
    return wanted
