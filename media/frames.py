"""The picture that stands for a video: a frame near its start that is not black."""

from pathlib import Path

from errors import MediaError, ToolFailed
from media.ffmpeg import Source, ffmpeg
from media.filters import fit, shown
from media.images import PREVIEW_SIDE
from media.probe import Probe, VideoStream
from media.workbench import Limits

# Key frames of so many seconds are looked at. They alone are decoded, one after the other: ffmpeg's own filter
# for this, `thumbnail`, keeps as many frames as it chooses from, which at 4K is more than a gigabyte.
_SECONDS = "15"
# A pixel is black below this level of luma (16 is none at all), a frame where this share of its pixels (%) is.
_BLACK_LEVEL, _BLACK_SHARE = 32, 95
_NOT_BLACK = (
    f"blackframe=amount=0:threshold={_BLACK_LEVEL},"
    f"metadata=select:key=lavfi.blackframe.pblack:value={_BLACK_SHARE}:function=less"
)
# A video of this height or more that says nothing about its colours has those of HDTV.
_HD_LINES = 720
_LIMITS = Limits(seconds=120, cpu_seconds=120, memory=3 * 1024**3, file_bytes=256 * 1024**2)


def grab_frame(source: Source, probe: Probe, picture: Path) -> None:
    """Writes a frame as a BMP, upright, its shorter side 1440 pixels at most, in standard dynamic range.

    It is the first key frame that is not black, else the first frame that can be decoded. Raises
    MediaError where there is none, SourceUnreadable, StorageFull and ToolTimeout.
    """
    try:
        _grab(source, probe.video, picture, before=("-skip_frame", "nokey", "-t", _SECONDS), choice=f"{_NOT_BLACK},")
    except ToolFailed:
        picture.unlink(missing_ok=True)
    if not _is_there(picture):
        _grab(source, probe.video, picture, before=(), choice="")
    if not _is_there(picture):
        raise MediaError("No frame of the video can be decoded")


def _grab(source: Source, video: VideoStream, picture: Path, *, before: tuple[str, ...], choice: str) -> None:
    chain = f"{shown(video, fit(video, PREVIEW_SIDE), 'yuv444p')},{choice}{_in_rgb(video)}"
    output = ("-map", f"0:{video.index}", "-vf", chain, "-frames:v", "1", "-c:v", "bmp", "-f", "image2pipe", picture)
    ffmpeg(source, before, output, _LIMITS)


def _in_rgb(video: VideoStream) -> str:
    guessed = video.matrix is None and not video.is_hdr and video.stored_height >= _HD_LINES
    return f"scale=in_color_matrix={'bt709' if guessed else 'auto'},format=bgr24"


def _is_there(picture: Path) -> bool:
    return picture.exists() and picture.stat().st_size > 0
