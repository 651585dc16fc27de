"""Random requests for a file, most of them close to where an answer changes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from tests.rfc9110.dates import asctime_date, imf_fixdate, rfc850_date
from tests.rfc9110.messages import Representation, Request

_SEPARATORS = (",", ",", ",", ", ", ", ", " ,", ",,", " ,\t, ")
_UNITS = (*("bytes=",) * 20, "Bytes=", "BYTES=", "bytes= ", "bytes =", "bytes", "bytes==", "bytes:", "items=", "=", "")
_BROKEN_SPECS = (
    "-", "--1", "5", "a-b", "0-1-2", "0 -1", "0- 1", "+1-2", "1-2;q=1", "*", "0x1-2", "1.5-2", "\xb2-3", "bytes=0-1",
)  # fmt: skip
_SOME_DATE = datetime(2024, 5, 1, 10, tzinfo=UTC)
_SECONDS = (0, 0, 0, 1, -1, 1, -1, 59, -60, 3600, -3600, 86_400, -86_400, 40_000_000, -40_000_000)


def generated(seed: int, count: int, representation: Representation) -> Iterator[Request]:
    """`count` requests, GET and HEAD, that any transport can carry; the same for the same arguments."""
    random = Random(seed)
    for _ in range(count):
        yield _request(random, representation)


def _request(random: Random, representation: Representation) -> Request:
    size = len(representation.data)
    headers = []
    if random.random() < 0.75:
        headers.append(("Range", _range(random, size)))
    if random.random() < 0.25:
        choose = _tag if random.random() < 0.6 else _date
        headers.append(("If-Range", choose(random, representation)))
    for name in ("If-Match", "If-None-Match"):
        if random.random() < 0.12:
            headers.append((name, _tags(random, representation)))
    for name in ("If-Modified-Since", "If-Unmodified-Since"):
        if random.random() < 0.12:
            headers.append((name, _date(random, representation)))
    random.shuffle(headers)
    method = "HEAD" if random.random() < 0.12 else "GET"
    return Request(method, tuple((name, _padded(random, value)) for name, value in headers))


def _padded(random: Random, value: str) -> str:
    return f" {value}\t " if random.random() < 0.05 else value


def _joined(random: Random, elements: list[str]) -> str:
    text = elements[0] if elements else ""
    for element in elements[1:]:
        text += random.choice(_SEPARATORS) + element
    return f",{text} ," if random.random() < 0.05 else text


# --- Ranges ------------------------------------------------------------------------------------------


def _range(random: Random, size: int) -> str:
    kind = random.random()
    if kind < 0.4:
        specs = [_spec(random, size)]
    elif kind < 0.6:
        specs = [_spec(random, size) for _ in range(random.randint(2, 4))]
    elif kind < 0.9:
        specs = _scattered(random, size, random.randint(2, 6))
    else:
        specs = _scattered(random, size, random.randint(14, 19))
    if random.random() < 0.05:
        specs.insert(random.randint(0, len(specs)), random.choice(_BROKEN_SPECS))
    if random.random() < 0.005:
        # Around the number of digits that int() takes, and one such number at most: servers limit a line to 8190 bytes.
        specs[0] = random.choice(("{}-", "-{}", "0-{}")).format("9" * random.randint(4290, 4400))
    return random.choice(_UNITS) + _joined(random, specs)


def _spec(random: Random, size: int) -> str:
    first, last = _position(random, size), _position(random, size)
    kind = random.random()
    if kind < 0.2:
        return f"{_written(random, first)}-"
    if kind < 0.4:
        return f"-{_written(random, last)}"
    if kind < 0.9:
        first, last = sorted((first, last))
    return f"{_written(random, first)}-{_written(random, last)}"


def _scattered(random: Random, size: int, count: int) -> list[str]:
    """Small ranges with gaps of which some are just too large to be joined, in order or in none."""
    specs = []
    start = random.randint(0, size // 4)
    for _ in range(count):
        last = start + random.randint(0, 40)
        specs.append(f"{start}-{last}")
        start = max(0, last + 1 + random.choice((-30, -1, 0, 1, 78, 79, 80, 81, 200, 500, 900)))
    if random.random() < 0.2:
        specs.append(f"-{random.randint(0, 100)}")
    if random.random() < 0.4:
        random.shuffle(specs)
    return specs


def _position(random: Random, size: int) -> int:
    near = random.choice((0, size // 2, size)) + random.randint(-2, 2)
    return max(0, random.choice((0, near, near, random.randint(0, size), random.randint(0, size), 2**64, 10**30)))


def _written(random: Random, number: int) -> str:
    return f"{'0' * random.randint(1, 30)}{number}" if random.random() < 0.05 else str(number)


# --- Conditions --------------------------------------------------------------------------------------


def _tags(random: Random, representation: Representation) -> str:
    if random.random() < 0.1:
        return "*"
    return _joined(random, [_tag(random, representation) for _ in range(random.choice((0, 1, 1, 1, 2, 3)))])


def _tag(random: Random, representation: Representation) -> str:
    etag = representation.etag
    right = (f'"{etag}"',) * 6
    weak = (f'W/"{etag}"',) * 3
    wrong = ('"other"', '""', 'W/"other"', '"*"', '"a,b"', '"a\\"', '"\xe9"', f'"{etag},"', f'"x{etag}"')
    broken = ("*", etag, f"'{etag}'", f'"{etag}', f'{etag}"', f'w/"{etag}"', '"a b"', f'"a" "{etag}"', "W/")
    choices: tuple[str, ...] = (*right, *weak, *wrong, *(broken if random.random() < 0.5 else right))
    return random.choice(choices)


def _date(random: Random, representation: Representation) -> str:
    moment = (representation.last_modified or _SOME_DATE) + timedelta(seconds=random.choice(_SECONDS))
    text = random.choice((imf_fixdate, imf_fixdate, rfc850_date, asctime_date))(moment)
    return text if random.random() < 0.8 else _broken_date(random, text)


def _broken_date(random: Random, text: str) -> str:
    cut = random.randrange(len(text))
    return random.choice((
        "", "0", "now", f"{text}, {text}", f"{text}; length=1",
        text.lower(), text.replace(" GMT", ""), text.replace("GMT", "UTC"), text.replace("GMT", "+0000"),
        text.replace(":", "."), text.replace(", ", ","), text.replace(" ", "  ", 1), text[:-6] + "60" + text[-4:],
        text[:cut] + text[cut + 1 :], text[:cut] + random.choice(" 09:,-x") + text[cut + 1 :],
    ))  # fmt: skip
