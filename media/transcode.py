"""Videos as every browser plays them: which need it (Immich's policy `required`), and how it is done."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from media.ffmpeg import Source, SourceUnreadable, follow_ffmpeg
from media.filters import fit, shown
from media.probe import Probe, VideoStream, probe
from media.workbench import Limits
from storage.types import SignedUrl

# Immich's defaults.
ACCEPTED_VIDEO = frozenset(("h264",))
ACCEPTED_AUDIO = frozenset(("aac", "mp3", "opus"))
# MP4 is QuickTime to ffprobe; WebM is Matroska, which Immich asks for by a name that never matches.
ACCEPTED_CONTAINERS = frozenset(("mov", "mp4", "ogg"))
SHORTER_SIDE = 720
_ENCODE_VIDEO = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "23", "-fps_mode", "passthrough")
_ENCODE_AUDIO = ("-c:a", "aac")
# Position, device and date stay in the original.
_CONTAINER = ("-map_metadata", "-1", "-map_chapters", "-1", "-movflags", "+faststart", "-f", "mp4")

_MEMORY = 3 * 1024**3
# Seconds: so many, and for each second of the video so many more; without any progress so many.
_PATIENCE, _PATIENCE_PER_SECOND, _SILENCE = 900, 60, 300
_CORES_AT_MOST = 16
# Bytes: more than the noisiest video of this size comes to.
_SIZE, _SIZE_PER_SECOND = 256 * 1024**2, 8 * 1024**2
# A video without a duration is given as much as one of this many seconds.
_UNKNOWN_DURATION = 3600
# Milliseconds at the end that may be missing, as sound and pictures rarely end together.
_SLACK, _SLACK_SHARE = 2000, 0.02
_PROGRESS = "out_time_us="


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to be done to a video's streams; where both are copied, it gets another container alone."""

    encodes_video: bool
    encodes_audio: bool


WHOLE = Plan(encodes_video=True, encodes_audio=True)


def plan_for(found: Probe) -> Plan | None:
    """What a video needs so that browsers play it; None where the original will do (IMMICH.md 5.2)."""
    is_plain = found.video.codec in ACCEPTED_VIDEO and found.video.pixel_format.endswith("420p")
    is_heard = found.audio is None or found.audio.codec in ACCEPTED_AUDIO
    if is_plain and is_heard and not ACCEPTED_CONTAINERS.isdisjoint(found.containers):
        return None
    return Plan(encodes_video=not is_plain, encodes_audio=not is_heard)


def transcode(source: Source, found: Probe, plan: Plan, output: Path, progress: Callable[[float], object]) -> None:
    """Writes the MP4 that a plan describes; `progress` is told the share done, from 0 to 1.

    Raises ToolFailed (also where streams do not fit into MP4 as they are), ToolTimeout, StorageFull,
    and SourceUnreadable where the store broke off in the middle.
    """
    seconds = _UNKNOWN_DURATION if found.duration is None else found.duration // 1000 + 1
    patience = _PATIENCE + _PATIENCE_PER_SECOND * seconds
    limits = Limits(patience, patience * _CORES_AT_MOST, _MEMORY, _SIZE + _SIZE_PER_SECOND * seconds)

    def tell(line: str) -> None:
        share = _share_done(line, found.duration)
        if share is not None:
            progress(share)

    follow_ffmpeg(source, arguments(found, plan, output), limits, tell, silence=_SILENCE)
    if isinstance(source, SignedUrl):
        _check_end(found, probe(output))


def arguments(found: Probe, plan: Plan, output: Path) -> tuple[str | Path, ...]:
    """ffmpeg's options after its input; the output is the last of them."""
    video = _encoded(found.video) if plan.encodes_video else ("-c:v", "copy")
    audio: tuple[str, ...] = ()
    if found.audio is not None:
        audio = ("-map", f"0:{found.audio.index}", *(_ENCODE_AUDIO if plan.encodes_audio else ("-c:a", "copy")))
    return ("-map", f"0:{found.video.index}", *video, *audio, *_CONTAINER, output)


def _encoded(video: VideoStream) -> tuple[str, ...]:
    return (*_ENCODE_VIDEO, "-vf", shown(video, fit(video, SHORTER_SIDE), "yuv420p"))


def _share_done(line: str, duration: int | None) -> float | None:
    done = line.removeprefix(_PROGRESS)
    if done == line or not done.isdigit() or not duration:
        return None
    return min(1.0, int(done) / 1000 / duration)


def _check_end(found: Probe, made: Probe) -> None:
    """ffmpeg takes a connection that breaks for the end of the video, and says that all went well."""
    if found.duration is not None and (made.duration or 0) < found.duration * (1 - _SLACK_SHARE) - _SLACK:
        raise SourceUnreadable("The store broke off in the middle of a video")
