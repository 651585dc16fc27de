"""The framing of multipart/byteranges, compared with the bytes that go over the wire."""

from blueprints.byteranges import MultipartByteranges, content_range
from storage.types import ByteRange

DATA = bytes(range(256)) * 4
SEVERAL = MultipartByteranges((ByteRange(500, 502), ByteRange(0, 1), ByteRange(1000)), 1024, "image/jpeg", "xyz")


def body_of(framing: MultipartByteranges, data: bytes) -> bytes:
    parts = [before + data[part.start : part.stop] for before, part in framing]
    return b"".join(parts) + framing.closing


def test_every_part_tells_its_type_and_place_in_the_order_given() -> None:
    assert body_of(SEVERAL, DATA) == (
        b"--xyz\r\nContent-Type: image/jpeg\r\nContent-Range: bytes 500-501/1024\r\n\r\n" + DATA[500:502]
        + b"\r\n--xyz\r\nContent-Type: image/jpeg\r\nContent-Range: bytes 0-0/1024\r\n\r\n" + DATA[:1]
        + b"\r\n--xyz\r\nContent-Type: image/jpeg\r\nContent-Range: bytes 1000-1023/1024\r\n\r\n" + DATA[1000:]
        + b"\r\n--xyz--\r\n"
    )  # fmt: skip


def test_the_length_is_known_before_the_first_byte() -> None:
    assert SEVERAL.content_length == len(body_of(SEVERAL, DATA))


def test_the_boundary_stands_in_the_type() -> None:
    assert SEVERAL.content_type == "multipart/byteranges; boundary=xyz"


def test_a_range_to_the_end_is_named_by_its_last_byte() -> None:
    assert content_range(ByteRange(10), 1024) == content_range(ByteRange(10, 1024), 1024) == "bytes 10-1023/1024"
