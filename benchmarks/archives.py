"""A zip archive of objects in S3, against boto3 that just reads them and against Node's archiver."""

import io
import json
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING
from zlib import crc32

from benchmarks.processes import children_of
from benchmarks.reading import Download, read, whole
from benchmarks.report import Figure, at_least, at_most, spread
from benchmarks.servers import archiver_server, peer_versions
from benchmarks.store import client_of, environ_of, keys_of_size
from benchmarks.throughput import Run, Way, cpu_per_gb, measured
from benchmarks.turns import in_turns
from tests.e2e.client import Client
from tests.e2e.photos import small_jpeg
from tests.live import LiveServer, live_server, new_admin_key
from tests.servers import seaweedfs

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TITLE = "Zip archives of objects in S3"
COUNT = 500
SIZE = 2_000_000
ROUNDS = 5
LANES = 4


def measure() -> list[Figure]:
    """The three of them in turns."""
    with seaweedfs() as store, live_server(environ_of(store), workers=0) as server:
        key = new_admin_key(server)
        ids, checksums = _upload(Client(server.url, key))
        keys = keys_of_size(store, SIZE)
        with archiver_server(store, keys) as node:
            ours = _ours(server, key, ids)
            peer = Download(f"{node.url}/zip", COUNT * SIZE)
            for zipped in (ours, peer):
                assert sorted(_checksums_in(whole(zipped))) == checksums, zipped.url
            objects = partial(_objects, client_of(store), store.bucket, keys)
            assert sorted(map(crc32, objects())) == checksums
            everyone = {"S3 server": [store.pid], "client": [os.getpid()]}
            web = children_of(server.pid_of("web"))
            ways = {
                "ours": Way(partial(read, ours), {"web": web, **everyone}),
                "boto3": Way(lambda: sum(map(len, objects())), everyone),
                "archiver": Way(partial(read, peer), {"Node": [node.pid], **everyone}),
            }
            rounds = in_turns(ways, ROUNDS, measured)
    return _figures(rounds)


def _upload(client: Client) -> tuple[list[str], list[int]]:
    """The ids of COUNT new assets, and the CRC-32 of each, sorted."""

    def upload(seed: int) -> tuple[str, int]:
        data = small_jpeg(seed, SIZE)
        answer = client.upload(f"{seed}.jpg", data)
        assert answer.status == 201, answer
        return answer.json["id"], crc32(data)

    with ThreadPoolExecutor(LANES) as pool:
        uploaded = list(pool.map(upload, range(COUNT)))
    # Or the kernel would write them to disk in the midst of a measurement.
    os.sync()
    return [asset_id for asset_id, _ in uploaded], sorted(checksum for _, checksum in uploaded)


def _ours(server: LiveServer, key: str, ids: Sequence[str]) -> Download:
    """The archive, as long as it says itself that it will be."""
    asked = json.dumps({"assetIds": ids}).encode()
    headers = {"x-api-key": key, "Content-Type": "application/json"}
    with Client(server.url, key).asked("POST", "/api/download/archive", asked, headers) as answer:
        assert answer.status == 200, answer.status
        size = int(answer.headers["Content-Length"])
    return Download(f"{server.url}/api/download/archive", size, headers, asked)


def _objects(client: "S3Client", bucket: str, keys: Sequence[str]) -> Iterator[bytes]:
    """The bytes of each object, one after another."""
    for key in keys:
        yield client.get_object(Bucket=bucket, Key=key)["Body"].read()


def _checksums_in(data: bytes) -> Iterator[int]:
    """The CRC-32 of the bytes of each member, read from the archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            yield crc32(archive.read(name))


def _figures(rounds: Sequence[Mapping[str, Run]]) -> list[Figure]:
    ours, boto3, archiver = ([one[name] for one in rounds] for name in ("ours", "boto3", "archiver"))
    return [
        at_least(
            "to boto3: ratio", 0.8, [one["ours"].speed / one["boto3"].speed for one in rounds],
            f"throughput of `POST /api/download/archive` of {COUNT} objects of {SIZE / 1e6:.0f} MB (S3 engine over "
            f"SeaweedFS, one web process, layout known) to that of boto3 reading the same objects one after another: "
            f"`get_object`, `read()`, one thread; {ROUNDS} rounds of all three, order alternating.",
        ),
        at_least(
            "to archiver: ratio", 1.5, [one["ours"].speed / one["archiver"].speed for one in rounds],
            f"the same to that of a Node.js server that makes the archive as Immich does ({peer_versions()}): stored, "
            f"one member after another, kept connections; read by the same client.",
        ),
        at_most(
            "through us: CPU", 3, [run.cpu["web"] for run in ours],
            "user and system time of the web process per GB, from `/proc`. Immich: 7.3 s/GB.", "s/GB",
        ),
        Figure("through us", spread([run.speed for run in ours], unit="MB/s"), cpu_per_gb(ours)),
        Figure("boto3", spread([run.speed for run in boto3], unit="MB/s"), f"boto3 is the client. {cpu_per_gb(boto3)}"),
        Figure("archiver", spread([run.speed for run in archiver], unit="MB/s"), cpu_per_gb(archiver)),
    ]  # fmt: skip
