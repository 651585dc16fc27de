"""Pictures in a child of the workshop, against sharp doing Immich's work on the same files."""

import json
import os
import resource
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image, ImageCms

from benchmarks.report import Figure, at_least, at_most
from benchmarks.turns import in_turns
from media import workshop
from media.images import PREVIEW_SIDE, make_previews
from tests.media.pictures import photo

TITLE = "Pictures"
ROUNDS = 3
# The first of these warms up; the least of the others counts.
TURNS = 4
MEGAPIXELS_12, MEGAPIXELS_48 = (4000, 3000), (8000, 6000)
PEER = Path(__file__).parent.parent / ".tools/peers/sharp/thumbnails.mjs"
_PREVIEW, _THUMBNAIL = "preview.jpeg", "thumbnail.webp"
_SSIM_WINDOW = 8


@dataclass(frozen=True, slots=True)
class Sample:
    """A file to measure with: how it is saved, and how much better than sharp we have to be.

    `colorspace` is the one in which Immich has sharp work on it.
    """

    name: str
    suffix: str
    target: float
    size: tuple[int, int] = MEGAPIXELS_12
    options: Mapping[str, Any] | None = None
    colorspace: str = "srgb"
    mode: str = "RGB"


@dataclass(frozen=True, slots=True)
class Run:
    """CPU milliseconds per picture, the most memory held in bytes, and the preview that was made."""

    cpu: float
    peak: int
    preview: bytes


SAMPLES = (
    Sample("JPEG, 12 MP", ".jpg", 2.5, options={"quality": 85}),
    Sample("JPEG, 12 MP, Display P3", ".jpg", 5, options={"quality": 85, "icc_profile": None}, colorspace="p3"),
    Sample("JPEG, 12 MP, progressive", ".jpg", 3, options={"quality": 85, "progressive": True}),
    Sample("JPEG, 48 MP", ".jpg", 3, MEGAPIXELS_48, {"quality": 80}),
    Sample("PNG, 12 MP", ".png", 1, options={"compress_level": 6}),
    Sample("PNG, 3 MP, with alpha", ".png", 1, (2000, 1500), {"compress_level": 6}, mode="RGBA"),
    Sample("WebP, 12 MP", ".webp", 1, options={"quality": 85, "method": 2}),
    Sample("AVIF, 12 MP", ".avif", 1, options={"quality": 80, "speed": 8}),
    Sample("TIFF, 12 MP", ".tif", 1),
    Sample("GIF, 3 MP", ".gif", 1, (2000, 1500)),
)


def measure() -> list[Figure]:
    """CPU of each format in turns with sharp, peak memory and likeness; then HEIC, which sharp from npm cannot read."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="bucketroll-bench-") as name:
        folder = Path(name)
        for sample in SAMPLES:
            figures += _compared(sample, folder)
        figures.append(_heic(folder))
    return figures


def _compared(sample: Sample, folder: Path) -> list[Figure]:
    whole = photo(sample.size)
    file = _saved(sample, whole, folder)
    contenders: dict[str, Callable[[], Run]] = {
        "ours": partial(_ours, file, folder),
        "sharp": partial(_sharp, file, sample.colorspace, folder),
    }
    rounds = in_turns(contenders, ROUNDS, lambda run: run())
    ours, sharp = ([one[name] for one in rounds] for name in contenders)
    with Image.open(file) as opened:
        likeness = [_ssim(runs[0].preview, opened.convert("RGB")) for runs in (ours, sharp)]
    size = file.stat().st_size / 1e6
    return [
        at_least(
            f"{sample.name}: CPU", sample.target, [one["sharp"].cpu / one["ours"].cpu for one in rounds],
            f"CPU that sharp takes to what our child takes for preview, thumbnail and thumbhash of a file of "
            f"{size:.1f} MB; least of {TURNS - 1} after the first, {ROUNDS} rounds, order alternating. Ours "
            f"{median(run.cpu for run in ours):.0f} ms, sharp {median(run.cpu for run in sharp):.0f} ms.",
        ),
        at_most(
            f"{sample.name}: memory", 1, [one["ours"].peak / one["sharp"].peak for one in rounds],
            f"peak resident memory, ours ({median(run.peak for run in ours) / 1e6:.0f} MB) to sharp's "
            f"({median(run.peak for run in sharp) / 1e6:.0f} MB).", "of sharp's",
        ),
        at_most(
            f"{sample.name}: likeness", 0.01, [max(0.0, likeness[1] - likeness[0])],
            f"by how much the structural similarity of our preview to the original, resized by Lanczos' filter, falls "
            f"behind sharp's; ours {likeness[0]:.4f}, sharp's {likeness[1]:.4f}.", "",
        ),
    ]  # fmt: skip


def _saved(sample: Sample, whole: Image.Image, folder: Path) -> Path:
    file = folder / f"a{sample.suffix}"
    picture = whole.convert(sample.mode)
    if sample.mode == "RGBA":
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    options = dict(sample.options or {})
    if "icc_profile" in options:
        options["icc_profile"] = _display_p3()
    picture.save(file, **options)
    return file


def _ours(file: Path, folder: Path) -> Run:
    cpu, peak = workshop.run(make_often, file, folder, TURNS)
    return Run(cpu, peak, (folder / _PREVIEW).read_bytes())


def make_often(file: Path, folder: Path, turns: int) -> tuple[float, int]:
    """The CPU milliseconds of the cheapest turn but the first, and the peak memory in bytes; a task."""
    # From here on the kernel counts the peak anew (proc(5)).
    Path("/proc/self/clear_refs").write_text("5")
    spent = []
    for _ in range(turns):
        started = time.process_time()
        make_previews(file, folder / _PREVIEW, folder / _THUMBNAIL)
        spent.append((time.process_time() - started) * 1000)
    status = Path("/proc/self/status").read_text()
    return min(spent[1:]), int(status.partition("VmHWM:")[2].split()[0]) * 1024


def _sharp(file: Path, colorspace: str, folder: Path) -> Run:
    command: list[str | Path] = ["node", PEER, file, colorspace, str(TURNS), folder / _PREVIEW, folder / _THUMBNAIL]
    said = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return Run(min(said["spent"][1:]), said["peak"], (folder / _PREVIEW).read_bytes())


def _heic(folder: Path) -> Figure:
    """Against Debian's libvips, which makes the preview alone; what starting it takes is taken off."""
    file = folder / "a.heic"
    pillow_heif.register_heif_opener()
    photo(MEGAPIXELS_12).save(file, quality=60)
    command = ["vipsthumbnail", "--vips-concurrency=1", "-s", f"{2 * PREVIEW_SIDE}x{PREVIEW_SIDE}", "-o"]
    started = ["vips", "--version"]
    contenders: dict[str, Callable[[], float]] = {
        "ours": lambda: _ours(file, folder).cpu,
        "vips": lambda: _cpu_of([*command, f"{folder}/%s.jpg[Q=80,no-subsample]", file]) - _cpu_of(started),
    }
    rounds = in_turns(contenders, ROUNDS, lambda run: run())
    return at_least(
        "HEIC, 12 MP: CPU", 1.2, [one["vips"] / one["ours"] for one in rounds],
        f"CPU that vipsthumbnail of Debian takes for a preview, its start not counted, to what our child takes for all "
        f"three; ours {median(one['ours'] for one in rounds):.0f} ms, vips "
        f"{median(one['vips'] for one in rounds):.0f} ms.",
    )  # fmt: skip


def _cpu_of(command: Sequence[str | Path]) -> float:
    """The CPU milliseconds of a program."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env={"PATH": os.environ["PATH"], "VIPS_CONCURRENCY": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def _display_p3() -> bytes:
    """LittleCMS's profile of sRGB with the primaries of Display P3 (adapted to D50)."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    primaries = {b"rXYZ": (0.51512, 0.2412, -0.00105), b"gXYZ": (0.29198, 0.69225, 0.04189),
                 b"bXYZ": (0.1571, 0.06657, 0.78407)}  # fmt: skip
    for tag, values in primaries.items():
        entry = profile.index(tag, 128)
        (place,) = struct.unpack(">I", profile[entry + 4 : entry + 8])
        profile[place + 8 : place + 20] = struct.pack(">3i", *(round(value * 65536) for value in values))
    return bytes(profile)


def _ssim(preview: bytes, original: Image.Image) -> float:
    """Structural similarity in grey (Wang et al. 2004) over windows of 8 by 8 pixels."""
    with Image.open(BytesIO(preview)) as image:
        found = np.asarray(image.convert("L")).astype(np.float64)
        wanted = np.asarray(original.convert("L").resize(image.size, Image.Resampling.LANCZOS)).astype(np.float64)
    mean_found, mean_wanted = _means(found), _means(wanted)
    spread_found = _means(found * found) - mean_found**2
    spread_wanted = _means(wanted * wanted) - mean_wanted**2
    together = _means(found * wanted) - mean_found * mean_wanted
    small, smaller = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = ((2 * mean_found * mean_wanted + small) * (2 * together + smaller)) / (
        (mean_found**2 + mean_wanted**2 + small) * (spread_found + spread_wanted + smaller)
    )
    return float(likeness.mean())


def _means(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    height, width = (side // _SSIM_WINDOW for side in plane.shape)
    cut = plane[: height * _SSIM_WINDOW, : width * _SSIM_WINDOW]
    means: NDArray[np.float64] = cut.reshape(height, _SSIM_WINDOW, width, _SSIM_WINDOW).mean(axis=(1, 3))
    return means
