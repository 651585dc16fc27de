"""What a video file says about itself: container, streams, size as shown, duration, colours."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from errors import MediaError
from media.ffmpeg import Source, ffprobe

# Pixels: larger pictures are no video that a camera has taken, and no decoder should try.
LONGEST_SIDE = 16_384
MAX_PIXELS = 140_000_000
# Milliseconds that the database can hold.
_LONGEST_DURATION = 2**31 - 1
# A video this long (milliseconds) with fewer bits a second than this is a header without a video.
_LONG, _FEWEST_BITS = 3_600_000, 100
_HIGHEST_FPS = 1000
# SMPTE ST 2084 (PQ) and ARIB STD-B67 (HLG).
_HDR_TRANSFERS = frozenset(("smpte2084", "arib-std-b67"))
# Pixels that are wider or higher than this, against the other side, are a mistake.
_OBLONG = 8

_QUESTION = (
    "-show_entries",
    "format=format_name,duration,size:stream=index,codec_type,codec_name,pix_fmt,width,height,sample_aspect_ratio,"
    "avg_frame_rate,duration,color_transfer,color_primaries,color_space:stream_disposition=attached_pic,default:"
    "stream_side_data=rotation",
    "-of", "json",
)  # fmt: skip

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class VideoStream:
    """A stream of pictures; `width` and `height` are pixels as shown, after rotation and sample aspect.

    `stored_width` and `stored_height` are the pixels in the file, `rotation` the degrees (0, 90,
    180 or 270) by which they are turned clockwise. Colours are ffmpeg's names, None where the file says none.
    """

    index: int
    codec: str
    pixel_format: str
    stored_width: int
    stored_height: int
    width: int
    height: int
    rotation: int
    fps: float | None
    transfer: str | None
    primaries: str | None
    matrix: str | None

    @property
    def is_hdr(self) -> bool:
        """Whether its brightness is to be mapped before an ordinary screen shows it."""
        return self.transfer in _HDR_TRANSFERS


@dataclass(frozen=True, slots=True)
class AudioStream:
    index: int
    codec: str


@dataclass(frozen=True, slots=True)
class Probe:
    """A video file: `containers` are ffmpeg's names for its format, `duration` is in milliseconds.

    `bit_rate` is in bits a second, of all streams together. Of several streams it is the one that players choose.
    """

    containers: frozenset[str]
    duration: int | None
    bit_rate: int | None
    video: VideoStream
    audio: AudioStream | None


def probe(source: Source) -> Probe:
    """Reads the header of a video file.

    Raises MediaError where there is no video in it, or one that nobody could show; SourceUnreadable, ToolTimeout.
    """
    return parse(json.loads(ffprobe(source, *_QUESTION).decode("utf-8", "replace")))


def parse(answer: Fields) -> Probe:
    """The Probe in ffprobe's JSON; raises MediaError as `probe` does."""
    about: Fields = answer.get("format") or {}
    streams: list[Fields] = answer.get("streams") or []
    video = _shown(streams)
    duration = _milliseconds([about, video])
    bit_rate = _bit_rate(_whole(about.get("size")), duration)
    if duration is not None and duration > _LONG and (bit_rate or 0) < _FEWEST_BITS:
        raise MediaError(f"The video says that it lasts {duration // 1000} seconds, but there is next to nothing in it")
    return Probe(
        containers=frozenset(str(about.get("format_name", "")).split(",")),
        duration=duration,
        bit_rate=bit_rate,
        video=_video(video),
        audio=_heard(streams),
    )


def _shown(streams: Iterable[Fields]) -> Fields:
    """The stream of pictures that a player shows: the largest, the default one among equals."""
    found = [stream for stream in _known(streams, "video") if not _has(stream, "attached_pic")]
    if not found:
        raise MediaError("There is no video in the file")
    return max(found, key=lambda stream: (_area(stream), _has(stream, "default")))


def _heard(streams: Iterable[Fields]) -> AudioStream | None:
    found = sorted(_known(streams, "audio"), key=lambda stream: not _has(stream, "default"))
    return AudioStream(int(found[0]["index"]), str(found[0]["codec_name"])) if found else None


def _known(streams: Iterable[Fields], kind: str) -> list[Fields]:
    """The streams of a kind that some decoder is there for."""
    of_kind = [stream for stream in streams if stream.get("codec_type") == kind]
    return [stream for stream in of_kind if stream.get("codec_name") not in (None, "unknown", "none")]


def _has(stream: Fields, disposition: str) -> bool:
    return bool((stream.get("disposition") or {}).get(disposition))


def _area(stream: Fields) -> int:
    return (_whole(stream.get("width")) or 0) * (_whole(stream.get("height")) or 0)


def _video(stream: Fields) -> VideoStream:
    width, height = _whole(stream.get("width")) or 0, _whole(stream.get("height")) or 0
    if not width or not height:
        raise MediaError("The video has no size")
    if max(width, height) > LONGEST_SIDE or width * height > MAX_PIXELS:
        raise MediaError(f"The pictures of the video are too large: {width} x {height}")
    rotation = _rotation(stream)
    shown = _shown_size(width, height, stream.get("sample_aspect_ratio"))
    return VideoStream(
        index=int(stream["index"]),
        codec=str(stream["codec_name"]),
        pixel_format=str(stream.get("pix_fmt", "")),
        stored_width=width,
        stored_height=height,
        width=shown[rotation in (90, 270)],
        height=shown[rotation not in (90, 270)],
        rotation=rotation,
        fps=_fps(stream.get("avg_frame_rate")),
        transfer=_colour(stream.get("color_transfer")),
        primaries=_colour(stream.get("color_primaries")),
        matrix=_colour(stream.get("color_space")),
    )


def _rotation(stream: Fields) -> int:
    # ffprobe counts the other way round.
    turns = [data.get("rotation") for data in stream.get("side_data_list") or [] if "rotation" in data]
    degrees = -(_whole(turns[0]) or 0) if turns else 0
    return round(degrees / 90) * 90 % 360


def _shown_size(width: int, height: int, aspect: object) -> tuple[int, int]:
    """The size with square pixels; the stored pixels keep their number in height."""
    ratio = _ratio(aspect)
    if ratio is None or not 1 / _OBLONG <= ratio <= _OBLONG:
        return width, height
    return max(1, round(width * ratio)), height


def _fps(rate: object) -> float | None:
    fps = _ratio(rate)
    return round(fps, 3) if fps is not None and 0 < fps <= _HIGHEST_FPS else None


def _ratio(value: object) -> float | None:
    """`4:3` or `30000/1001` as a number; None for `0/0` and the like."""
    match = re.fullmatch(r"(\d{1,9})[:/](\d{1,9})", str(value))
    if match is None or not int(match[1]) or not int(match[2]):
        return None
    return int(match[1]) / int(match[2])


def _milliseconds(sources: Iterable[Fields]) -> int | None:
    for source in sources:
        try:
            seconds = float(source.get("duration", "none"))
        except ValueError:
            continue
        if isfinite(seconds) and 0 < seconds * 1000 <= _LONGEST_DURATION:
            return round(seconds * 1000)
    return None


def _bit_rate(size: int | None, duration: int | None) -> int | None:
    return size * 8000 // duration if size and duration else None


def _whole(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None


def _colour(value: object) -> str | None:
    text = str(value)
    return None if text in ("None", "unknown", "reserved") else text
