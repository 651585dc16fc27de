"""Requests for a file of 10,000 bytes, each with the answer that a section of RFC 9110 asks for."""

from dataclasses import dataclass
from datetime import timedelta
from random import Random

from tests.rfc9110.dates import asctime_date, imf_fixdate, rfc850_date
from tests.rfc9110.messages import Answer, Representation, Request, answer

SIZE = 10_000
CONTENT = Random(9110).randbytes(SIZE)


@dataclass(frozen=True, slots=True)
class Case:
    """A request and its answer. In header values stand, in braces, what `fields_of` knows of the file."""

    name: str
    section: str
    headers: tuple[tuple[str, str], ...]
    status: int
    ranges: tuple[range, ...] = ()
    method: str = "GET"

    def request(self, representation: Representation) -> Request:
        known = fields_of(representation)
        return Request(self.method, tuple((name, value.format_map(known)) for name, value in self.headers))

    def expected(self, representation: Representation) -> Answer:
        return answer(self.status, representation, self.ranges)


def fields_of(representation: Representation) -> dict[str, str]:
    """The ETag without its quotes, and dates a second around Last-Modified, which it must have, and far from it."""
    modified, second = representation.last_modified, timedelta(seconds=1)
    assert modified is not None
    return {
        "etag": representation.etag,
        "modified": imf_fixdate(modified),
        "modified_rfc850": rfc850_date(modified),
        "modified_asctime": asctime_date(modified),
        "before": imf_fixdate(modified - second),
        "before_rfc850": rfc850_date(modified - second),
        "before_asctime": asctime_date(modified - second),
        "after": imf_fixdate(modified + second),
        "after_rfc850": rfc850_date(modified + second),
        "after_asctime": asctime_date(modified + second),
        "long_before": imf_fixdate(modified - timedelta(days=4000)),
        "long_after": imf_fixdate(modified + timedelta(days=4000)),
    }


def _bytes(name: str, section: str, field: str, status: int, *spans: tuple[int, int]) -> Case:
    return _case(name, section, {"Range": field}, status, *spans)


def _case(
    name: str, section: str, headers: dict[str, str], status: int, *spans: tuple[int, int], method: str = "GET"
) -> Case:
    return Case(name, section, tuple(headers.items()), status, tuple(range(*span) for span in spans), method)


_NINES = "9" * 5000
_MANY = [(start, start + 10) for start in range(0, 9000, 500)]
_SIXTEEN = ",".join(f"{start}-{stop - 1}" for start, stop in _MANY[:16])
_SEVENTEEN = ",".join(f"{start}-{stop - 1}" for start, stop in _MANY[:17])
_PART = {"Range": "bytes=0-499"}

_ONE_RANGE = (
    _bytes("the first 500 bytes", "14.1.2", "bytes=0-499", 206, (0, 500)),
    _bytes("the second 500 bytes", "14.1.2", "bytes=500-999", 206, (500, 1000)),
    _bytes("the last 500 bytes by their number", "14.1.2", "bytes=-500", 206, (9500, 10000)),
    _bytes("the last 500 bytes by their start", "14.1.2", "bytes=9500-", 206, (9500, 10000)),
    _bytes("the first byte", "14.1.2", "bytes=0-0", 206, (0, 1)),
    _bytes("the last byte by its position", "14.1.2", "bytes=9999-9999", 206, (9999, 10000)),
    _bytes("the last byte by its number", "14.1.2", "bytes=-1", 206, (9999, 10000)),
    _bytes("the last byte to the end", "14.1.2", "bytes=9999-", 206, (9999, 10000)),
    _bytes("all bytes from the first", "14.1.2", "bytes=0-", 206, (0, 10000)),
    _bytes("all bytes by both ends", "14.1.2", "bytes=0-9999", 206, (0, 10000)),
    _bytes("all bytes as a suffix", "14.1.2", "bytes=-10000", 206, (0, 10000)),
    _bytes("a suffix one longer than the file", "14.1.2", "bytes=-10001", 206, (0, 10000)),
    _bytes("a suffix much longer than the file", "14.1.2", "bytes=-99999999999999999999", 206, (0, 10000)),
    _bytes("an end one past the file", "14.1.2", "bytes=9000-10000", 206, (9000, 10000)),
    _bytes("an end far past the file", "14.1.2", "bytes=9000-99999999999999999999", 206, (9000, 10000)),
    _bytes("a start at the end", "15.5.17", "bytes=10000-", 416),
    _bytes("a start at the end with an end", "15.5.17", "bytes=10000-10000", 416),
    _bytes("a start past the end", "15.5.17", "bytes=10001-20000", 416),
    _bytes("a start beyond 64 bits", "15.5.17", "bytes=18446744073709551616-", 416),
    _bytes("the last no bytes", "14.1.2", "bytes=-0", 416),
    _bytes("the last no bytes in many digits", "14.1.2", "bytes=-000", 416),
    _bytes("leading zeros", "14.1.2", "bytes=000000000000000000000000-0000499", 206, (0, 500)),
    _bytes("a suffix with leading zeros", "14.1.2", "bytes=-000000000000000000000000500", 206, (9500, 10000)),
    _bytes("a start of 5000 digits", "14.1.2", f"bytes={_NINES}-", 416),
    _bytes("an end of 5000 digits", "14.1.2", f"bytes=0-{_NINES}", 206, (0, 10000)),
    _bytes("a suffix of 5000 digits", "14.1.2", f"bytes=-{_NINES}", 206, (0, 10000)),
    _bytes("5000 digits that are reversed", "14.1.1", f"bytes={_NINES}-1", 200),
    _bytes("5000 leading zeros", "14.1.2", f"bytes={'0' * 5000}5-9", 206, (5, 10)),
    _bytes("the unit in capitals", "14.1", "BYTES=0-499", 206, (0, 500)),
    _bytes("the unit in mixed case", "14.1", "Bytes=0-499", 206, (0, 500)),
    _bytes("white space after the equals sign", "14.1.1, erratum 7306", "bytes= \t 0-499", 206, (0, 500)),
)

_IGNORED_RANGES = (
    _bytes("an end before the start", "14.1.1", "bytes=500-499", 200),
    _bytes("an end before a start that lies past the file", "14.1.1", "bytes=20000-10000", 200),
    _bytes("an unknown unit", "14.2", "items=0-499", 200),
    _bytes("the unit none", "14.3", "none=0-499", 200),
    _bytes("a unit that begins with bytes", "14.2", "bytesx=0-499", 200),
    _bytes("a unit that ends before bytes does", "14.2", "byte=0-499", 200),
    _bytes("no unit", "14.2", "0-499", 200),
    _bytes("an empty unit", "14.2", "=0-499", 200),
    _bytes("no equals sign", "14.1.1", "bytes 0-499", 200),
    _bytes("a colon for the equals sign", "14.1.1", "bytes:0-499", 200),
    _bytes("two equals signs", "14.1.1", "bytes==0-499", 200),
    _bytes("white space before the equals sign", "14.1.1", "bytes =0-499", 200),
    _bytes("white space before the dash", "14.1.1", "bytes=0 -499", 200),
    _bytes("white space after the dash", "14.1.1", "bytes=0- 499", 200),
    _bytes("white space before a suffix length", "14.1.1", "bytes=- 500", 200),
    _bytes("white space within a number", "14.1.1", "bytes=0-4 99", 200),
    _bytes("an empty field", "14.2", "", 200),
    _bytes("only the unit", "14.2", "bytes", 200),
    _bytes("an empty set", "14.1.1", "bytes=", 200),
    _bytes("a set of empty elements", "5.6.1.2", "bytes=,", 200),
    _bytes("a set of empty elements and white space", "5.6.1.2", "bytes=, ,\t,", 200),
    _bytes("only a dash", "14.1.1", "bytes=-", 200),
    _bytes("two dashes", "14.1.1", "bytes=--500", 200),
    _bytes("a dash too many", "14.1.1", "bytes=0-499-", 200),
    _bytes("only a number", "14.1.1", "bytes=500", 200),
    _bytes("an asterisk", "14.1.1", "bytes=*", 200),
    _bytes("letters", "14.1.1", "bytes=a-b", 200),
    _bytes("hexadecimal digits", "14.1.1", "bytes=0x0-0x10", 200),
    _bytes("a sign", "14.1.1", "bytes=+0-499", 200),
    _bytes("an underscore in a number", "14.1.1", "bytes=0-4_99", 200),
    _bytes("a decimal point", "14.1.1", "bytes=0-499.0", 200),
    _bytes("a superscript for a digit", "14.1.1", "bytes=0-\xb2", 200),
    _bytes("the form of Content-Range", "14.4", "bytes 0-499/10000", 200),
    _bytes("the size behind a range", "14.1.1", "bytes=0-499/10000", 200),
    _bytes("a quoted set", "14.1.1", 'bytes="0-499"', 200),
    _bytes("a semicolon between ranges", "14.1.1", "bytes=0-499;1000-1499", 200),
    _bytes("white space between ranges", "14.1.1", "bytes=0-499 1000-1499", 200),
    _bytes("garbage behind a range", "14.1.1", "bytes=0-499,x", 200),
    _bytes("garbage before a range", "14.1.1", "bytes=x,0-499", 200),
    _bytes("a reversed range behind a valid one", "14.1.1", "bytes=0-499,1500-1000", 200),
    _bytes("a unit in every element", "14.1.1", "bytes=0-499,bytes=1000-1499", 200),
    Case("two lines with a unit each", "5.3", (("Range", "bytes=0-499"), ("Range", "bytes=1000-1499")), 200),
)

_SEVERAL_RANGES = (
    _bytes("two ranges", "15.3.7.2", "bytes=0-499,1000-1499", 206, (0, 500), (1000, 1500)),
    _bytes("the first, the middle and the last", "14.1.2", "bytes= 0-999, 4500-5499, -1000", 206,
           (0, 1000), (4500, 5500), (9000, 10000)),
    _bytes("the first byte and the last", "14.1.2", "bytes=0-0,-1", 206, (0, 1), (9999, 10000)),
    _bytes("two ranges against their order", "15.3.7.2", "bytes=1000-1499,0-499", 206, (1000, 1500), (0, 500)),
    _bytes("a suffix before a range", "15.3.7.2", "bytes=-500,0-499", 206, (9500, 10000), (0, 500)),
    _bytes("three ranges in no order", "15.3.7.2", "bytes=5000-5009,9000-9009,1000-1009", 206,
           (5000, 5010), (9000, 9010), (1000, 1010)),
    _bytes("a range to the end and one before it", "15.3.7.2", "bytes=9000-,0-9", 206, (9000, 10000), (0, 10)),
    _bytes("white space around commas", "5.6.1.2", "bytes=0-9 ,\t1000-1009", 206, (0, 10), (1000, 1010)),
    _bytes("empty elements", "5.6.1.2", "bytes=,0-9,, ,1000-1009,", 206, (0, 10), (1000, 1010)),
    _bytes("an empty first element and white space", "5.6.1.2", "bytes= ,0-9", 206, (0, 10)),
    _bytes("one range and empty elements", "5.6.1.2", "bytes=,,0-9,,", 206, (0, 10)),
    Case("two lines that continue each other", "5.3", (("Range", "bytes=0-9"), ("Range", "1000-1009")), 206,
         (range(10), range(1000, 1010))),
    _bytes("overlapping ranges", "15.3.7.2", "bytes=0-499,400-899", 206, (0, 900)),
    _bytes("the same range twice", "15.3.7.2", "bytes=0-499,0-499", 206, (0, 500)),
    _bytes("a range within another", "15.3.7.2", "bytes=0-999,100-199", 206, (0, 1000)),
    _bytes("a range around another", "15.3.7.2", "bytes=100-199,0-999", 206, (0, 1000)),
    _bytes("touching ranges", "15.3.7.2", "bytes=0-499,500-999", 206, (0, 1000)),
    _bytes("touching ranges against their order", "15.3.7.2", "bytes=500-999,0-499", 206, (0, 1000)),
    _bytes("touching ranges that are the file", "14.1.2", "bytes=0-4999,5000-9999", 206, (0, 10000)),
    _bytes("the second 500 bytes in two touching ranges", "14.1.2", "bytes=500-600,601-999", 206, (500, 1000)),
    _bytes("the second 500 bytes in two overlapping ranges", "14.1.2", "bytes=500-700,601-999", 206, (500, 1000)),
    _bytes("a gap of 79 bytes", "15.3.7.2", "bytes=0-99,179-199", 206, (0, 200)),
    _bytes("a gap of 80 bytes", "15.3.7.2", "bytes=0-99,180-199", 206, (0, 100), (180, 200)),
    _bytes("a gap of 79 bytes against the order", "15.3.7.2", "bytes=179-199,0-99", 206, (0, 200)),
    _bytes("a gap of 80 bytes against the order", "15.3.7.2", "bytes=180-199,0-99", 206, (180, 200), (0, 100)),
    _bytes("a chain of small gaps", "15.3.7.2", "bytes=0-9,100-109,50-59,150-159", 206, (0, 160)),
    _bytes("a range that joins two earlier ones", "15.3.7.2", "bytes=0-99,5000-5009,200-299,100-199", 206,
           (0, 300), (5000, 5010)),
    _bytes("joined ranges stand where the first was asked for", "15.3.7.2", "bytes=5000-5009,9000-9009,5010-5019",
           206, (5000, 5020), (9000, 9010)),
    _bytes("a joined range behind another", "15.3.7.2", "bytes=9000-9009,5010-5019,5000-5009", 206,
           (9000, 9010), (5000, 5020)),
    _bytes("a suffix that overlaps a range", "15.3.7.2", "bytes=9000-9599,-500", 206, (9000, 10000)),
    _bytes("an unsatisfiable range behind a satisfiable one", "14.1.2", "bytes=0-499,10000-", 206, (0, 500)),
    _bytes("an unsatisfiable range before a satisfiable one", "14.1.2", "bytes=10000-,0-499", 206, (0, 500)),
    _bytes("no last bytes beside a range", "14.1.2", "bytes=-0,0-499", 206, (0, 500)),
    _bytes("an unsatisfiable range among several", "15.3.7.2", "bytes=0-9,20000-20009,1000-1009", 206,
           (0, 10), (1000, 1010)),
    _bytes("only unsatisfiable ranges", "15.5.17", "bytes=10000-,20000-20009", 416),
    _bytes("only unsatisfiable ranges of both forms", "15.5.17", "bytes=10000-,-0", 416),
    _bytes("16 ranges", "14.2", f"bytes={_SIXTEEN}", 206, *_MANY[:16]),
    _bytes("17 ranges", "14.2", f"bytes={_SEVENTEEN}", 200),
    _bytes("17 ranges that are one when joined", "14.2", f"bytes={','.join(['0-9'] * 17)}", 200),
    _bytes("17 unsatisfiable ranges", "14.2", f"bytes={','.join(['10000-'] * 17)}", 200),
    _bytes("16 ranges and many empty elements", "5.6.1.2", f"bytes={',' * 50}{_SIXTEEN}{',' * 50}", 206, *_MANY[:16]),
    _bytes("all bytes twice", "14.2", "bytes=0-,0-", 200),
    _bytes("one byte more than the file has", "14.2", "bytes=0-9999,0-0", 200),
    _bytes("exactly as many bytes as the file has", "14.2", "bytes=0-4999,0-4999", 206, (0, 5000)),
    _bytes("bytes past the end do not count", "14.2", "bytes=0-4999,5000-99999", 206, (0, 10000)),
    _bytes("unsatisfiable ranges do not count", "14.2", "bytes=0-9999,10000-99999", 206, (0, 10000)),
)  # fmt: skip

_IF_MATCH = (
    _case("If-Match with the tag", "13.1.1", {"If-Match": '"{etag}"'}, 200),
    _case("If-Match with an asterisk", "13.1.1", {"If-Match": "*"}, 200),
    _case("If-Match with another tag", "13.1.1", {"If-Match": '"other"'}, 412),
    _case("If-Match with the tag among others", "13.1.1", {"If-Match": '"a", "{etag}", "b"'}, 200),
    _case("If-Match with other tags", "13.1.1", {"If-Match": '"a", "b"'}, 412),
    _case("If-Match with the tag made weak", "8.8.3.2", {"If-Match": 'W/"{etag}"'}, 412),
    _case("If-Match with the tag weak and strong", "8.8.3.2", {"If-Match": 'W/"{etag}", "{etag}"'}, 200),
    _case("If-Match with the tag behind a letter", "8.8.3.2", {"If-Match": '"x{etag}"'}, 412),
    _case("If-Match with a tag of an asterisk", "8.8.3", {"If-Match": '"*"'}, 412),
    _case("If-Match with the tag unquoted", "8.8.3", {"If-Match": "{etag}"}, 412),
    _case("If-Match with the tag in single quotes", "8.8.3", {"If-Match": "'{etag}'"}, 412),
    _case("If-Match with a quote that is not closed", "8.8.3", {"If-Match": '"{etag}'}, 412),
    _case("If-Match with the tag within another", "8.8.3", {"If-Match": '"a,{etag},b"'}, 412),
    _case("If-Match with empty elements", "5.6.1.2", {"If-Match": ', ,"{etag}",,'}, 200),
    _case("If-Match without white space", "5.6.1.2", {"If-Match": '"a","{etag}"'}, 200),
    _case("If-Match without a comma", "13.1.1", {"If-Match": '"a" "{etag}"'}, 412),
    _case("If-Match with an asterisk in a list", "13.1.1", {"If-Match": '*, "a"'}, 412),
    _case("an empty If-Match", "13.1.1", {"If-Match": ""}, 412),
    Case("If-Match on two lines", "5.3", (("If-Match", '"a"'), ("If-Match", '"{etag}"')), 200),
    _case("a range with If-Match", "13.2.2", {"If-Match": '"{etag}"'} | _PART, 206, (0, 500)),
    _case("a range with an If-Match that fails", "13.2.2", {"If-Match": '"other"'} | _PART, 412),
    _case("an unsatisfiable range with an If-Match that fails", "13.2.2",
          {"If-Match": '"other"', "Range": "bytes=10000-"}, 412),
)  # fmt: skip

_IF_UNMODIFIED_SINCE = (
    _case("If-Unmodified-Since with the date", "13.1.4", {"If-Unmodified-Since": "{modified}"}, 200),
    _case("If-Unmodified-Since a second later", "13.1.4", {"If-Unmodified-Since": "{after}"}, 200),
    _case("If-Unmodified-Since a second earlier", "13.1.4", {"If-Unmodified-Since": "{before}"}, 412),
    _case("If-Unmodified-Since long before", "13.1.4", {"If-Unmodified-Since": "{long_before}"}, 412),
    _case("If-Unmodified-Since earlier as of RFC 850", "5.6.7", {"If-Unmodified-Since": "{before_rfc850}"}, 412),
    _case("If-Unmodified-Since earlier as of asctime", "5.6.7", {"If-Unmodified-Since": "{before_asctime}"}, 412),
    _case("If-Unmodified-Since that is no date", "13.1.4", {"If-Unmodified-Since": "yesterday"}, 200),
    _case("If-Unmodified-Since in another zone", "5.6.7",
          {"If-Unmodified-Since": "Sun, 06 Nov 1994 08:49:37 +0000"}, 200),
    _case("If-Unmodified-Since in UTC by another name", "5.6.7",
          {"If-Unmodified-Since": "Sun, 06 Nov 1994 08:49:37 UTC"}, 200),
    _case("If-Unmodified-Since of two dates", "13.1.4", {"If-Unmodified-Since": "{before}, {before}"}, 200),
    _case("an empty If-Unmodified-Since", "13.1.4", {"If-Unmodified-Since": ""}, 200),
    _case("If-Match decides over If-Unmodified-Since", "13.2.2",
          {"If-Match": '"{etag}"', "If-Unmodified-Since": "{before}"}, 200),
    _case("If-Match fails in spite of If-Unmodified-Since", "13.2.2",
          {"If-Match": '"other"', "If-Unmodified-Since": "{after}"}, 412),
    _case("a range with If-Unmodified-Since", "13.2.2",
          {"If-Unmodified-Since": "{modified}"} | _PART, 206, (0, 500)),
    _case("a range with an If-Unmodified-Since that fails", "13.2.2", {"If-Unmodified-Since": "{before}"} | _PART, 412),
)  # fmt: skip

_IF_NONE_MATCH = (
    _case("If-None-Match with the tag", "13.1.2", {"If-None-Match": '"{etag}"'}, 304),
    _case("If-None-Match with the tag made weak", "8.8.3.2", {"If-None-Match": 'W/"{etag}"'}, 304),
    _case("If-None-Match with an asterisk", "13.1.2", {"If-None-Match": "*"}, 304),
    _case("If-None-Match with another tag", "13.1.2", {"If-None-Match": '"other"'}, 200),
    _case("If-None-Match with the tag among others", "13.1.2", {"If-None-Match": '"a", W/"b", "{etag}"'}, 304),
    _case("If-None-Match with the tag first", "13.1.2", {"If-None-Match": '"{etag}","a"'}, 304),
    _case("If-None-Match with a small w", "8.8.3", {"If-None-Match": 'w/"{etag}"'}, 200),
    _case("If-None-Match with a weak tag and white space", "8.8.3", {"If-None-Match": 'W/ "{etag}"'}, 200),
    _case("If-None-Match with a tag of an asterisk", "8.8.3", {"If-None-Match": '"*"'}, 200),
    _case("If-None-Match with the tag unquoted", "8.8.3", {"If-None-Match": "{etag}"}, 200),
    _case("If-None-Match with the tag unquoted among others", "8.8.3", {"If-None-Match": '"a", {etag}'}, 200),
    _case("If-None-Match with the tag and garbage", "8.8.3", {"If-None-Match": '"{etag}", garbage'}, 200),
    _case("If-None-Match with the tag within another", "8.8.3", {"If-None-Match": '"a, {etag}"'}, 200),
    _case("If-None-Match with the tag behind one with commas", "8.8.3", {"If-None-Match": '"a,b,c", "{etag}"'}, 304),
    _case("If-None-Match with the tag behind a backslash", "8.8.3", {"If-None-Match": '"a\\", "{etag}"'}, 304),
    _case("If-None-Match with the tag behind Latin-1", "8.8.3", {"If-None-Match": '"\xe9\xff", "{etag}"'}, 304),
    _case("If-None-Match with the tag behind an empty one", "8.8.3", {"If-None-Match": '"", "{etag}"'}, 304),
    _case("If-None-Match with a space in a tag", "8.8.3", {"If-None-Match": '"a b", "{etag}"'}, 200),
    _case("If-None-Match with empty elements", "5.6.1.2", {"If-None-Match": ',"a",,\t"{etag}" ,'}, 304),
    _case("If-None-Match with an asterisk in a list", "13.1.2", {"If-None-Match": '"a", *'}, 200),
    _case("an empty If-None-Match", "13.1.2", {"If-None-Match": ""}, 200),
    Case("If-None-Match on two lines", "5.3", (("If-None-Match", '"a"'), ("If-None-Match", '"{etag}"')), 304),
    _case("a range with an If-None-Match that matches", "13.2.2", {"If-None-Match": '"{etag}"'} | _PART, 304),
    _case("a range with an If-None-Match that does not", "13.2.2", {"If-None-Match": '"a"'} | _PART, 206, (0, 500)),
    _case("an unsatisfiable range with an If-None-Match that matches", "13.2.2",
          {"If-None-Match": '"{etag}"', "Range": "bytes=10000-"}, 304),
    _case("If-Match and If-None-Match with the tag", "13.2.2",
          {"If-Match": '"{etag}"', "If-None-Match": '"{etag}"'}, 304),
    _case("If-Match fails before If-None-Match", "13.2.2", {"If-Match": '"a"', "If-None-Match": '"{etag}"'}, 412),
    _case("If-Unmodified-Since fails before If-None-Match", "13.2.2",
          {"If-Unmodified-Since": "{before}", "If-None-Match": '"{etag}"'}, 412),
)  # fmt: skip

_IF_MODIFIED_SINCE = (
    _case("If-Modified-Since with the date", "13.1.3", {"If-Modified-Since": "{modified}"}, 304),
    _case("If-Modified-Since a second later", "13.1.3", {"If-Modified-Since": "{after}"}, 304),
    _case("If-Modified-Since a second earlier", "13.1.3", {"If-Modified-Since": "{before}"}, 200),
    _case("If-Modified-Since long before", "13.1.3", {"If-Modified-Since": "{long_before}"}, 200),
    _case("If-Modified-Since long after", "13.1.3", {"If-Modified-Since": "{long_after}"}, 304),
    _case("If-Modified-Since as of RFC 850", "5.6.7", {"If-Modified-Since": "{modified_rfc850}"}, 304),
    _case("If-Modified-Since earlier as of RFC 850", "5.6.7", {"If-Modified-Since": "{before_rfc850}"}, 200),
    _case("If-Modified-Since as of asctime", "5.6.7", {"If-Modified-Since": "{modified_asctime}"}, 304),
    _case("If-Modified-Since earlier as of asctime", "5.6.7", {"If-Modified-Since": "{before_asctime}"}, 200),
    _case("If-Modified-Since that is no date", "13.1.3", {"If-Modified-Since": "tomorrow"}, 200),
    _case("If-Modified-Since of two dates", "13.1.3", {"If-Modified-Since": "{after}, {after}"}, 200),
    _case("If-Modified-Since in another zone", "5.6.7", {"If-Modified-Since": "Tue, 19 Jan 2038 03:14:07 +0100"}, 200),
    _case("If-Modified-Since in UTC by another name", "5.6.7",
          {"If-Modified-Since": "Tue, 19 Jan 2038 03:14:07 UTC"}, 200),
    _case("If-Modified-Since without a zone", "5.6.7", {"If-Modified-Since": "Tue, 19 Jan 2038 03:14:07"}, 200),
    _case("If-Modified-Since without a day name", "5.6.7", {"If-Modified-Since": "19 Jan 2038 03:14:07 GMT"}, 200),
    _case("If-Modified-Since in small letters", "5.6.7", {"If-Modified-Since": "tue, 19 jan 2038 03:14:07 gmt"}, 200),
    _case("If-Modified-Since of ISO 8601", "5.6.7", {"If-Modified-Since": "2038-01-19T03:14:07Z"}, 200),
    _case("If-Modified-Since in seconds", "5.6.7", {"If-Modified-Since": "2147483647"}, 200),
    _case("If-Modified-Since with a size", "5.6.7", {"If-Modified-Since": "{after}; length=10000"}, 200),
    _case("If-Modified-Since of a day that never was", "5.6.7",
          {"If-Modified-Since": "Tue, 30 Feb 2038 03:14:07 GMT"}, 200),
    _case("If-Modified-Since of the year 0", "5.6.7", {"If-Modified-Since": "Sat, 01 Jan 0000 00:00:00 GMT"}, 200),
    _case("If-Modified-Since of the hour 24", "5.6.7", {"If-Modified-Since": "Tue, 19 Jan 2038 24:00:00 GMT"}, 200),
    _case("If-Modified-Since of a leap second", "5.6.7", {"If-Modified-Since": "Thu, 31 Dec 2037 23:59:60 GMT"}, 304),
    _case("If-Modified-Since after the last second of time", "5.6.7",
          {"If-Modified-Since": "Fri, 31 Dec 9999 23:59:60 GMT"}, 200),
    _case("an empty If-Modified-Since", "13.1.3", {"If-Modified-Since": ""}, 200),
    _case("If-None-Match decides over If-Modified-Since", "13.1.3",
          {"If-None-Match": '"other"', "If-Modified-Since": "{after}"}, 200),
    _case("If-None-Match matches in spite of If-Modified-Since", "13.1.3",
          {"If-None-Match": '"{etag}"', "If-Modified-Since": "{before}"}, 304),
    _case("a broken If-None-Match still decides over If-Modified-Since", "13.1.3",
          {"If-None-Match": "garbage", "If-Modified-Since": "{after}"}, 200),
    _case("a range with an If-Modified-Since that holds", "13.2.2",
          {"If-Modified-Since": "{before}"} | _PART, 206, (0, 500)),
    _case("a range with an If-Modified-Since that does not", "13.2.2",
          {"If-Modified-Since": "{modified}"} | _PART, 304),
    _case("both dates are the file's", "13.2.2",
          {"If-Unmodified-Since": "{modified}", "If-Modified-Since": "{modified}"}, 304),
    _case("all four conditions hold", "13.2.2",
          {"If-Match": '"{etag}"', "If-Unmodified-Since": "{before}", "If-None-Match": '"other"',
           "If-Modified-Since": "{after}"} | _PART, 206, (0, 500)),
)  # fmt: skip

_IF_RANGE = (
    _case("If-Range with the tag", "13.1.5", {"If-Range": '"{etag}"'} | _PART, 206, (0, 500)),
    _case("If-Range with another tag", "13.1.5", {"If-Range": '"other"'} | _PART, 200),
    _case("If-Range with the tag made weak", "13.1.5", {"If-Range": 'W/"{etag}"'} | _PART, 200),
    _case("If-Range with the tag unquoted", "13.1.5", {"If-Range": "{etag}"} | _PART, 200),
    _case("If-Range with the tag in a list", "13.1.5", {"If-Range": '"{etag}", "a"'} | _PART, 200),
    _case("If-Range with the tag twice", "13.1.5", {"If-Range": '"{etag}", "{etag}"'} | _PART, 200),
    _case("If-Range with an asterisk", "13.1.5", {"If-Range": "*"} | _PART, 200),
    _case("If-Range with the date", "13.1.5", {"If-Range": "{modified}"} | _PART, 206, (0, 500)),
    _case("If-Range with the date as of RFC 850", "5.6.7", {"If-Range": "{modified_rfc850}"} | _PART, 206, (0, 500)),
    _case("If-Range with the date as of asctime", "5.6.7", {"If-Range": "{modified_asctime}"} | _PART, 206, (0, 500)),
    _case("If-Range a second earlier", "13.1.5", {"If-Range": "{before}"} | _PART, 200),
    _case("If-Range a second later", "13.1.5", {"If-Range": "{after}"} | _PART, 200),
    _case("If-Range long after", "13.1.5", {"If-Range": "{long_after}"} | _PART, 200),
    _case("If-Range that is neither tag nor date", "13.1.5", {"If-Range": "garbage"} | _PART, 200),
    _case("an empty If-Range", "13.1.5", {"If-Range": ""} | _PART, 200),
    _case("If-Range without a range", "13.1.5", {"If-Range": '"{etag}"'}, 200),
    _case("another If-Range without a range", "13.1.5", {"If-Range": '"other"'}, 200),
    _case("If-Range with several ranges", "13.1.5",
          {"If-Range": '"{etag}"', "Range": "bytes=0-9,1000-1009"}, 206, (0, 10), (1000, 1010)),
    _case("another If-Range with several ranges", "13.1.5",
          {"If-Range": '"other"', "Range": "bytes=0-9,1000-1009"}, 200),
    _case("If-Range with an unsatisfiable range", "13.1.5", {"If-Range": '"{etag}"', "Range": "bytes=10000-"}, 416),
    _case("another If-Range with an unsatisfiable range", "14.2",
          {"If-Range": '"other"', "Range": "bytes=10000-"}, 200),
    _case("If-Range with a malformed range", "14.2", {"If-Range": '"{etag}"', "Range": "bytes=x"}, 200),
    _case("If-Range after an If-Match", "13.2.2",
          {"If-Match": '"{etag}"', "If-Range": '"{etag}"'} | _PART, 206, (0, 500)),
    _case("If-Range after an If-None-Match that matches", "13.2.2",
          {"If-None-Match": '"{etag}"', "If-Range": '"{etag}"'} | _PART, 304),
)  # fmt: skip

_HEAD = (
    _case("HEAD", "9.3.2", {}, 200, method="HEAD"),
    _case("HEAD with a range", "14.2", _PART, 200, method="HEAD"),
    _case("HEAD with several ranges", "14.2", {"Range": "bytes=0-9,1000-1009"}, 200, method="HEAD"),
    _case("HEAD with an unsatisfiable range", "14.2", {"Range": "bytes=10000-"}, 200, method="HEAD"),
    _case("HEAD with a range and If-Range", "13.1.5", {"If-Range": '"{etag}"'} | _PART, 200, method="HEAD"),
    _case("HEAD and If-Match", "13.1.1", {"If-Match": '"{etag}"'}, 200, method="HEAD"),
    _case("HEAD and another If-Match", "13.1.1", {"If-Match": '"other"'}, 412, method="HEAD"),
    _case("HEAD and If-None-Match", "13.1.2", {"If-None-Match": '"{etag}"'}, 304, method="HEAD"),
    _case("HEAD and another If-None-Match", "13.1.2", {"If-None-Match": '"other"'}, 200, method="HEAD"),
    _case("HEAD and If-Modified-Since", "13.1.3", {"If-Modified-Since": "{modified}"}, 304, method="HEAD"),
    _case("HEAD and If-Modified-Since earlier", "13.1.3", {"If-Modified-Since": "{before}"}, 200, method="HEAD"),
    _case("HEAD and If-Unmodified-Since", "13.1.4", {"If-Unmodified-Since": "{modified}"}, 200, method="HEAD"),
    _case("HEAD and If-Unmodified-Since earlier", "13.1.4", {"If-Unmodified-Since": "{before}"}, 412, method="HEAD"),
    _case("HEAD with a range and If-None-Match", "13.2.2", {"If-None-Match": '"{etag}"'} | _PART, 304, method="HEAD"),
)

CASES = (
    _case("nothing asked", "15.3.1", {}, 200),
    *_ONE_RANGE,
    *_IGNORED_RANGES,
    *_SEVERAL_RANGES,
    *_IF_MATCH,
    *_IF_UNMODIFIED_SINCE,
    *_IF_NONE_MATCH,
    *_IF_MODIFIED_SINCE,
    *_IF_RANGE,
    *_HEAD,
)

# For a file without a byte.
EMPTY_CASES = (
    _case("an empty file", "15.3.1", {}, 200),
    _bytes("all bytes of an empty file", "14.1.2", "bytes=0-", 416),
    _bytes("the first byte of an empty file", "14.1.2", "bytes=0-0", 416),
    _bytes("the last no bytes of an empty file", "14.1.2", "bytes=-0", 416),
    _bytes("the last bytes of an empty file are satisfiable, but not by a 206", "14.1.2", "bytes=-500", 200),
    _bytes("the last and other bytes of an empty file", "14.1.2", "bytes=0-0,-500", 200),
)

# Methods that do not deliver the file: 200 stands for going on.
OTHER_METHODS = (
    _case("PUT and If-Match", "13.1.1", {"If-Match": '"{etag}"'}, 200, method="PUT"),
    _case("PUT and another If-Match", "13.1.1", {"If-Match": '"other"'}, 412, method="PUT"),
    _case("PUT and If-None-Match with an asterisk", "13.1.2", {"If-None-Match": "*"}, 412, method="PUT"),
    _case("PUT and If-None-Match", "13.1.2", {"If-None-Match": 'W/"{etag}"'}, 412, method="PUT"),
    _case("PUT and another If-None-Match", "13.1.2", {"If-None-Match": '"other"'}, 200, method="PUT"),
    _case("DELETE and If-Unmodified-Since", "13.1.4", {"If-Unmodified-Since": "{before}"}, 412, method="DELETE"),
    _case("POST and If-Modified-Since", "13.1.3", {"If-Modified-Since": "{after}"}, 200, method="POST"),
    _case("POST with a range", "14.2", _PART, 200, method="POST"),
    _case("OPTIONS and another If-Match", "13.2.1", {"If-Match": '"other"'}, 200, method="OPTIONS"),
    _case("TRACE and If-None-Match", "13.2.1", {"If-None-Match": "*"}, 200, method="TRACE"),
)
