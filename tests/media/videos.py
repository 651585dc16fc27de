"""Videos that tests make for themselves: small, short, in every container and codec that matters."""

import subprocess
from pathlib import Path

SOUND = ("-f", "lavfi", "-i", "sine=d=0.5")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
HEVC = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none")
PQ = "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"


def run_ffmpeg(*args: str | Path) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *args], check=True, timeout=60)


def make_video(
    path: Path,
    *encoding: str,
    sound: tuple[str, ...] | None = None,
    picture: str = "testsrc=s=64x48:r=10:d=0.5",
) -> Path:
    """A video of half a second; `encoding` are ffmpeg's options (default: H.264), `sound` how its tone is encoded."""
    heard = (*SOUND, "-map", "0:v", "-map", "1:a") if sound is not None else ()
    run_ffmpeg("-f", "lavfi", "-i", picture, *heard, *(encoding or H264), *(sound or ()), path)
    return path


def make_rotated(path: Path, degrees: int, source: Path) -> Path:
    """The same video, to be turned clockwise by whoever shows it."""
    run_ffmpeg("-i", source, "-c", "copy", "-metadata:s:v", f"rotate={-degrees % 360}", path)
    return path


def longer_header(source: Path, path: Path, hours: int) -> Path:
    """An MP4 whose headers say that it lasts so many hours (ISO/IEC 14496-12, mvhd, mdhd, tkhd and stts)."""
    data = bytearray(source.read_bytes())
    for name, offset in ((b"mvhd", 20), (b"mdhd", 20)):
        place = data.index(name) + offset
        scale = int.from_bytes(data[place - 4 : place], "big")
        data[place : place + 4] = (scale * 3600 * hours).to_bytes(4, "big")
    place = data.index(b"mvhd") + 16
    track = data.index(b"tkhd") + 24
    data[track : track + 4] = (int.from_bytes(data[place : place + 4], "big") * 3600 * hours).to_bytes(4, "big")
    path.write_bytes(bytes(data))
    return path
