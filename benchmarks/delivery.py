"""Originals through the web process: from S3, against the store itself, and from local disk."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.library import upload_original
from benchmarks.processes import children_of
from benchmarks.reading import Download, check, read_at_once
from benchmarks.report import Figure, at_least, at_most, spread
from benchmarks.store import environ_of, keys_of_size, presigned
from benchmarks.throughput import Processes, Run, Way, cpu_per_gb, measured
from benchmarks.turns import in_turns
from tests.e2e.client import Client
from tests.live import live_server, new_admin_key
from tests.servers import seaweedfs

TITLE = "Originals through the web process"
SIZE = 200_000_000
ROUNDS = 5
ENVIRON = {"MALLOC_ARENA_MAX": "2"}
CPU_LIMIT = 1.5


@dataclass(frozen=True, slots=True)
class Load:
    """So many clients at once, each of which reads the original so often, one time after another."""

    name: str
    lanes: int
    times: int


ALONE = Load("alone", 1, 12)
EIGHT = Load("8 at once", 8, 2)
FROM_DISK = Load("from local disk", 1, 25)


def measure() -> list[Figure]:
    """From S3 by one client and by eight, in turns with the store; from local disk by one."""
    return [*_from_s3(), *_from_disk()]


def _from_s3() -> list[Figure]:
    with seaweedfs() as store, live_server(environ_of(store), workers=0) as server:
        key = new_admin_key(server)
        original = upload_original(Client(server.url, key), SIZE)
        [stored] = keys_of_size(store, SIZE)
        everyone = {"S3 server": [store.pid], "client": [os.getpid()]}
        ours = Download(server.url + original.path, SIZE, {"x-api-key": key})
        direct = Download(presigned(store, stored), SIZE)
        for download in (ours, direct):
            check(download, original.sha256)
        web = children_of(server.pid_of("web"))
        figures = []
        for load in (ALONE, EIGHT):
            ways = {"ours": _way(load, ours, {"web": web, **everyone}), "store": _way(load, direct, everyone)}
            figures += _figures(load, in_turns(ways, ROUNDS, measured))
        return figures


def _from_disk() -> list[Figure]:
    with live_server(ENVIRON, workers=0) as server:
        key = new_admin_key(server)
        original = upload_original(Client(server.url, key), SIZE)
        download = Download(server.url + original.path, SIZE, {"x-api-key": key})
        check(download, original.sha256)
        processes = {"web": children_of(server.pid_of("web")), "client": [os.getpid()]}
        runs = [measured(_way(FROM_DISK, download, processes)) for _ in range(ROUNDS)]
    return [
        Figure(f"{FROM_DISK.name}: speed", spread([run.speed for run in runs], unit="MB/s"),
               f"the same `GET` by one client, the file sent by the kernel (`sendfile`). {cpu_per_gb(runs)}"),
        _cpu_figure(FROM_DISK, runs),
    ]  # fmt: skip


def _way(load: Load, download: Download, processes: Processes) -> Way:
    return Way(partial(read_at_once, download, lanes=load.lanes, times=load.times), processes)


def _figures(load: Load, rounds: Sequence[Mapping[str, Run]]) -> list[Figure]:
    ours, store = [one["ours"] for one in rounds], [one["store"] for one in rounds]
    clients = f"{load.lanes} clients at once" if load.lanes > 1 else "one client"
    return [
        at_least(
            f"{load.name}: ratio", 0.7, [one["ours"].speed / one["store"].speed for one in rounds],
            f"throughput of `GET /api/assets/<id>/original` (S3 engine over SeaweedFS, one web process, no redirect) "
            f"to that of the same object by its presigned URL; {SIZE / 1e6:.0f} MB, read by {clients} with the same "
            f"code, {load.lanes * load.times} times a turn; {ROUNDS} pairs, order alternating.",
        ),
        _cpu_figure(load, ours),
        Figure(f"{load.name}: through us", spread([run.speed for run in ours], unit="MB/s"), cpu_per_gb(ours)),
        Figure(f"{load.name}: from the store", spread([run.speed for run in store], unit="MB/s"), cpu_per_gb(store)),
    ]  # fmt: skip


def _cpu_figure(load: Load, runs: Sequence[Run]) -> Figure:
    return at_most(
        f"{load.name}: CPU", CPU_LIMIT, [run.cpu["web"] for run in runs],
        "user and system time of the web process per GB, from `/proc`. Immich from local disk: 3.7 s/GB.", "s/GB",
    )  # fmt: skip
