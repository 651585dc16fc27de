"""The frame that stands for a video: not black, upright, in an ordinary screen's colours."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from errors import MediaError
from media.frames import grab_frame
from media.probe import probe
from tests.media.pictures import BLUE, GREEN, GREY, RED, colour_at, corner_colours, corners, near
from tests.media.videos import H264, HEVC, PQ, make_rotated, make_video, run_ffmpeg

# Everything of the little videos is within a few levels of what was encoded.
CLOSE = 30


def corner_video(path: Path, *encoding: str, size: tuple[int, int] = (64, 48)) -> Path:
    corners(size).save(path.with_suffix(".png"))
    run_ffmpeg("-loop", "1", "-t", "0.3", "-i", path.with_suffix(".png"), *(encoding or H264), path)
    return path


def frame_of(video: Path) -> Image.Image:
    picture = video.with_name("frame.bmp")
    grab_frame(video, probe(video), picture)
    with Image.open(picture) as image:
        image.load()
        return image


def assert_corners(image: Image.Image, wanted: Sequence[tuple[int, ...]]) -> None:
    found = corner_colours(image)
    assert all(near(one, other, CLOSE) for one, other in zip(found, wanted, strict=True)), found


@pytest.mark.parametrize(("degrees", "wanted"), [
    (0, (RED, GREEN, BLUE, GREY)),
    (90, (BLUE, RED, GREY, GREEN)),
    (180, (GREY, BLUE, GREEN, RED)),
    (270, (GREEN, GREY, RED, BLUE)),
])  # fmt: skip
def test_a_frame_is_upright(tmp_path: Path, degrees: int, wanted: Sequence[tuple[int, ...]]) -> None:
    video = corner_video(tmp_path / "a.mp4")
    image = frame_of(make_rotated(tmp_path / "b.mp4", degrees, video) if degrees else video)
    assert image.size == ((48, 64) if degrees in (90, 270) else (64, 48))
    assert_corners(image, wanted)


@pytest.mark.parametrize(("size", "tagged"), [((64, 48), False), ((960, 720), False), ((64, 48), True)])
def test_colours_are_read_as_players_read_them(tmp_path: Path, size: tuple[int, int], tagged: bool) -> None:
    is_hd = tagged or size[1] >= 720
    matrix = "bt709" if is_hd else "bt601"
    tags = ("-colorspace", "bt709") if tagged else ()
    graph = f"scale=out_color_matrix={matrix},format=yuv420p" + ("" if tagged else ",setparams=colorspace=unknown")
    assert_corners(
        frame_of(corner_video(tmp_path / "a.mp4", *H264, "-vf", graph, *tags, size=size)), (RED, GREEN, BLUE, GREY)
    )


def test_black_at_the_start_is_passed_over(tmp_path: Path) -> None:
    later_red = "color=black:s=64x48:r=10:d=1,drawbox=c=red:t=fill:enable=gt(t\\,0.45)"
    make_video(tmp_path / "a.mp4", *H264, "-g", "5", picture=later_red)
    assert near(colour_at(frame_of(tmp_path / "a.mp4"), 0.5, 0.5), (255, 0, 0), CLOSE)


def test_a_video_that_is_black_all_through_is_black(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.avi", "-c:v", "mpeg4", picture="color=black:s=64x48:d=0.3")
    assert near(colour_at(frame_of(video), 0.5, 0.5), (0, 0, 0))


def test_the_shorter_side_is_a_previews_and_never_more(tmp_path: Path) -> None:
    picture = "color=green:s=3840x2160:r=5:d=0.4"
    assert frame_of(make_video(tmp_path / "a.mp4", *H264, picture=picture)).size == (2560, 1440)


def test_pixels_that_are_not_square_become_so(tmp_path: Path) -> None:
    assert frame_of(corner_video(tmp_path / "a.mp4", *H264, "-vf", "setsar=3/2")).size == (96, 48)


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_high_dynamic_range_is_brought_down(tmp_path: Path, transfer: str) -> None:
    light = "zscale=tin=bt709:pin=bt709:min=bt709:rin=tv:t=linear:p=bt2020:npl=100,format=gbrpf32le"
    coded = f"zscale=tin=linear:pin=bt2020:t={transfer}:m=bt2020nc:r=tv"
    graph = f"scale=out_color_matrix=bt709,format=yuv420p,{light},{coded}"
    flat = make_video(
        tmp_path / "a.mp4", *HEVC[:-1], PQ.replace("smpte2084", transfer), "-vf", f"{graph},format=yuv420p10le",
        picture="color=0xB04040:s=64x48:r=10:d=0.3",
    )  # fmt: skip
    red, green, blue = colour_at(frame_of(flat), 0.5, 0.5)
    assert red > 110
    assert abs(green - blue) < 12
    assert 25 < green < red - 60


def test_high_dynamic_range_that_says_no_more_than_its_transfer_is_brought_down_too(tmp_path: Path) -> None:
    tags = "setparams=color_primaries=unknown:color_trc=smpte2084:colorspace=unknown,format=yuv420p10le"
    video = make_video(tmp_path / "a.mkv", *HEVC[:-1], "log-level=none:transfer=smpte2084", "-vf", tags)
    assert probe(video).video.primaries is None
    assert frame_of(video).size == (64, 48)


def test_a_truncated_video_gives_the_frame_that_is_there(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "a.mkv", *H264, "-g", "5", picture="testsrc=s=320x240:r=10:d=2").read_bytes()
    (tmp_path / "b.mkv").write_bytes(whole[: len(whole) // 2])
    assert frame_of(tmp_path / "b.mkv").size == (320, 240)


def test_a_video_without_frames_has_none_to_give(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "a.mp4", *H264, "-movflags", "faststart").read_bytes()
    (tmp_path / "b.mp4").write_bytes(whole[: whole.index(b"mdat") + 4])
    with pytest.raises(MediaError):
        frame_of(tmp_path / "b.mp4")
