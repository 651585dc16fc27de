"""Originals through nginx that Bucketroll sends to the bytes (X-Accel-Redirect), against nginx that just has them."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from benchmarks.library import upload_original
from benchmarks.processes import children_of
from benchmarks.reading import Download, check, read_at_once
from benchmarks.report import Figure, at_least, spread
from benchmarks.servers import nginx_alone, pids_of
from benchmarks.store import environ_of, keys_of_size, presigned
from benchmarks.throughput import Processes, Run, Way, cpu_per_gb, measured
from benchmarks.turns import in_turns
from tests.e2e.client import Client
from tests.live import LiveServer, live_server, new_admin_key
from tests.nginx import nginx_in_front
from tests.servers import S3Server, seaweedfs

TITLE = "Originals through nginx"
# The disk gives more than 5 GB in a second: of less, the two milliseconds before the first byte would be measured.
DISK_SIZE, BUCKET_SIZE = 1_000_000_000, 200_000_000
ROUNDS = 7
ENVIRON = {"MALLOC_ARENA_MAX": "2", "DELIVERY_ACCEL": "true", "IMMICH_TRUSTED_PROXIES": "127.0.0.1"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where an original lies; `path_of` is where nginx alone has it, and it is read `times` times a turn."""

    name: str
    accel: str
    alone: str
    environ: Mapping[str, str]
    size: int
    times: int
    path_of: Callable[[LiveServer], str]
    others: Processes


def measure() -> list[Figure]:
    """A file on the local disk, and an object of the bucket."""
    with seaweedfs() as store:
        return [figure for place in (_disk(), _bucket(store)) for figure in _figures(place, _rounds(place, store))]


def _disk() -> Place:
    def path_of(server: LiveServer) -> str:
        [file] = (path for path in server.media_location.rglob("*.mp4") if path.stat().st_size == DISK_SIZE)
        return f"/disk/{file.relative_to(server.media_location)}"

    alone = "the file from an `alias` of the media folder"
    return Place("disk", "/_accel/disk/", alone, ENVIRON, DISK_SIZE, 6, path_of, {})


def _bucket(store: S3Server) -> Place:
    def path_of(server: LiveServer) -> str:
        [key] = keys_of_size(store, BUCKET_SIZE)
        url = urlsplit(presigned(store, key))
        return f"{url.path}?{url.query}"

    environ = {**environ_of(store), **ENVIRON}
    others = {"S3 server": [store.pid]}
    alone = "the object by its presigned URL"
    return Place("bucket", "/_accel/bucket", alone, environ, BUCKET_SIZE, 8, path_of, others)


def _rounds(place: Place, store: S3Server) -> list[dict[str, Run]]:
    with (
        live_server(place.environ, workers=0) as server,
        nginx_in_front(server.url, media_location=server.media_location, bucket_endpoint=store.endpoint) as front,
        nginx_alone(server.media_location, store.endpoint) as alone,
    ):
        headers = {"x-api-key": new_admin_key(server)}
        original = upload_original(Client(server.url, headers["x-api-key"]), place.size)
        _check_sent_to_nginx(place, server.url + original.path, headers)
        others = {**place.others, "client": [os.getpid()]}
        web = children_of(server.pid_of("web"))
        ours = Download(front.url + original.path, place.size, headers)
        direct = Download(alone.url + place.path_of(server), place.size)
        for download in (ours, direct):
            check(download, original.sha256)
        ways = {
            "ours": Way(
                partial(read_at_once, ours, times=place.times), {"nginx": pids_of(front), "web": web, **others}
            ),
            "alone": Way(partial(read_at_once, direct, times=place.times), {"nginx": pids_of(alone), **others}),
        }
        return in_turns(ways, ROUNDS, measured)


def _check_sent_to_nginx(place: Place, url: str, headers: Mapping[str, str]) -> None:
    """Bucketroll, asked as nginx asks for the whole, answers without a byte."""
    with urlopen(Request(url, headers={**headers, "X-Accel-Range": "[]"}), timeout=30) as answer:
        assert answer.headers.get("X-Accel-Redirect", "").startswith(place.accel), answer.headers
        assert answer.read() == b""


def _figures(place: Place, rounds: Sequence[Mapping[str, Run]]) -> list[Figure]:
    ours, alone = [one["ours"] for one in rounds], [one["alone"] for one in rounds]
    return [
        at_least(
            f"{place.name}: ratio", 0.9, [one["ours"].speed / one["alone"].speed for one in rounds],
            f"throughput of `GET /api/assets/<id>/original` of {place.size / 1e6:.0f} MB through nginx with "
            f"deploy/nginx/bucketroll.conf, one worker, before one web process with `DELIVERY_ACCEL=true`, to that of "
            f"nginx alone: {place.alone}, with the same settings for bytes; {place.times} times a turn by one client, "
            f"{ROUNDS} pairs, order alternating.",
        ),
        Figure(f"{place.name}: CPU", spread([run.cpu["nginx"] + run.cpu["web"] for run in ours], 2, "s/GB"),
               "user and system time of nginx and the web process together per GB, from `/proc`."),
        Figure(f"{place.name}: through us", spread([run.speed for run in ours], unit="MB/s"), cpu_per_gb(ours)),
        Figure(f"{place.name}: nginx alone", spread([run.speed for run in alone], unit="MB/s"), cpu_per_gb(alone)),
    ]  # fmt: skip
