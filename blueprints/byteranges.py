"""The framing of multipart/byteranges (RFC 9110 section 14.6): everything of such a body but the bytes."""

from collections.abc import Iterator
from dataclasses import dataclass

from storage.types import ByteRange


def content_range(byte_range: ByteRange, size: int) -> str:
    """The value of Content-Range for a part of a file of `size` bytes, `bytes 0-499/1234`."""
    return f"bytes {byte_range.start}-{_stop(byte_range, size) - 1}/{size}"


@dataclass(frozen=True, slots=True)
class MultipartByteranges:
    """Several ranges of one file of `size` bytes, each below headers of its own.

    Iteration gives, in the order to send, the bytes that go before a range and the range itself;
    `closing` follows the last. `boundary` has 1 to 70 letters and digits that occur nowhere in the
    file: random ones, since nobody shall be able to write a file that contains them.
    """

    ranges: tuple[ByteRange, ...]
    size: int
    part_type: str
    boundary: str

    @property
    def content_type(self) -> str:
        return f"multipart/byteranges; boundary={self.boundary}"

    @property
    def content_length(self) -> int:
        """Bytes of the whole body."""
        parts = sum(len(before) + _stop(part, self.size) - part.start for before, part in self)
        return parts + len(self.closing)

    @property
    def closing(self) -> bytes:
        return f"\r\n--{self.boundary}--\r\n".encode("ascii")

    def __iter__(self) -> Iterator[tuple[bytes, ByteRange]]:
        delimiter = f"--{self.boundary}"
        for part in self.ranges:
            lines = (delimiter, f"Content-Type: {self.part_type}", f"Content-Range: {content_range(part, self.size)}")
            yield "\r\n".join((*lines, "", "")).encode("latin-1"), part
            delimiter = f"\r\n--{self.boundary}"


def _stop(byte_range: ByteRange, size: int) -> int:
    return size if byte_range.stop is None else byte_range.stop
