"""ffmpeg and ffprobe, run within limits and so that a file can make them open nothing but itself."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from errors import StorageFull, StorageUnavailable, ToolFailed, ToolTimeout
from media import confined, tools
from media.workbench import Limits
from storage.types import SignedUrl

# A file on disk, or an object of our own store, of which as much is read by ranges as is needed.
Source = Path | SignedUrl
Arguments = Sequence[str | Path]

# The demuxers of the containers that are kept (media/mime.py). Content decides which of them reads a file,
# never its name; playlists, which make ffmpeg open what they list, are none of them.
_FORMATS = "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,asf,mxf,ogg"
_CONTAINED = ("-format_whitelist", _FORMATS, "-max_streams", "100")
_FROM_DISK = ("-protocol_whitelist", "file")
_BY_HTTP = ("-protocol_whitelist", "http,tcp")
_BY_TLS = ("-protocol_whitelist", "https,http,tls,tcp", "-tls_verify", "1")
# The first in microseconds, the last in seconds.
_FROM_STORE = (
    "-rw_timeout", "30000000", "-reconnect", "1", "-reconnect_on_network_error", "1", "-reconnect_delay_max", "4",
)  # fmt: skip

# Of files it writes its standard error alone.
_PROBE_LIMITS = Limits(seconds=60, cpu_seconds=60, memory=2 * 1024**3, file_bytes=64 * 1024)

_NETWORK = re.compile(
    r"^\[(?:https?|tcp|tls) @ |: (?:Server returned|Connection|Network|Operation timed out|Input/output)", re.MULTILINE
)
_FULL_DISK = "No space left on device"
_URL = re.compile(r"https?://[^\s'\"]+")
_ADDRESS = re.compile(r" @ 0x[0-9a-f]+")


class SourceUnreadable(StorageUnavailable):
    """The object could not be read by its URL, or not to the end."""


def ffprobe(source: Source, *options: str) -> bytes:
    """What ffprobe answers about a file; raises SourceUnreadable, ToolFailed and ToolTimeout."""
    with _failures_told("ffprobe", source):
        return tools.run(
            _confined(("ffprobe", "-v", "error", *options, *_input(source)), source, _PROBE_LIMITS),
            timeout=_PROBE_LIMITS.seconds,
        )


def ffmpeg(source: Source, before: Arguments, after: Arguments, limits: Limits) -> None:
    """Runs ffmpeg with options before and after its input; the output file is the last of them.

    Raises SourceUnreadable, StorageFull, ToolFailed and ToolTimeout.
    """
    with _failures_told("ffmpeg", source):
        tools.run(_confined(_ffmpeg(source, before, after), source, limits), timeout=limits.seconds)


def follow_ffmpeg(
    source: Source, after: Arguments, limits: Limits, tell: Callable[[str], object], *, silence: float
) -> None:
    """As `ffmpeg`, and tells each line of its progress (`out_time_us=...`), every other second.

    Raises ToolTimeout also where it did nothing for `silence` seconds.
    """
    command = _ffmpeg(source, ("-progress", "pipe:1", "-stats_period", "2"), after)
    with _failures_told("ffmpeg", source):
        tools.follow(_confined(command, source, limits), tell, timeout=limits.seconds, silence=silence)


def _ffmpeg(source: Source, before: Arguments, after: Arguments) -> Arguments:
    return ("ffmpeg", "-v", "error", "-nostdin", "-y", *before, *_input(source), *after)


def _confined(args: Arguments, source: Source, limits: Limits) -> Arguments:
    return confined.command(args, limits, network=isinstance(source, SignedUrl))


def _input(source: Source) -> tuple[str, ...]:
    if isinstance(source, Path):
        return (*_FROM_DISK, *_CONTAINED, "-i", f"file:{source}")
    protocols = _BY_TLS if source.url.startswith("https:") else _BY_HTTP
    return (*protocols, *_FROM_STORE, *_CONTAINED, "-i", source.url)


@contextmanager
def _failures_told(tool: str, source: Source) -> Iterator[None]:
    """Says what went wrong without path, URL or signature."""
    try:
        yield
    except ToolTimeout as error:
        raise ToolTimeout(f"{tool} took longer than it may") from error
    except ToolFailed as error:
        if isinstance(source, SignedUrl) and _NETWORK.search(error.stderr):
            raise SourceUnreadable(f"{tool} could not read the object from the store") from None
        if _FULL_DISK in error.stderr:
            raise StorageFull("The staging disk has no room left for a video") from None
        raise ToolFailed(tool, error.code, _for_admins(error.stderr, source)) from None


def _for_admins(said: str, source: Source) -> str:
    name = source.url if isinstance(source, SignedUrl) else f"file:{source}"
    return _ADDRESS.sub("", _URL.sub("a URL", said.replace(name, "the video")))
