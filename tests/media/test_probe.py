"""What a video says about itself: read from real files, and from headers that lie."""

from pathlib import Path
from typing import Any

import pytest

from errors import MediaError
from media.probe import parse, probe
from tests.media.videos import H264, HEVC, PQ, longer_header, make_rotated, make_video


def answer(**stream: Any) -> dict[str, Any]:
    """What ffprobe says of an ordinary video, with differences."""
    video = {"index": 0, "codec_type": "video", "codec_name": "h264", "width": 64, "height": 48, "pix_fmt": "yuv420p"}
    return {"format": {"format_name": "avi", "duration": "2.5", "size": "5000"}, "streams": [video | stream]}


@pytest.mark.parametrize(("name", "container"), [
    ("a.mp4", "mp4"), ("a.mov", "mov"), ("a.mkv", "matroska"), ("a.avi", "avi"), ("a.ts", "mpegts"), ("a.flv", "flv"),
])  # fmt: skip
def test_a_video_tells_what_it_is(tmp_path: Path, name: str, container: str) -> None:
    found = probe(make_video(tmp_path / name, sound=("-c:a", "aac")))
    assert container in found.containers
    assert (found.video.codec, found.video.pixel_format, found.video.width, found.video.height) == (
        "h264", "yuv420p", 64, 48
    )  # fmt: skip
    assert found.audio is not None
    assert found.audio.codec == "aac"
    assert found.duration is not None
    assert 450 <= found.duration <= 650
    assert found.bit_rate
    assert not found.video.is_hdr


@pytest.mark.parametrize(("name", "encoding", "codec"), [
    ("a.webm", ("-c:v", "libvpx-vp9", "-deadline", "realtime"), "vp9"),
    ("a.wmv", ("-c:v", "wmv2"), "wmv2"),
    ("a.mpg", ("-c:v", "mpeg2video", "-r", "25"), "mpeg2video"),
    ("a.mxf", ("-c:v", "mpeg2video", "-r", "25"), "mpeg2video"),
    ("a.3gp", ("-c:v", "mpeg4"), "mpeg4"),
])  # fmt: skip
def test_every_container_that_is_kept_can_be_read(
    tmp_path: Path, name: str, encoding: tuple[str, ...], codec: str
) -> None:
    assert probe(make_video(tmp_path / name, *encoding)).video.codec == codec


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_video_has_the_size_that_is_shown(tmp_path: Path, degrees: int) -> None:
    video = probe(make_rotated(tmp_path / "b.mov", degrees, make_video(tmp_path / "a.mp4"))).video
    assert video.rotation == degrees
    assert (video.stored_width, video.stored_height) == (64, 48)
    assert (video.width, video.height) == ((64, 48) if degrees == 180 else (48, 64))


def test_pixels_that_are_not_square_are_counted_as_shown(tmp_path: Path) -> None:
    video = probe(make_video(tmp_path / "a.mp4", *H264, "-vf", "setsar=3/2")).video
    assert (video.stored_width, video.width, video.height) == (64, 96, 48)


def test_high_dynamic_range_is_told(tmp_path: Path) -> None:
    hdr = make_video(tmp_path / "a.mp4", *HEVC[:-1], PQ, "-pix_fmt", "yuv420p10le")
    video = probe(hdr).video
    assert (video.is_hdr, video.primaries, video.matrix) == (True, "bt2020", "bt2020nc")


def test_a_frame_rate_is_rounded_and_nonsense_left_out() -> None:
    rates = {"30000/1001": 29.97, "25/1": 25.0, "0/0": None, "90000/1": None, "x": None}
    assert {rate: parse(answer(avg_frame_rate=rate)).video.fps for rate in rates} == rates


def test_a_picture_on_the_cover_is_no_video() -> None:
    cover = answer(disposition={"attached_pic": 1})
    with pytest.raises(MediaError, match="no video"):
        parse(cover)


def test_of_several_streams_the_largest_picture_and_the_default_sound_are_played() -> None:
    found = answer(width=640, height=480, index=1)
    found["streams"] += [
        answer()["streams"][0],
        {"index": 2, "codec_type": "audio", "codec_name": "aac"},
        {"index": 3, "codec_type": "audio", "codec_name": "opus", "disposition": {"default": 1}},
        {"index": 4, "codec_type": "audio", "disposition": {"default": 1}},
    ]
    played = parse(found)
    assert played.audio is not None
    assert (played.video.index, played.audio.index) == (1, 3)


@pytest.mark.parametrize(("stream", "told"), [
    ({"width": 0, "height": 0}, "no size"),
    ({"width": 100_000, "height": 100_000}, "too large"),
    ({"width": 16_384, "height": 16_384}, "too large"),
    ({"codec_type": "data"}, "no video"),
    ({"codec_name": "unknown"}, "no video"),
])  # fmt: skip
def test_a_video_that_nobody_could_show_is_refused(stream: dict[str, Any], told: str) -> None:
    with pytest.raises(MediaError, match=told):
        parse(answer(**stream))


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "1e99", "N/A", ""])
def test_a_duration_that_is_none_is_left_out(text: str) -> None:
    found = answer()
    found["format"]["duration"] = text
    assert (parse(found).duration, parse(found).bit_rate) == (None, None)


def test_hours_without_bytes_behind_them_are_a_lie(tmp_path: Path) -> None:
    lie = longer_header(make_video(tmp_path / "a.mp4"), tmp_path / "b.mp4", hours=10)
    with pytest.raises(MediaError, match="36000 seconds"):
        probe(lie)


def test_hours_with_bytes_behind_them_are_true() -> None:
    found = answer()
    found["format"] |= {"duration": "36000", "size": str(5_000_000)}
    assert parse(found).duration == 36_000_000
