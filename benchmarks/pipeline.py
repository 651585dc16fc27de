"""Photos from their upload until all thumbnails and metadata are there, against the same work in a bare loop."""

import io
import multiprocessing
import os
import random
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing.pool import Pool
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from unittest.mock import patch

from PIL import Image, ImageChops

from benchmarks.processes import family_cpu_seconds
from benchmarks.report import Figure, at_least, at_most, spread
from benchmarks.sending import send_at_once, uploads_to
from benchmarks.store import client_of, environ_of
from benchmarks.turns import in_turns
from media.exif import read_metadata
from media.images import make_previews
from media.staging import digest_of
from tests.e2e.client import Client
from tests.e2e.photos import picture
from tests.live import live_server, new_admin_key
from tests.servers import S3Server, seaweedfs

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TITLE = "From upload to thumbnails"
COUNT = 200
# 12 megapixels, as phones take them.
SIZE = (4000, 3000)
BYTES = 2_000_000
# What makes that many bytes of so many pixels at this quality.
GRAIN = 8.0
QUALITY = 75
WORKERS = 2
# An empty variable counts as not set: each worker has a job thread for each core, as `make run` has it.
ENVIRON = {"WORKER_THREADS": "", "MALLOC_ARENA_MAX": "2"}
# As the processes that decode for us have it; it spares a quarter of the CPU of a JPEG.
ALLOCATION = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024**2),
    "MALLOC_TRIM_THRESHOLD_": str(128 * 1024**2),
    "PILLOW_BLOCKS_MAX": "2",
}
WARM_UP = 8
LANES = 4
ROUNDS = 3
# Seconds.
PATIENCE, PAUSE = 300, 0.25
# As long as a random number that makes a photo another one: what follows a JPEG's end is padding.
SEED_BYTES = 16


@dataclass(frozen=True, slots=True)
class Run:
    """Photos per second, and the CPU seconds per photo of those that took part, by name."""

    rate: float
    cpu: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Way:
    """A way to have all photos worked on; `leaders` are processes that take part with all that descends from them."""

    work: Callable[[Sequence[Path]], None]
    leaders: Mapping[str, Sequence[int]]


def measure() -> list[Figure]:
    """Everything on local disk, then everything in a bucket, each in turns with the bare loop."""
    with tempfile.TemporaryDirectory(prefix="bucketroll-bench-") as folder, _bare_loop() as bare:
        files = _make_photos(Path(folder))
        disk = _rounds(files, bare, None)
        with seaweedfs() as store:
            bucket = _rounds(files, bare, store)
        size = median(file.stat().st_size for file in files)
    return [*_figures("disk", disk, size), *_figures("bucket", bucket, size)]


def _make_photos(folder: Path) -> list[Path]:
    """COUNT files of the same grainy picture with EXIF, which `_renew` makes different ones."""
    spots = Image.frombytes("RGB", (32, 24), random.Random(1).randbytes(32 * 24 * 3))
    grain = Image.effect_noise(SIZE, GRAIN).convert("RGB")
    grainy = ImageChops.add(spots.resize(SIZE, Image.Resampling.BICUBIC), grain, 1, -128)
    out = io.BytesIO()
    grainy.save(out, "JPEG", quality=QUALITY, exif=Image.open(io.BytesIO(picture(1))).getexif())
    assert 0.9 < out.tell() / BYTES < 1.1, out.tell()
    files = [folder / f"{number}.jpg" for number in range(COUNT)]
    for file in files:
        file.write_bytes(out.getvalue() + bytes(SEED_BYTES))
    return files


def _renew(files: Sequence[Path]) -> None:
    """Bytes that no upload has had before, or it would be a duplicate."""
    for path in files:
        with path.open("r+b") as file:
            file.seek(-SEED_BYTES, os.SEEK_END)
            file.write(secrets.token_bytes(SEED_BYTES))
    # Or the kernel would write them to disk in the midst of a measurement.
    os.sync()


@contextmanager
def _bare_loop() -> Iterator[Pool]:
    """As many processes as there are workers, which do what has to be done with a photo and nothing else."""
    with patch.dict(os.environ, ALLOCATION):
        pool = multiprocessing.get_context("spawn").Pool(WORKERS)
    with pool:
        yield pool


def _work_barely(store: S3Server | None, file: Path) -> None:
    """Hash and store the photo, make its pictures, hash and store these, read its metadata (exiftool kept open)."""
    preview, thumbnail = file.with_suffix(".preview"), file.with_suffix(".thumbnail")
    digest_of(file)
    if store is None:
        shutil.copyfile(file, file.with_suffix(".original"))
    else:
        _put(store, file)
    make_previews(file, preview, thumbnail)
    for made in (preview, thumbnail):
        digest_of(made)
        if store is not None:
            _put(store, made)
    read_metadata(file)


def _put(store: S3Server, file: Path) -> None:
    with file.open("rb") as body:
        _kept_client(store).put_object(Bucket=store.bucket, Key=f"bare/{file.name}", Body=body)


@cache
def _kept_client(store: S3Server) -> "S3Client":
    return client_of(store)


def _rounds(files: Sequence[Path], bare: Pool, store: S3Server | None) -> list[dict[str, Run]]:
    """Both ways in turns, everything stored in the bucket or, where that is None, on local disk."""
    environ = {**ENVIRON, **({} if store is None else environ_of(store))}
    with live_server(environ, workers=WORKERS) as server:
        key = new_admin_key(server)
        client, send = Client(server.url, key), uploads_to(server, key)

        def through_us(files: Sequence[Path]) -> None:
            send_at_once(send, files, LANES)
            _wait_until_idle(client)

        def barely(files: Sequence[Path]) -> None:
            bare.map(partial(_work_barely, store), files, chunksize=1)

        others = {} if store is None else {"S3 server": [store.pid]}
        workers = [server.pid_of(name) for name in ("worker", "worker2")]
        loop = [process.pid or 0 for process in multiprocessing.active_children()]
        ways = {
            "ours": Way(through_us, {"web": [server.pid_of("web")], "workers": workers, **others}),
            "bare": Way(barely, {"bare loop": loop, **others}),
        }
        # Whatever starts at the first photos has then been started.
        first = files[:WARM_UP]
        for way in ways.values():
            _renew(first)
            way.work(first)
        rounds = in_turns(ways, ROUNDS, partial(_measured, files))
        assert not client.failed_jobs(), client.failed_jobs()
        counted = client.statistics()["total"]
        assert counted == ROUNDS * len(files) + WARM_UP, counted
    return rounds


def _wait_until_idle(client: Client) -> None:
    """Until every job is done; asked seldom, as answering takes CPU from the jobs."""
    deadline = time.monotonic() + PATIENCE
    while client.undone_jobs():
        assert time.monotonic() < deadline, client.undone_jobs()
        time.sleep(PAUSE)


def _measured(files: Sequence[Path], way: Way) -> Run:
    _renew(files)
    before = _cpu_of(way)
    started = time.perf_counter()
    way.work(files)
    seconds = time.perf_counter() - started
    after = _cpu_of(way)
    return Run(len(files) / seconds, {name: (after[name] - before[name]) / len(files) for name in before})


def _cpu_of(way: Way) -> dict[str, float]:
    return {name: sum(map(family_cpu_seconds, pids)) for name, pids in way.leaders.items()}


def _figures(place: str, rounds: Sequence[Mapping[str, Run]], size: float) -> list[Figure]:
    ours, bare = [one["ours"] for one in rounds], [one["bare"] for one in rounds]
    return [
        at_least(
            f"{place}: share", 0.7, [one["ours"].rate / one["bare"].rate for one in rounds],
            f"photos per second through us to those of a bare loop over the same files; {len(rounds)} pairs, order "
            f"alternating, new bytes each time. Through us: {COUNT} photos of 12 megapixels ({size / 1e6:.1f} MB) are "
            f"uploaded by {LANES} clients at once to one web process, until the last thumbnail and the last metadata "
            f"are there; {WORKERS} workers. The bare loop: {WORKERS} processes, each of which takes a file, hashes and "
            f"stores it, makes its two pictures, hashes and stores these, and reads its metadata (exiftool kept open).",
        ),
        at_most(
            f"{place}: CPU", 0.2, [run.cpu["web"] + run.cpu["workers"] for run in ours],
            "user and system time per photo of web and workers with all that they start, from `/proc`. Immich: 0.57 s.",
            "s",
        ),
        Figure(f"{place}: through us", spread([run.rate for run in ours], 1, "photos/s"), _parts(ours)),
        Figure(f"{place}: bare loop", spread([run.rate for run in bare], 1, "photos/s"), _parts(bare)),
    ]  # fmt: skip


def _parts(runs: Sequence[Run]) -> str:
    """A sentence with the medians of all who took part."""
    parts = [f"{name} {median(run.cpu[name] for run in runs):.3f}" for name in runs[0].cpu]
    return f"CPU seconds per photo: {', '.join(parts)}."
