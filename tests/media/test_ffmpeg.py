"""ffmpeg reads the file that it is given, or ranges of it, and nothing else, whatever stands in the file."""

import dataclasses
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from errors import MediaError, ToolFailed
from media.ffmpeg import SourceUnreadable
from media.frames import grab_frame
from media.probe import probe
from media.transcode import WHOLE, transcode
from storage.types import SignedUrl
from tests.media.ranges import RangeServer, range_server
from tests.media.videos import H264, HEVC, longer_header, make_video, run_ffmpeg

LISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}\n#EXT-X-ENDLIST\n",
    "hls-variants": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{url}\n",
    "hls-key": '#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n#EXTINF:9,\n{url}\n',
    "concat": "ffconcat version 1.0\nfile '{url}'\n",
    "dash": '<?xml version="1.0"?><MPD type="static" mediaPresentationDuration="PT9S"><Period><AdaptationSet>'
            '<Representation id="1" mimeType="video/mp4"><BaseURL>{url}</BaseURL></Representation></AdaptationSet>'
            "</Period></MPD>",
    "sdp": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video {port} RTP/AVP 96\r\n",
    "smil": '<smil><body><video src="{url}"/></body></smil>',
}  # fmt: skip


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A port at which nobody may knock."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(0)
        yield server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RangeServer]:
    with range_server(tmp_path) as server:
        yield server


@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("scheme", ["http", "file"])
def test_a_list_of_files_opens_none_of_them(
    tmp_path: Path, listening: socket.socket, suffix: str, kind: str, scheme: str
) -> None:
    # Whoever opened it would wait here until it is killed.
    os.mkfifo(tmp_path / "canary.ts")
    port = listening.getsockname()[1]
    url = f"http://127.0.0.1:{port}/canary.ts" if scheme == "http" else f"file://{tmp_path}/canary.ts"
    (tmp_path / f"a{suffix}").write_text(LISTS[kind].format(url=url, port=port))
    with pytest.raises(ToolFailed):
        probe(tmp_path / f"a{suffix}")
    with pytest.raises(BlockingIOError):
        listening.accept()


def test_a_list_in_the_store_opens_nothing_else(
    tmp_path: Path, server: RangeServer, listening: socket.socket
) -> None:
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/canary.ts"
    (tmp_path / "a.mp4").write_text(LISTS["hls"].format(url=url))
    with pytest.raises(ToolFailed) as caught:
        probe(server.url("a.mp4"))
    assert "http" not in str(caught.value)
    with pytest.raises(BlockingIOError):
        listening.accept()


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".avi", ".ts", ".mpg", ".wmv", ".flv", ".mxf", ".3gp"])
def test_nonsense_is_told_in_words_without_paths(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a{suffix}").write_bytes(bytes((7 * number * number + 13) % 251 for number in range(20_000)))
    with pytest.raises(MediaError) as caught:
        probe(tmp_path / f"a{suffix}")
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.95])
def test_a_truncated_video_is_read_or_refused(tmp_path: Path, share: float) -> None:
    whole = make_video(tmp_path / "a.mp4", *H264).read_bytes()
    (tmp_path / "b.mp4").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(MediaError):
        probe(tmp_path / "b.mp4")


def test_a_video_is_read_by_ranges(tmp_path: Path, server: RangeServer) -> None:
    make_video(tmp_path / "a.mov", *HEVC, sound=("-c:a", "aac"), picture="testsrc=s=640x480:r=10:d=2")
    url = server.url("a.mov")
    found = probe(url)
    assert found == probe(tmp_path / "a.mov")
    assert 1 <= len(server.asked) <= 4
    server.asked.clear()
    grab_frame(url, found, tmp_path / "frame.bmp")
    assert 1 <= len(server.asked) <= 4
    server.asked.clear()
    transcode(url, found, WHOLE, tmp_path / "out.mp4", lambda done: None)
    assert 1 <= len(server.asked) <= 4


def test_a_video_with_its_index_in_front_is_read_in_one_go(tmp_path: Path, server: RangeServer) -> None:
    make_video(tmp_path / "a.mp4", *HEVC, "-movflags", "faststart")
    transcode(server.url("a.mp4"), probe(tmp_path / "a.mp4"), WHOLE, tmp_path / "out.mp4", lambda done: None)
    assert server.asked == [0]


def test_a_store_that_breaks_off_is_no_end_of_the_video(tmp_path: Path, server: RangeServer) -> None:
    source = make_video(tmp_path / "a.mkv", "-c:v", "mpeg4", "-q:v", "1", picture="testsrc=s=640x480:r=10:d=9")
    found = probe(source)
    server.breaks_at = source.stat().st_size // 2
    with pytest.raises(SourceUnreadable):
        transcode(server.url("a.mkv"), found, WHOLE, tmp_path / "out.mp4", lambda done: None)


@pytest.mark.parametrize("name", ["missing.mp4", None])
def test_a_store_that_does_not_answer_is_told_without_the_url(server: RangeServer, name: str | None) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        closed = SignedUrl(f"http://127.0.0.1:{free.getsockname()[1]}/a.mp4?X-Amz-Signature=5EC12E7", 0)
    with pytest.raises(SourceUnreadable) as caught:
        probe(closed if name is None else server.url(name))
    assert "5EC12E7" not in str(caught.value)
    assert "http" not in str(caught.value)
    assert caught.value.retryable


def test_more_streams_than_any_camera_writes_are_refused(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4")
    run_ffmpeg("-i", source, *(["-map", "0:v"] * 120), "-c", "copy", tmp_path / "b.mkv")
    with pytest.raises(MediaError):
        probe(tmp_path / "b.mkv")


@pytest.mark.parametrize(("width", "height"), [(0, 0), (100_000, 100_000), (2**31 - 1, 1), (1, 2**31 - 1)])
def test_a_size_that_is_none_is_refused_before_a_picture_is_made(tmp_path: Path, width: int, height: int) -> None:
    data = bytearray(make_video(tmp_path / "a.avi", "-c:v", "rawvideo", "-pix_fmt", "bgr24").read_bytes())
    # The header of a bitmap in the chunk that says how the stream is coded, and the one of the whole file.
    place = data.index(b"strf") + 12
    data[place : place + 8] = struct.pack("<II", width, height)
    place = data.index(b"avih") + 40
    data[place : place + 8] = struct.pack("<II", width, height)
    (tmp_path / "b.avi").write_bytes(data)
    with pytest.raises(MediaError):
        probe(tmp_path / "b.avi")


def test_a_long_way_to_go_with_little_to_show_ends_soon(tmp_path: Path) -> None:
    lie = longer_header(make_video(tmp_path / "a.mp4"), tmp_path / "b.mp4", hours=10)
    made = dataclasses.replace(probe(tmp_path / "a.mp4"), duration=36_000_000)
    grab_frame(lie, made, tmp_path / "frame.bmp")
    transcode(lie, made, WHOLE, tmp_path / "out.mp4", lambda done: None)
    assert (tmp_path / "out.mp4").stat().st_size < 100_000
