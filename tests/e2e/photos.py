"""Photos for the end-to-end tests: made here with EXIF, and real ones where they lie beside the project."""

import hashlib
import io
import random
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from shutil import which
from typing import Any

from PIL import ExifTags, Image
from pillow_heif import register_heif_opener

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
MAKE, MODEL = "Bucketroll", "Test Camera 1"
DESCRIPTION = "Grüße aus dem Harz"

# In bytes as cameras, phones and people make them: folders become albums.
_HOSTILE = (
    "plain.jpg",
    "with space + plus & ampersand.jpg",
    "100% real #1 why?.jpg",
    "quote's \"double\" `tick`.JPG",
    "Über/naïve/é precomposed.jpeg",
    "Über/naïve/e\u0301 decomposed.jpeg",
    "emoji 🏔️/sunset 🌅.jpg",
    "many.dots.in.name.jpg",
    "semicolon;comma,equals=.jpg",
)
_FORMATS = ("formats/picture.png", "formats/picture.webp", "formats/picture.gif", "formats/picture.heic",
            "formats/picture.avif", "formats/turned.jpg")  # fmt: skip
_XMP = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmp:Rating="4"><dc:description><rdf:Alt><rdf:li xml:lang="x-default">{DESCRIPTION}</rdf:li></rdf:Alt></dc:description>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""

register_heif_opener()


def make_library(folder: Path) -> list[Path]:
    """Writes a small library of hostile names and all common formats; returns its media files.

    `plain.jpg` has a sidecar with DESCRIPTION and four stars.
    """
    made = [_write(folder / name, picture(seed, Path(name).suffix)) for seed, name in enumerate(_HOSTILE + _FORMATS)]
    (folder / "plain.jpg.xmp").write_text(_XMP)
    return made + _video(folder / "clips")


def samples() -> Sequence[Path]:
    """The real photos that lie beside the project; none on most machines."""
    return sorted(path for path in SAMPLES.rglob("*") if path.is_file() and path.suffix != ".xmp")


def picture(seed: int, suffix: str = ".jpg", size: tuple[int, int] = (640, 480)) -> bytes:
    """A picture in the format of the suffix, different for each seed, with EXIF where the format takes it."""
    image = _noise(seed, size)
    out = io.BytesIO()
    kind = {".jpg": "JPEG", ".jpeg": "JPEG", ".heic": "HEIF"}.get(suffix.lower(), suffix[1:].upper())
    if kind == "GIF":
        image.save(out, kind)
    else:
        image.save(out, kind, exif=_exif(seed), quality=85)
    return out.getvalue()


def small_jpeg(seed: int, size: int) -> bytes:
    """A JPEG of exactly `size` bytes, made in no time: what follows its end is padding, as in motion photos."""
    data = _tiny_jpeg() + f"seed {seed}".encode()
    return data + random.Random(seed).randbytes(max(0, size - len(data)))


def sha1_of(data: bytes | Path) -> str:
    """SHA-1 as hex."""
    return hashlib.sha1(data.read_bytes() if isinstance(data, Path) else data).hexdigest()


def has_exif(path: Path) -> bool:
    """Whether `make_library` gave the file EXIF."""
    return path.suffix.lower() not in (".gif", ".mp4")


@cache
def _tiny_jpeg() -> bytes:
    out = io.BytesIO()
    _noise(0, (120, 90)).save(out, "JPEG")
    return out.getvalue()


def _noise(seed: int, size: tuple[int, int]) -> Image.Image:
    """Coloured spots: no two seeds look alike, and every codec has something to do."""
    spots = Image.frombytes("RGB", (16, 12), random.Random(seed).randbytes(16 * 12 * 3))
    return spots.resize(size, Image.Resampling.BICUBIC)


def _exif(seed: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = MAKE, MODEL
    exif[ExifTags.Base.Orientation] = 6 if seed % 5 == 4 else 1
    taken: dict[int, Any] = {ExifTags.Base.DateTimeOriginal: f"2023:07:{seed % 28 + 1:02} 12:34:56",
             ExifTags.Base.OffsetTimeOriginal: "+02:00"}  # fmt: skip
    exif.get_ifd(ExifTags.IFD.Exif).update(taken)
    place: dict[int, Any] = {ExifTags.GPS.GPSLatitudeRef: "N", ExifTags.GPS.GPSLatitude: (51.0, 48.0, 0.0),
             ExifTags.GPS.GPSLongitudeRef: "E", ExifTags.GPS.GPSLongitude: (10.0, 36.0, 0.0)}  # fmt: skip
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(place)
    return exif


def _video(folder: Path) -> list[Path]:
    if which("ffmpeg") is None:
        return []
    path = folder / "clip.mp4"
    path.parent.mkdir(parents=True)
    source = ["-f", "lavfi", "-i", "testsrc=duration=1:size=160x120:rate=10"]
    subprocess.run(["ffmpeg", "-loglevel", "error", *source, "-pix_fmt", "yuv420p", path], check=True, timeout=60)
    return [path]


def _write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
