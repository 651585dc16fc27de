"""ffmpeg's filters that bring a video's pictures down to a size and to an ordinary screen's colours."""

from media.probe import VideoStream

# What HDR comes with where the file does not say it, and what else it may say.
_HDR_PRIMARIES, _OTHER_PRIMARIES = "bt2020", frozenset(("bt709", "smpte432"))
_HDR_MATRIX, _OTHER_MATRICES = "bt2020nc", frozenset(("bt709", "bt2020c"))


def fit(video: VideoStream, shorter: int) -> tuple[int, int]:
    """The size whose shorter side is `shorter`, of the video as shown and never larger; even, as 4:2:0 wants it."""
    scale = min(1.0, shorter / min(video.width, video.height))
    return _even(video.width, scale), _even(video.height, scale)


def _even(side: int, scale: float) -> int:
    return max(1, min(round(side * scale / 2), side // 2)) * 2


def shown(video: VideoStream, size: tuple[int, int], pixel_format: str) -> str:
    """The chain to a size with square pixels, in standard dynamic range; ffmpeg turns upright before it."""
    scaled = f"scale={size[0]}:{size[1]}:flags=bicubic:out_range=tv,setsar=1"
    mapped = f",{_tone_mapped(video)}" if video.is_hdr else ""
    return f"{scaled}{mapped},format={pixel_format}"


def _tone_mapped(video: VideoStream) -> str:
    """Immich's tone mapping (hable), done on light itself: 100 candela a square metre are white."""
    primaries = video.primaries if video.primaries in _OTHER_PRIMARIES else _HDR_PRIMARIES
    matrix = video.matrix if video.matrix in _OTHER_MATRICES else _HDR_MATRIX
    return (
        f"zscale=tin={video.transfer}:pin={primaries}:min={matrix}:rin=tv:t=linear:p=bt709:npl=100,format=gbrpf32le,"
        "tonemap=tonemap=hable:desat=0,zscale=tin=linear:pin=bt709:t=bt709:m=bt709:r=tv"
    )
