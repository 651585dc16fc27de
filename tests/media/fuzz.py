"""A fuzz run: sound files changed at random, read as a worker reads them. By hand: `python -m tests.media.fuzz`."""

import argparse
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from errors import DecoderDied, MediaError, ToolTimeout
from media import images, motion, workshop
from media.exif import read_metadata
from media.motion import MotionClue
from media.outline import make_outline
from media.probe import probe
from media.workbench import Limits
from tests.media import motion_photos, videos
from tests.media.formats import FORMATS
from tests.media.pictures import exif_with, photo, save

logger = logging.getLogger(__name__)

_SIZE = (120, 90)
_LIMITS = Limits(seconds=30, cpu_seconds=30)
# Values that counts, offsets and sizes are wrong about.
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_VIDEOS = {"mp4": (), "mkv": (), "avi": (), "ts": (), "flv": ()}

Read = Callable[[Path], object]


@dataclass(frozen=True, slots=True)
class Target:
    """A sound file, and how a worker reads such."""

    name: str
    data: bytes
    suffix: str
    read: Read


@dataclass(slots=True)
class Report:
    """How the files were taken, by the error's name; `found` are those that no worker may meet."""

    outcomes: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)


def targets(folder: Path) -> list[Target]:
    """One target for each format and reader; what they need is made in the folder."""
    made = [(one.name, one.make(folder / one.file_name, photo(_SIZE)).read_bytes(), one.file_name) for one in FORMATS]
    found = [Target(name, data, Path(file).suffix, _show) for name, data, file in made]
    for end, options in _VIDEOS.items():
        data = videos.make_video(folder / f"a.{end}", *options).read_bytes()
        found.append(Target(f"{end} looked into", data, f".{end}", probe))
    video = (folder / "a.mp4").read_bytes()
    found.append(Target("outline of mp4", video, ".mp4", _outline))
    for name, make in motion_photos.KINDS.items():
        path = make(folder / name, video)
        found.append(Target(f"motion photo {name}", path.read_bytes(), path.suffix, _find_video))
    for name in ("a.jpg", "a.png", "a.tif", "a.heic", "a.webp"):
        path = save(photo(_SIZE), folder / f"exif-{name}", exif=exif_with(6))
        found.append(Target(f"metadata of {name}", path.read_bytes(), path.suffix, read_metadata))
    return [*found, Target("sidecar", _XMP, ".xmp", _read_sidecar)]


def _show(path: Path) -> object:
    made = path.with_name("preview"), path.with_name("thumbnail")
    return workshop.run(images.make_previews, path, *made, limits=_LIMITS)


def _outline(path: Path) -> object:
    data = path.read_bytes()
    return make_outline(lambda start, stop: data[start:stop], len(data), path.with_name("outline"))


def _find_video(path: Path) -> object:
    metadata = read_metadata(path)
    spans = [motion.find_video(path, clue) for clue in (MotionClue(None), MotionClue(100), metadata.motion) if clue]
    for span in spans:
        if span is not None:
            motion.copy_video(path, span, lambda part: None)
    return spans


def _read_sidecar(path: Path) -> object:
    return read_metadata(path.parent / "exif-a.jpg", path)


_XMP = b"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:exif="http://ns.adobe.com/exif/1.0/" xmp:Rating="4" exif:GPSLatitude="47,30.5N" exif:GPSLongitude="8,30.5E"
 exif:DateTimeOriginal="2024-05-06T07:08:09.123+02:00" exif:ExposureTime="1/200" exif:FNumber="28/10">
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">words</rdf:li></rdf:Alt></dc:description>
<exif:ISOSpeedRatings><rdf:Seq><rdf:li>100</rdf:li></rdf:Seq></exif:ISOSpeedRatings>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""


def changed(data: bytes, source: random.Random) -> bytes:
    """The file with some of its bytes changed, moved, doubled or gone; headers more often than the rest."""
    broken = bytearray(data)
    for _ in range(source.randint(1, 8)):
        end = len(broken) if source.random() < 0.5 else min(len(broken), 600)
        place = source.randrange(max(1, end))
        _CHANGES[source.randrange(len(_CHANGES))](broken, place, source)
    return bytes(broken)


def _set_byte(data: bytearray, place: int, source: random.Random) -> None:
    data[place : place + 1] = source.randbytes(1)


def _flip_bit(data: bytearray, place: int, source: random.Random) -> None:
    data[place : place + 1] = bytes(byte ^ 1 << source.randrange(8) for byte in data[place : place + 1])


def _set_number(data: bytearray, place: int, source: random.Random) -> None:
    size = source.choice((1, 2, 4, 8))
    number = source.choice(_NUMBERS) & (1 << 8 * size) - 1
    data[place : place + size] = number.to_bytes(size, source.choice(("big", "little")))


def _leave_out(data: bytearray, place: int, source: random.Random) -> None:
    del data[place : place + source.randint(1, 64)]


def _insert(data: bytearray, place: int, source: random.Random) -> None:
    data[place:place] = source.randbytes(source.randint(1, 64))


def _repeat(data: bytearray, place: int, source: random.Random) -> None:
    start = source.randrange(max(1, len(data)))
    data[place:place] = data[start : start + source.randint(1, 256)] * source.randint(1, 4)


def _cut(data: bytearray, place: int, source: random.Random) -> None:
    if source.random() < 0.3:
        del data[source.randrange(1, len(data) + 2) :]


_CHANGES = (_set_byte, _flip_bit, _set_number, _set_number, _leave_out, _insert, _repeat, _cut)


def run(seconds: float, seed: int, keep: Path | None = None) -> Report:
    """Reads changed files, each target in turn, for so long; `seed` decides how they are changed.

    A file is fine that is read, or refused by a MediaError. Where `keep` is given, the files are kept
    there over which a child died or took too long, or which were not fine.
    """
    report, source = Report(), random.Random(seed)
    with TemporaryDirectory() as folder:
        chosen = targets(Path(folder))
        deadline, number = time.monotonic() + seconds, 0
        while time.monotonic() < deadline:
            target = chosen[number % len(chosen)]
            path = Path(folder, f"changed{target.suffix}")
            path.write_bytes(changed(target.data, source))
            outcome = _outcome(target, path)
            report.outcomes[outcome] += 1
            is_fine = outcome in _FINE
            if not is_fine:
                report.found.append(f"{target.name}, file {number} of seed {seed}: {outcome}")
            if keep is not None and (not is_fine or outcome in _NOTEWORTHY):
                keep.mkdir(parents=True, exist_ok=True)
                path.rename(keep / f"{seed}-{number}-{outcome.split(':')[0]}{target.suffix}")
            number += 1
    return report


_READ = "read"
_REFUSED = MediaError.__name__
_NOTEWORTHY = (DecoderDied.__name__, ToolTimeout.__name__)
_FINE = (_READ, _REFUSED, *_NOTEWORTHY)


def _outcome(target: Target, path: Path) -> str:
    try:
        target.read(path)
    except (DecoderDied, ToolTimeout) as error:
        return type(error).__name__
    except MediaError:
        return _REFUSED
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        return f"{type(error).__name__}: {error}"
    return _READ


def summary(report: Report) -> Mapping[str, int]:
    """How many files were taken how; errors that no worker may meet by their names alone."""
    counted: Counter[str] = Counter()
    for outcome, number in report.outcomes.items():
        counted[outcome.split(":")[0]] += number
    return counted


def main() -> int:
    """Runs for as long as is asked, and says what it found; 1 where it found something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--keep", type=Path, default=Path("data/fuzz"))
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    report = run(asked.seconds, asked.seed, asked.keep)
    logger.info("seed %d: %s", asked.seed, dict(summary(report)))
    for one in report.found:
        logger.info("%s", one)
    return 1 if report.found else 0


if __name__ == "__main__":
    raise SystemExit(main())
