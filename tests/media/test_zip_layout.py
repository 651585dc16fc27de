"""Archives as they are laid out: any range is a slice of the whole, and every unzipper reads the whole."""

import os
import subprocess
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha1, sha256
from io import BytesIO
from itertools import groupby
from pathlib import Path
from random import Random
from struct import unpack_from
from typing import Any, cast
from zipfile import ZipFile
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.zip_layout import Member, MemberBytes, ZipLayout
from storage.types import ByteRange

GIB = 1024**3
LIMIT = 0xFFFFFFFF
MOMENT = datetime(2024, 7, 14, 15, 16, 17, 999_999, UTC)
FILES = {
    "IMG_0001.HEIC": bytes(range(256)) * 500,
    "empty.txt": b"",
    "Zoë 🏔️ (1).jpg": b"mountain" * 3,
    "عكس.mov": b"\0" * 70_000,
    "-rf": b"PK\3\4 PK\1\2 PK\5\6",
}


def member(name: str = "a.jpg", data: bytes = b"", modified_at: datetime = MOMENT) -> Member:
    return Member(name, len(data), crc32(data), modified_at, sha1(data).digest())


def sized(*sizes: int) -> ZipLayout:
    """Members whose bytes nobody reads."""
    return ZipLayout([Member(f"{index}.mov", size, 7, MOMENT, b"") for index, size in enumerate(sizes)])


def read(layout: ZipLayout, contents: Sequence[bytes], start: int = 0, stop: int | None = None) -> bytes:
    return b"".join(
        piece if isinstance(piece, bytes) else contents[piece.index][piece.byte_range.start : piece.byte_range.stop]
        for piece in layout.pieces(start, stop)
    )


def archive(files: dict[str, bytes], modified_at: datetime = MOMENT) -> bytes:
    layout = ZipLayout([member(name, data, modified_at) for name, data in files.items()])
    data = read(layout, list(files.values()))
    assert len(data) == layout.size
    return data


def length(piece: bytes | MemberBytes) -> int:
    if isinstance(piece, bytes):
        return len(piece)
    assert piece.byte_range.stop is not None
    return piece.byte_range.stop - piece.byte_range.start


def joined(pieces: Iterable[bytes | MemberBytes]) -> list[bytes | MemberBytes]:
    """The pieces with neighbouring bytes as one: where those are divided says nothing."""
    found: list[bytes | MemberBytes] = []
    for is_bytes, run in groupby(pieces, lambda piece: isinstance(piece, bytes)):
        if is_bytes:
            found.append(b"".join(cast("Iterator[bytes]", run)))
        else:
            found.extend(run)
    return found


def sliced(pieces: Iterable[bytes | MemberBytes], start: int, stop: int) -> Iterator[bytes | MemberBytes]:
    """What of all the pieces of an archive is in the range, by walking."""
    at = 0
    for piece in pieces:
        lower, upper = max(start - at, 0), min(stop - at, length(piece))
        if lower < upper:
            yield piece[lower:upper] if isinstance(piece, bytes) else MemberBytes(piece.index, ByteRange(lower, upper))
        at += length(piece)


def edges(pieces: Iterable[bytes | MemberBytes]) -> list[int]:
    """Where the pieces of an archive begin and end."""
    found = [0]
    for piece in pieces:
        found.append(found[-1] + length(piece))
    return found


# --- Ranges ------------------------------------------------------------------------------------------


@settings(deadline=None)  # a busy machine is no error
@given(st.dictionaries(st.text(min_size=1, max_size=8), st.binary(max_size=40), max_size=6), st.data())
def test_any_range_is_a_slice_of_the_whole(files: dict[str, bytes], data: st.DataObject) -> None:
    layout = ZipLayout([member(name, content) for name, content in files.items()])
    contents = list(files.values())
    whole = read(layout, contents)
    start, stop = (data.draw(st.integers(0, layout.size + 5)) for _ in range(2))
    assert len(whole) == layout.size
    assert read(layout, contents, start, stop) == whole[start:stop]
    assert read(layout, contents, start) == whole[start:]


@settings(deadline=None)
@given(st.lists(st.sampled_from([0, 1, 1000, LIMIT - 1, LIMIT, LIMIT + 1, 2**40]), max_size=5), st.data())
def test_any_range_of_a_huge_archive_is_a_slice_of_the_whole(sizes: list[int], data: st.DataObject) -> None:
    layout = sized(*sizes)
    whole = list(layout.pieces())
    near_an_edge = st.builds(int.__add__, st.sampled_from(edges(whole)), st.integers(-3, 3)).map(abs)
    start, stop = (data.draw(near_an_edge | st.integers(0, layout.size)) for _ in range(2))
    assert edges(whole)[-1] == layout.size
    assert joined(layout.pieces(start, stop)) == joined(sliced(whole, start, stop))


def test_pieces_are_never_empty_and_an_empty_member_has_none() -> None:
    pieces = list(sized(0, 3, 0).pieces())
    assert all(length(piece) for piece in pieces)
    assert [piece for piece in pieces if not isinstance(piece, bytes)] == [MemberBytes(1, ByteRange(0, 3))]


def test_a_range_within_a_member_is_of_that_member_alone() -> None:
    layout = sized(10, 5 * GIB, 10)
    at = next(layout.pieces(4 * GIB))
    assert isinstance(at, MemberBytes)
    start = at.byte_range.start
    assert list(layout.pieces(4 * GIB, 4 * GIB + 9)) == [MemberBytes(1, ByteRange(start, start + 9))]


def test_a_range_costs_nothing_for_the_members_before_it() -> None:
    layout = sized(*[1_000_000] * 20_000)
    random = Random(1)
    for _ in range(2_000):
        start = random.randrange(20_000 * 1_000_000)
        assert sum(map(length, layout.pieces(start, start + 10))) == 10


def test_the_directory_comes_in_chunks() -> None:
    layout = sized(*[0] * 5_000)
    headers, directory = list(layout.pieces())[:5_000], list(layout.pieces())[5_000:]
    assert all(length(piece) < 100 for piece in headers)
    assert max(map(length, directory)) < 100 * 1024
    assert len(directory) < 15


def test_a_layout_keeps_and_makes_little() -> None:
    members = [Member(f"IMG_{index:05}.HEIC", 3_000_000, 7, MOMENT, b"") for index in range(20_000)]
    tracemalloc.start()
    try:
        for _ in ZipLayout(members).pieces():
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1024 * 1024


# --- The ETag ----------------------------------------------------------------------------------------


def test_equal_members_make_an_equal_etag() -> None:
    first, second = (ZipLayout([member(name, data) for name, data in FILES.items()]).etag for _ in range(2))
    assert first == second
    assert bytes.fromhex(first)


@pytest.mark.parametrize("change", [
    {"name": "b.jpg"}, {"size": 5}, {"crc32": 5}, {"modified_at": MOMENT + timedelta(seconds=1)}, {"identity": b"5"},
], ids=lambda change: next(iter(change)))  # fmt: skip
def test_whatever_decides_the_bytes_is_in_the_etag(change: dict[str, Any]) -> None:
    one = member()
    assert ZipLayout([replace(one, **change)]).etag != ZipLayout([one]).etag


def test_the_order_and_the_number_of_members_are_in_the_etag() -> None:
    a, b = member("a"), member("b")
    etags = [ZipLayout(members).etag for members in ([], [a], [a, a], [a, b], [b, a])]
    assert len(set(etags)) == len(etags)


def test_bytes_that_pass_from_one_field_to_the_next_change_the_etag() -> None:
    left, right = replace(member("ab"), identity=b"c"), replace(member("a"), identity=b"bc")
    assert ZipLayout([left]).etag != ZipLayout([right]).etag


def test_headers_that_change_change_the_etag_too() -> None:
    """Where the first value changes, so must the layout's revision, and with it the second."""
    layout = sized(5, 5 * GIB, 0)
    headers = sha256(b"".join(piece for piece in layout.pieces() if isinstance(piece, bytes)))
    assert (headers.hexdigest()[:16], layout.etag[:16]) == ("2f83ade21923d761", "c0c5f17ea85d3e71")


# --- Fields ------------------------------------------------------------------------------------------


def extra_fields(extra: bytes) -> dict[int, bytes]:
    found, at = {}, 0
    while at < len(extra):
        tag, size = unpack_from("<2H", extra, at)
        found[tag] = extra[at + 4 : at + 4 + size]
        at += 4 + size
    return found


def local_header(layout: ZipLayout, index: int) -> tuple[int, int, int, dict[int, bytes]]:
    """Version needed, both sizes and the extra fields of a member's header."""
    starts = [at for at, piece in zip(edges(layout.pieces()), layout.pieces(), strict=False)
              if isinstance(piece, bytes) and piece.startswith(b"PK\3\4")]  # fmt: skip
    header = next(layout.pieces(starts[index]))
    assert isinstance(header, bytes)
    version, compressed, size, name, extra = unpack_from("<4xH12x2L2H", header)
    assert len(header) == 30 + name + extra
    return version, compressed, size, extra_fields(header[30 + name :])


def entries(layout: ZipLayout) -> Iterator[tuple[int, int, int, int, dict[int, bytes]]]:
    """Version needed, both sizes, offset and extra fields of each entry of the directory."""
    last = joined(layout.pieces())[-1]
    assert isinstance(last, bytes)
    at = last.index(b"PK\1\2")
    while last.startswith(b"PK\1\2", at):
        version, compressed, size, name, extra, offset = unpack_from("<6xH12x2L2H10xL", last, at)
        yield version, compressed, size, offset, extra_fields(last[at + 46 + name : at + 46 + name + extra])
        at += 46 + name + extra


def end_records(layout: ZipLayout) -> tuple[bytes, bytes]:
    """The zip64 end record with its locator, empty where there is none; the end record."""
    last = joined(layout.pieces())[-1]
    assert isinstance(last, bytes)
    zip64 = last[-98:-22]
    return zip64 if zip64.startswith(b"PK\6\6") else b"", last[-22:]


def twice(number: int) -> bytes:
    return number.to_bytes(8, "little") * 2


def test_a_member_just_below_4_gib_needs_no_zip64() -> None:
    layout = sized(LIMIT - 1)
    version, *sizes, extra = local_header(layout, 0)
    assert (version, sizes, set(extra)) == (20, [LIMIT - 1] * 2, {0x5455})
    version, *numbers, extra = next(entries(layout))
    assert (version, numbers, set(extra)) == (20, [LIMIT - 1, LIMIT - 1, 0], {0x5455})


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1, 5 * GIB])
def test_a_larger_member_has_both_sizes_in_zip64(size: int) -> None:
    layout = sized(size)
    version, *sizes, extra = local_header(layout, 0)
    assert (version, sizes, extra[1]) == (45, [LIMIT] * 2, twice(size))
    version, *numbers, extra = next(entries(layout))
    assert (version, numbers, extra[1]) == (45, [LIMIT, LIMIT, 0], twice(size))


def test_a_member_behind_4_gib_has_its_place_in_zip64_and_its_size_where_it_fits() -> None:
    layout = sized(LIMIT - 1, 5)
    version, *sizes, extra = local_header(layout, 1)
    assert (version, sizes, set(extra)) == (20, [5, 5], {0x5455})
    _, (version, *numbers, extra) = entries(layout)
    assert (version, numbers) == (45, [5, 5, LIMIT])
    assert int.from_bytes(extra[1], "little") == LIMIT - 1 + len("0.mov") + 30 + 9


@pytest.mark.parametrize(("overhang", "zip64"), [(-1, False), (0, True)])
def test_the_end_needs_zip64_from_where_the_directory_begins_too_far_behind(overhang: int, zip64: bool) -> None:
    start = LIMIT + overhang
    layout = sized(start - 30 - 9 - len("0.mov"))
    size = 46 + 9 + len("0.mov")
    end64, end = end_records(layout)
    assert unpack_from("<4s4H2LH", end) == (b"PK\5\6", 0, 0, 1, 1, size, start, 0)
    assert bool(end64) == zip64
    assert next(entries(layout))[0] == 20


def test_the_zip64_end_has_the_true_numbers_and_the_locator_finds_it() -> None:
    layout = sized(5 * GIB, 5 * GIB)
    at = layout.size - 98
    directory = at - 2 * (46 + len("0.mov") + 9 + 20) - 8
    end64, end = end_records(layout)
    assert unpack_from("<4sQ2H2L4Q", end64) == (
        b"PK\6\6", 44, 3 << 8 | 45, 45, 0, 0, 2, 2, at - directory, directory,
    )  # fmt: skip
    assert unpack_from("<4sLQL", end64, 56) == (b"PK\6\7", 0, at, 1)
    assert unpack_from("<2H2L", end, 8) == (2, 2, at - directory, LIMIT)


@pytest.mark.parametrize(("count", "zip64"), [(65_534, False), (65_535, True)])
def test_the_end_needs_zip64_from_65535_members_on(count: int, zip64: bool) -> None:
    end64, end = end_records(sized(*[0] * count))
    assert bool(end64) == zip64
    assert unpack_from("<2H", end, 8) == (count, count)


def test_header_and_entry_say_the_same_time() -> None:
    layout = sized(5)
    seconds = int(MOMENT.timestamp()).to_bytes(4, "little")
    assert local_header(layout, 0)[-1][0x5455] == next(entries(layout))[-1][0x5455] == b"\1" + seconds


@pytest.mark.parametrize(("moment", "dos", "seconds"), [
    (datetime(1979, 12, 31, 23, 59, 59, tzinfo=UTC), (1980, 1, 1, 0, 0, 0), 315_532_799),
    (datetime(1980, 1, 1, tzinfo=UTC), (1980, 1, 1, 0, 0, 0), 315_532_800),
    (datetime(1969, 12, 31, 23, 59, 59, 500_000, UTC), (1980, 1, 1, 0, 0, 0), -1),
    (datetime(1850, 1, 1, tzinfo=UTC), (1980, 1, 1, 0, 0, 0), -(2**31)),
    (datetime(2107, 12, 31, 23, 59, 59, tzinfo=UTC), (2107, 12, 31, 23, 59, 58), 2**31 - 1),
    (datetime(2108, 1, 1, tzinfo=UTC), (2107, 12, 31, 23, 59, 58), 2**31 - 1),
    (datetime(2024, 1, 1, 1, 30, 1, tzinfo=timezone(timedelta(hours=2))), (2023, 12, 31, 23, 30, 0), 1_704_065_401),
    (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), (1980, 1, 1, 0, 0, 0), -(2**31)),
    (datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))), (2107, 12, 31, 23, 59, 58), 2**31 - 1),
])  # fmt: skip
def test_dates_are_in_utc_and_as_near_as_the_fields_can_say(
    moment: datetime, dos: tuple[int, ...], seconds: int
) -> None:
    data = archive({"a": b""}, moment)
    with ZipFile(BytesIO(data)) as opened:
        assert opened.getinfo("a").date_time == dos
        assert unpack_from("<l", extra_fields(opened.getinfo("a").extra)[0x5455], 1) == (seconds,)


@pytest.mark.parametrize("change", [
    {"size": -1}, {"crc32": -1}, {"crc32": 2**32}, {"modified_at": MOMENT.replace(tzinfo=None)}, {"name": ""},
    {"name": "x" * 65_536}, {"name": "\ud800"},
], ids=str)  # fmt: skip
def test_what_no_header_can_hold_is_no_member(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        replace(member(), **change)


# --- What others read --------------------------------------------------------------------------------


def run(*command: str | Path, folder: Path) -> bytes:
    """What a program says; far from UTC, so that a date in local time would show."""
    environ = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "EST5"}
    return subprocess.run(command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True,
                          check=True).stdout  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "archive.zip"
    path.write_bytes(archive(FILES))
    return path


def test_python_reads_every_member(path: Path) -> None:
    with ZipFile(path) as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()} == FILES
        assert {info.external_attr >> 16 for info in opened.infolist()} == {0o100644}
        assert {(info.create_system, info.flag_bits, info.compress_type) for info in opened.infolist()} == {
            (3, 0x800, 0)
        }


def test_info_zip_tests_and_extracts_every_member(path: Path, tmp_path: Path) -> None:
    assert b"No errors detected" in run("unzip", "-t", path, folder=tmp_path)
    run("unzip", "-q", path, "-d", "out", folder=tmp_path)
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == FILES
    assert {file.stat().st_mode for file in (tmp_path / "out").iterdir()} == {0o100644}


def test_7_zip_tests_and_extracts_every_member_without_a_warning(path: Path, tmp_path: Path) -> None:
    said = run("7z", "t", path, folder=tmp_path)
    assert b"Everything is Ok" in said
    assert b"WARNING" not in said.upper()
    run("7z", "x", "-oout", path, folder=tmp_path)
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == FILES


def test_libarchive_lists_and_extracts_every_member(path: Path, tmp_path: Path) -> None:
    assert run("bsdtar", "-tf", path, folder=tmp_path).decode().splitlines() == list(FILES)
    for name, data in FILES.items():
        assert run("bsdtar", "-xOf", path, "--", name, folder=tmp_path) == data
    # What reads from a pipe has the local headers only.
    piped = subprocess.run(["bsdtar", "-xOf", "-"], input=path.read_bytes(), capture_output=True, check=True)
    assert piped.stdout == b"".join(FILES.values())


@pytest.mark.parametrize("program", [["unzip", "-q"], ["bsdtar", "-xf"], ["7z", "x"]], ids=lambda words: words[0])
def test_extracted_files_have_their_dates_to_the_second(program: list[str], tmp_path: Path) -> None:
    moments = [datetime(1975, 3, 4, 5, 6, 7, tzinfo=UTC), datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC),
               datetime(2024, 7, 14, 15, 16, 17, tzinfo=UTC), datetime(2037, 1, 1, 0, 0, 1, tzinfo=UTC)]  # fmt: skip
    layout = ZipLayout([member(f"{index}.jpg", b"", moment) for index, moment in enumerate(moments)])
    (tmp_path / "a.zip").write_bytes(read(layout, []))
    run(*program, "a.zip", folder=tmp_path)
    extracted = [int((tmp_path / f"{index}.jpg").stat().st_mtime) for index in range(len(moments))]
    assert extracted == [moment.timestamp() for moment in moments]


@pytest.mark.parametrize("files", [{}, dict.fromkeys(map(str, range(70_000)), b"")], ids=["none", "70,000"])
def test_no_member_and_very_many_members_are_read_by_all(files: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(archive(files))
    with ZipFile(path) as opened:
        assert opened.namelist() == list(files)
    assert run("bsdtar", "-tf", path, folder=tmp_path).decode().splitlines() == list(files)
    assert b"Everything is Ok" in run("7z", "t", path, folder=tmp_path)
    if files:  # Info-ZIP fails on an empty archive by design
        assert b"70000 files" in run("unzip", "-Zt", path, folder=tmp_path)


def test_an_archive_above_4_gib_is_read_by_all(tmp_path: Path) -> None:
    """Its bytes are a hole in the file; only what lies behind them is read."""
    note = b"found behind 4 GiB"
    layout = ZipLayout([Member("huge.mov", LIMIT + 6, 0, MOMENT, b""), member("note.txt", note)])
    path = tmp_path / "a.zip"
    with path.open("wb") as file:
        for at, piece in zip(edges(layout.pieces()), layout.pieces(), strict=False):
            file.seek(at)
            file.write(piece if isinstance(piece, bytes) else note if piece.index else b"")
    assert (path.stat().st_size, path.stat().st_blocks * 512 < 1024**2) == (layout.size, True)
    with ZipFile(path) as opened:
        assert [info.file_size for info in opened.infolist()] == [LIMIT + 6, len(note)]
        assert opened.read("note.txt") == note
    assert b"4294967301" in run("unzip", "-l", path, folder=tmp_path)
    assert b"4294967301" in run("7z", "l", path, folder=tmp_path)
    assert run("unzip", "-p", path, "note.txt", folder=tmp_path) == note
    assert run("7z", "x", "-so", path, "note.txt", folder=tmp_path) == note
    assert run("bsdtar", "-xOf", path, "note.txt", folder=tmp_path) == note
