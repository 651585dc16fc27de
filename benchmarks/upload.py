"""Uploads through Bucketroll into an S3 server, against boto3's upload_file into the same server."""

import os
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import children_of
from benchmarks.report import Figure, at_least, spread
from benchmarks.sending import Sender, send_at_once, uploads_to
from benchmarks.store import client_of, environ_of
from benchmarks.throughput import Processes, Run, Way, cpu_per_gb, measured
from tests.e2e.client import Client
from tests.live import live_server, new_admin_key
from tests.servers import S3Server, seaweedfs

TITLE = "Upload to S3"
ROUNDS = 3
LANES = 4
BLOCK = secrets.token_bytes(1 << 20)

@dataclass(frozen=True, slots=True)
class Load:
    """So many files of so many bytes each, sent by so many clients at once."""

    name: str
    count: int
    size: int
    suffix: str
    lanes: int

    @property
    def total(self) -> int:
        return self.count * self.size


@dataclass(frozen=True, slots=True)
class Pair:
    """One round."""

    ours: Run
    boto3: Run

    @property
    def ratio(self) -> float:
        return self.ours.speed / self.boto3.speed


BIG = Load("1 file of 1 GiB", 1, 1 << 30, ".mp4", 1)
SMALL = Load("500 files of 2 MB", 500, 2_000_000, ".jpg", LANES)


def measure() -> list[Figure]:
    """Both loads, some rounds each."""
    return [figure for load in (BIG, SMALL) for figure in _figures(load)]


def _figures(load: Load) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="bucketroll-bench-") as folder:
        files = _make_files(Path(folder), load)
        pairs = [_pair(load, files, ours_first=number % 2 == 0) for number in range(ROUNDS)]
    clients = "one client" if load.lanes == 1 else f"{load.lanes} clients at once, connections kept"
    return [
        at_least(
            f"{load.name}: ratio", 0.6, [pair.ratio for pair in pairs],
            f"throughput through us (S3 engine over SeaweedFS, one web process, until the answer came) to that of "
            f"boto3's `upload_file`; {ROUNDS} pairs, order alternating, a fresh store and new bytes each time. "
            "No worker runs, so that only the path of the upload is measured.",
        ),
        Figure(f"{load.name}: through us", spread([pair.ours.speed for pair in pairs], unit="MB/s"),
               f"`POST /api/assets` by {clients}, the body sent by the kernel from the file (`sendfile`). "
               f"{cpu_per_gb([pair.ours for pair in pairs])}"),
        Figure(f"{load.name}: boto3", spread([pair.boto3.speed for pair in pairs], unit="MB/s"),
               f"`upload_file` with its default transfer settings by {clients}; checksums `when_required`, as ours. "
               f"{cpu_per_gb([pair.boto3 for pair in pairs])}"),
    ]  # fmt: skip


def _make_files(folder: Path, load: Load) -> list[Path]:
    files = [folder / f"{number}{load.suffix}" for number in range(load.count)]
    for path in files:
        with path.open("wb") as file:
            for start in range(0, load.size, len(BLOCK)):
                file.write(BLOCK[: load.size - start])
            # Or the kernel would write it to disk in the midst of a measurement.
            file.flush()
            os.fsync(file.fileno())
    return files


def _pair(load: Load, files: Sequence[Path], *, ours_first: bool) -> Pair:
    with seaweedfs() as store, live_server(environ_of(store), workers=0) as server:
        [web] = children_of(server.pid_of("web"))
        key = new_admin_key(server)
        contenders = {
            "ours": (uploads_to(server, key), {"web": [web], "S3 server": [store.pid], "client": [os.getpid()]}),
            "boto3": (_boto3(store), {"S3 server": [store.pid], "client": [os.getpid()]}),
        }
        order = contenders if ours_first else reversed(contenders)
        runs = {name: _run(load, files, *contenders[name]) for name in order}
        _check_kept(Client(server.url, key), load)
    pair = Pair(runs["ours"], runs["boto3"])
    print(f"  {load.name}: {pair.ours.speed:.0f} MB/s, boto3 {pair.boto3.speed:.0f} MB/s", flush=True)
    return pair


def _run(load: Load, files: Sequence[Path], send: Sender, processes: Processes) -> Run:
    _warm_up(send, files[0])
    for path in files:
        _renew(path)

    def send_all() -> int:
        send_at_once(send, files, load.lanes)
        return load.total

    return measured(Way(send_all, processes))


def _boto3(store: S3Server) -> Sender:
    client = client_of(store)

    def send(files: Sequence[Path]) -> None:
        for path in files:
            client.upload_file(str(path), store.bucket, f"direct/{path.name}")

    return send


def _warm_up(send: Sender, like: Path) -> None:
    """One small upload: both sides make their connections and read S3's description at the first."""
    with tempfile.NamedTemporaryFile(suffix=like.suffix) as file:
        file.write(secrets.token_bytes(4096))
        file.flush()
        send([Path(file.name)])


def _renew(path: Path) -> None:
    """Bytes that no upload has had before, or it would be a duplicate."""
    with path.open("r+b") as file:
        file.write(secrets.token_bytes(32))


def _check_kept(client: Client, load: Load) -> None:
    counted = client.statistics()["total"]
    assert counted == load.count + 1, f"{counted} assets of {load.count + 1}"
