"""Outlines of videos: all that they say about themselves, at the price of their headers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from media import outline, tools
from media.exif import Metadata, read_metadata
from media.outline import make_outline
from tests.media.videos import make_video


class Counted:
    """A file whose reads are counted."""

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes()
        self.size = len(self._data)
        self.reads: list[int] = []

    def read(self, start: int, stop: int) -> bytes:
        assert 0 <= start < stop <= self.size
        self.reads.append(stop - start)
        return self._data[start:stop]


@pytest.fixture(autouse=True)
def small_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's videos are small."""
    monkeypatch.setattr(outline, "_READ_AHEAD", 4096)


LONG = "testsrc2=s=320x240:r=25:d=4"


def video(folder: Path, name: str = "a.mp4", *options: str) -> Path:
    path = make_video(folder / f"plain{Path(name).suffix}", "-c:v", "libx264", *options, picture=LONG)
    tools.run(["exiftool", "-api", "QuickTimeUTC=1", "-CreateDate=2024:07:01 12:00:00+00:00", "-Keys:Make=Maker",
               "-Keys:GPSCoordinates=39, -108", "-o", folder / name, path], timeout=20)  # fmt: skip
    return folder / name


def outlined(path: Path, folder: Path) -> tuple[Counted, Path, bool]:
    source = Counted(path)
    copy = folder / f"outline{path.suffix}"
    return source, copy, make_outline(source.read, source.size, copy)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.m4v"])
@pytest.mark.parametrize("options", [(), ("-movflags", "faststart")])
def test_an_outline_says_all_that_the_video_says(tmp_path: Path, name: str, options: tuple[str, ...]) -> None:
    path = video(tmp_path, name, *options)
    source, copy, is_made = outlined(path, tmp_path)
    assert is_made
    known: Metadata = read_metadata(copy)
    assert known == read_metadata(path)
    assert (known.make, known.latitude) == ("Maker", 39)
    assert len(source.reads) <= 4
    assert sum(source.reads) < source.size / 4


def test_what_a_camera_appends_is_kept(tmp_path: Path) -> None:
    path = video(tmp_path)
    path.write_bytes(path.read_bytes() + bytes(100) + b"a trailer")
    _, copy, is_made = outlined(path, tmp_path)
    assert is_made
    assert copy.read_bytes().endswith(b"a trailer")


def spoilt(change: Callable[[bytes], bytes]) -> Callable[[Path], bytes]:
    return lambda folder: change(video(folder).read_bytes())


@pytest.mark.parametrize("make", [
    lambda folder: make_video(folder / "a.avi", "-c:v", "mpeg4").read_bytes(),
    lambda folder: make_video(folder / "a.mkv").read_bytes(),
    lambda folder: b"\0\0\0\x10ftypmp42" * 1000,
    lambda folder: b"\0\0\0\x08free" * 1000,
    lambda folder: b"\0\0\0\x08mdat",
    lambda folder: b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x01",
    lambda folder: b"\xff\xff\xff\xffmdat",
    lambda folder: b"x",
    spoilt(lambda data: data[: data.index(b"moov") - 4]),
])
def test_what_has_no_headers_of_that_kind_is_fetched_whole(tmp_path: Path, make: Callable[[Path], bytes]) -> None:
    (tmp_path / "b.mp4").write_bytes(make(tmp_path))
    source, _, is_made = outlined(tmp_path / "b.mp4", tmp_path)
    assert not is_made
    assert len(source.reads) <= 64


def test_headers_that_are_too_long_are_not_worth_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outline, "_MAX_BYTES", 500)
    assert not outlined(video(tmp_path), tmp_path)[2]


def test_an_outline_takes_little_disk(tmp_path: Path) -> None:
    huge = tmp_path / "huge.mp4"
    data = video(tmp_path).read_bytes()
    # The media data as one of 8 GB, of which there are only holes.
    with huge.open("wb") as file:
        file.write(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0\0\0\x01mdat" + (8 << 30).to_bytes(8, "big"))
        file.seek((8 << 30) + 24)
        file.write(data[data.index(b"moov") - 4 :])
    size = huge.stat().st_size

    def read(start: int, stop: int) -> bytes:
        with huge.open("rb") as file:
            file.seek(start)
            return file.read(stop - start)

    assert make_outline(read, size, tmp_path / "outline.mp4")
    found = (tmp_path / "outline.mp4").stat()
    assert (found.st_size, found.st_blocks * 512 < 1 << 20) == (size, True)
    assert read_metadata(tmp_path / "outline.mp4").make == "Maker"
