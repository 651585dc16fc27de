"""Request header fields by the grammar of RFC 9110, which werkzeug's parsers read more loosely."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal


def _list_of(element: str) -> str:
    """A pattern of the list that recipients accept (section 5.6.1.2): elements may be empty.

    White space belongs to what stands before it, so there is one way to match a field, and no slow one.
    """
    return rf"(?:{element})?[ \t]*(?:,[ \t]*(?:(?:{element})[ \t]*)?)*"


_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_EACH_TAG = re.compile(_TAG)
_TAGS = re.compile(_list_of(_TAG))
_SPEC = r"[0-9]+-[0-9]*|-[0-9]+"
_EACH_SPEC = re.compile(r"([0-9]*)-([0-9]*)")
# The white space behind the equals sign is erratum 7306's.
_SPECS = re.compile(rf"bytes=[ \t]*(?![ \t])({_list_of(_SPEC)})", re.IGNORECASE)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY = r"(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})"
_TIME = r"(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9]):(?P<second>[0-5][0-9]|60)"
_DATES = (
    re.compile(rf"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT"),
    re.compile(rf"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT"),
    re.compile(rf"{_DAY} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})"),
)


@dataclass(frozen=True, slots=True)
class IntRange:
    """`first-last` as asked for: positions in bytes, both included; `last` None means to the end."""

    first: Decimal
    last: Decimal | None


@dataclass(frozen=True, slots=True)
class SuffixRange:
    """`-length` as asked for: the last `length` bytes."""

    length: Decimal


RangeSpec = IntRange | SuffixRange


def entity_tags(field: str) -> frozenset[str]:
    """The tags of If-Match or If-None-Match as they are written (`"a"`, `W/"b"`), or only `*`.

    A field that is not by the grammar (section 8.8.3) names no tag: so it neither saves a client the
    bytes nor lets it change something.
    """
    field = field.strip(" \t")
    if field == "*":
        return frozenset("*")
    return frozenset(_EACH_TAG.findall(field)) if _TAGS.fullmatch(field) else frozenset()


def http_date(field: str, now: datetime | None = None) -> datetime | None:
    """The moment of an HTTP-date in any of its three formats (section 5.6.7), or None.

    `now` (aware, default the clock's) tells the century of a year with two digits: the latest that
    puts the date at most 50 years into the future. Day names are not held against the date.
    """
    field = field.strip(" \t")
    for pattern in _DATES:
        if found := pattern.fullmatch(field):
            break
    else:
        return None
    year, *rest = (int(found[name]) for name in ("year", "day", "hour", "minute", "second"))
    day, hour, minute, second = rest
    month = _MONTHS.index(found["month"]) + 1
    if len(found["year"]) == 2:
        year = _full_year(year, (month, day, hour, minute, second), now or datetime.now(UTC))
    try:
        # A leap second is the second after 59.
        return datetime(year, month, day, hour, minute, tzinfo=UTC) + timedelta(seconds=second)
    except (ValueError, OverflowError):
        return None


def _full_year(year: int, rest: tuple[int, ...], now: datetime) -> int:
    latest = now.year + 50
    full = latest - (latest - year) % 100
    return full - 100 if (full, *rest) > (latest, *now.timetuple()[1:6]) else full


def byte_ranges(field: str) -> tuple[RangeSpec, ...]:
    """What a Range field asks for, in its order; () where it is no valid set of byte ranges (section 14.1).

    Positions are Decimal: exact, and unlike int quick and without a limit for any number of digits.
    """
    found = _SPECS.fullmatch(field.strip(" \t"))
    if found is None:
        return ()
    specs = tuple(_spec(first, last) for first, last in _EACH_SPEC.findall(found[1]))
    return () if any(map(_is_reversed, specs)) else specs


def _spec(first: str, last: str) -> RangeSpec:
    if not first:
        return SuffixRange(Decimal(last))
    return IntRange(Decimal(first), Decimal(last) if last else None)


def _is_reversed(spec: RangeSpec) -> bool:
    return isinstance(spec, IntRange) and spec.last is not None and spec.last < spec.first
