"""Which videos are transcoded, as Immich decides, and what comes out."""

from pathlib import Path
from typing import Any

import pytest

from errors import ToolFailed
from media.filters import fit
from media.probe import Probe, parse, probe
from media.transcode import WHOLE, Plan, arguments, plan_for, transcode
from tests.media.pictures import BLUE, GREEN, GREY, RED
from tests.media.test_frames import assert_corners, corner_video, frame_of
from tests.media.videos import H264, HEVC, PQ, make_rotated, make_video

MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
REMUX, VIDEO, AUDIO = Plan(False, False), Plan(True, False), Plan(False, True)


def described(container: str, video: str, pixels: str, audio: str | None) -> Probe:
    streams: list[dict[str, Any]] = [
        {"index": 0, "codec_type": "video", "codec_name": video, "pix_fmt": pixels, "width": 64, "height": 48}
    ]
    if audio is not None:
        streams.append({"index": 1, "codec_type": "audio", "codec_name": audio})
    return parse({"format": {"format_name": container}, "streams": streams})


@pytest.mark.parametrize(("container", "video", "pixels", "audio", "plan"), [
    (MP4, "h264", "yuv420p", "aac", None),
    (MP4, "h264", "yuvj420p", "mp3", None),
    (MP4, "h264", "yuv420p", "opus", None),
    (MP4, "h264", "yuv420p", None, None),
    ("ogg", "h264", "yuv420p", "opus", None),
    ("matroska,webm", "h264", "yuv420p", "aac", REMUX),
    ("avi", "h264", "yuv420p", None, REMUX),
    ("mpegts", "h264", "yuv420p", "aac", REMUX),
    (MP4, "h264", "yuv420p", "ac3", AUDIO),
    (MP4, "h264", "yuv420p", "pcm_s16le", AUDIO),
    ("mpegts", "h264", "yuv420p", "ac3", AUDIO),
    (MP4, "hevc", "yuv420p", "aac", VIDEO),
    (MP4, "h264", "yuv422p10le", "aac", VIDEO),
    (MP4, "h264", "yuv420p10le", None, VIDEO),
    (MP4, "h264", "yuv444p", "aac", VIDEO),
    (MP4, "prores", "yuv422p10le", "pcm_s16le", WHOLE),
    ("matroska,webm", "vp9", "yuv420p", "opus", VIDEO),
    ("matroska,webm", "av1", "yuv420p", "vorbis", WHOLE),
    ("avi", "mpeg4", "yuv420p", "mp3", VIDEO),
    ("asf", "wmv2", "yuv420p", "wmav2", WHOLE),
    ("flv", "flv1", "yuv420p", "mp3", VIDEO),
    ("mpeg", "mpeg2video", "yuv420p", "mp2", WHOLE),
])  # fmt: skip
def test_the_policy_is_immichs(container: str, video: str, pixels: str, audio: str | None, plan: Plan | None) -> None:
    assert plan_for(described(container, video, pixels, audio)) == plan


@pytest.mark.parametrize(("size", "fitted"), [
    ((1920, 1080), (1280, 720)), ((1080, 1920), (720, 1280)), ((3840, 1644), (1682, 720)), ((1280, 720), (1280, 720)),
    ((640, 480), (640, 480)), ((63, 47), (62, 46)), ((1, 1), (2, 2)), ((720, 721), (720, 720)),
])  # fmt: skip
def test_the_size_is_even_and_never_larger(size: tuple[int, int], fitted: tuple[int, int]) -> None:
    stream = {"index": 0, "codec_type": "video", "codec_name": "h264", "width": size[0], "height": size[1]}
    assert fit(parse({"streams": [stream]}).video, 720) == fitted


@pytest.mark.parametrize(("plan", "options"), [
    (REMUX, ["-map", "0:0", "-c:v", "copy", "-map", "0:1", "-c:a", "copy"]),
    (AUDIO, ["-map", "0:0", "-c:v", "copy", "-map", "0:1", "-c:a", "aac"]),
    (VIDEO, ["-map", "0:0", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "23", "-fps_mode", "passthrough"]),
])  # fmt: skip
def test_no_more_is_encoded_than_the_plan_says(plan: Plan, options: list[str]) -> None:
    told = arguments(described(MP4, "hevc", "yuv420p", "aac"), plan, Path("out"))
    assert list(told[: len(options)]) == options


def result_of(source: Path, plan: Plan | None = None) -> Path:
    found, output = probe(source), source.with_name("out.mp4")
    wanted = plan or plan_for(found)
    assert wanted is not None
    transcode(source, found, wanted, output, lambda done: None)
    return output


def assert_plays(path: Path) -> Probe:
    """What every browser plays, the index at the start so that it begins at once."""
    made = probe(path)
    assert plan_for(made) is None
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    return made


@pytest.mark.parametrize(("name", "encoding", "sound"), [
    ("a.mov", (*HEVC, "-pix_fmt", "yuv420p"), ("-c:a", "aac")),
    ("a.webm", ("-c:v", "libvpx-vp9", "-deadline", "realtime"), ("-c:a", "libopus")),
    ("a.avi", ("-c:v", "mpeg4"), ("-c:a", "mp3")),
    ("a.mp4", ("-c:v", "libx264", "-pix_fmt", "yuv422p10le"), None),
    ("a.mov", ("-c:v", "prores", "-pix_fmt", "yuv422p10le"), ("-c:a", "pcm_s16le")),
    ("a.ts", H264, ("-c:a", "ac3")),
    ("a.ts", H264, ("-c:a", "aac")),
    ("a.mkv", H264, ("-c:a", "aac")),
    ("a.mkv", H264, None),
    ("a.wmv", ("-c:v", "wmv2"), ("-c:a", "wmav2")),
    ("a.mpg", ("-c:v", "mpeg2video", "-r", "25"), ("-c:a", "mp2")),
    ("a.3gp", ("-c:v", "mpeg4"), None),
    ("a.flv", ("-c:v", "flv"), None),
    ("a.mxf", ("-c:v", "mpeg2video", "-r", "25"), None),
])  # fmt: skip
def test_what_comes_out_plays_everywhere(
    tmp_path: Path, name: str, encoding: tuple[str, ...], sound: tuple[str, ...] | None
) -> None:
    source = make_video(tmp_path / name, *encoding, sound=sound)
    made = assert_plays(result_of(source))
    assert (made.audio is None) == (sound is None)
    assert (made.video.width, made.video.height) == (64, 48)
    assert made.duration is not None
    assert 400 <= made.duration <= 700


@pytest.mark.parametrize("plan", [WHOLE, REMUX])
def test_a_turned_video_stays_upright(tmp_path: Path, plan: Plan) -> None:
    source = make_rotated(tmp_path / "b.mp4", 90, corner_video(tmp_path / "a.mp4"))
    output = result_of(source, plan)
    assert (probe(output).video.width, probe(output).video.height) == (48, 64)
    assert_corners(frame_of(output), (BLUE, RED, GREY, GREEN))


def test_a_large_video_becomes_720_lines(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mov", *HEVC, "-pix_fmt", "yuv420p", picture="testsrc=s=1920x1080:r=4:d=0.5")
    made = assert_plays(result_of(source))
    assert (made.video.width, made.video.height) == (1280, 720)


def test_high_dynamic_range_becomes_ordinary(tmp_path: Path) -> None:
    made = assert_plays(result_of(make_video(tmp_path / "a.mov", *HEVC[:-1], PQ, "-pix_fmt", "yuv420p10le")))
    assert (made.video.is_hdr, made.video.transfer, made.video.pixel_format) == (False, "bt709", "yuv420p")


def test_device_place_and_date_stay_in_the_original(tmp_path: Path) -> None:
    tags = ("-movflags", "use_metadata_tags", "-metadata", "location=+12.3456-065.4321/", "-metadata", "title=SECRET")
    source = make_video(tmp_path / "a.mkv", *H264, *tags)
    assert b"SECRET" in source.read_bytes()
    made = result_of(source).read_bytes()
    assert b"SECRET" not in made
    assert b"12.3456" not in made


def test_frames_keep_their_own_times(tmp_path: Path) -> None:
    rhythm = ("-vf", "settb=1/1000,setpts=N*N*40", "-enc_time_base", "1:1000", "-fps_mode", "passthrough")
    source = make_video(tmp_path / "a.mkv", "-c:v", "libx264", "-pix_fmt", "yuv444p", *rhythm)
    before, after = probe(source), probe(result_of(source))
    assert before.duration is not None
    assert after.duration is not None
    assert abs(before.duration - after.duration) < 300


def test_the_share_done_is_told(tmp_path: Path) -> None:
    source, told = make_video(tmp_path / "a.avi", "-c:v", "mpeg4"), list[float]()
    found = probe(source)
    transcode(source, found, WHOLE, tmp_path / "out.mp4", told.append)
    assert told
    assert told == sorted(told)
    assert all(0 <= share <= 1 for share in told)
    assert told[-1] > 0.7


def test_half_a_video_becomes_half_a_video(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "a.mkv", *HEVC, "-g", "5", picture="testsrc=s=320x240:r=10:d=2").read_bytes()
    (tmp_path / "b.mkv").write_bytes(whole[: len(whole) // 2])
    made = assert_plays(result_of(tmp_path / "b.mkv"))
    assert made.duration is not None
    assert 0 < made.duration < 2000


def test_streams_that_do_not_fit_are_a_failure_that_tells_why(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.flv", "-c:v", "flv")
    with pytest.raises(ToolFailed, match="Could not find tag for codec flv1"):
        result_of(source, REMUX)
