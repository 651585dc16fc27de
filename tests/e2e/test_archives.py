"""Archives of many files: little memory, few connections, accepted by every unpacker, resumed at any byte by curl."""

import hashlib
import json
import logging
import random
import subprocess
import time
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from config import MediaKind
from tests.e2e import photos
from tests.e2e.client import Client
from tests.e2e.installations import Inside, inside, on_s3
from tests.e2e.libraries import add_assets, put_originals
from tests.e2e.relay import Relay, relaying
from tests.e2e.watching import MIB, rise_of, web_process_of
from tests.live import live_server, new_admin_key
from tests.servers import S3Server

pytestmark = pytest.mark.servers
logger = logging.getLogger(__name__)

LIMIT = 64 * MIB
TOOLS = (("unzip", "-tqq"), ("7z", "t", "-bd"), ("bsdtar", "-xOf"))
RESUMES, LARGE_RESUMES = 200, 5
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Home:
    """A server that reaches its bucket through a relay; `on_disk` is kept beside, on its own disk."""

    client: Client
    inside: Inside
    web: int
    relay: Relay

    def library(self, contents: Sequence[bytes], count: int, kind: MediaKind = MediaKind.ORIGINALS) -> bytes:
        """So many new assets over these bytes, as the body of a request for their archive."""
        originals = put_originals(self.inside, contents, kind)
        return json.dumps({"assetIds": add_assets(self.inside, originals, count)}).encode()

    def address_of(self, wanted: bytes) -> str:
        answer = self.client.request("POST", "/downloads", wanted, JSON)
        assert answer.status == 201, answer
        return f"{self.client.url}{answer.json['url']}"


@pytest.fixture(scope="module")
def home(s3_server: S3Server) -> Iterator[Home]:
    with relaying(s3_server.endpoint) as relay:
        settings = on_s3(s3_server, "archives") | {"S3_ENDPOINT": relay.url, "STORAGE_ENGINE_BACKUPS": "local"}
        with live_server(settings, workers=0) as server, inside(server) as within:
            client = Client(server.url, new_admin_key(server))
            yield Home(client, within, web_process_of(server), relay)


@pytest.fixture(scope="module")
def gigabyte(home: Home) -> bytes:
    """500 members of 2 MiB."""
    return home.library([photos.small_jpeg(seed, 2 * MIB) for seed in range(4)], 500)


def test_an_archive_of_a_gigabyte_needs_two_connections_to_the_store_and_no_memory(
    home: Home, gigabyte: bytes
) -> None:
    fetch(home.client, home.library([b"What the first one loads stays."], 2))
    asked_before, begun = len(home.relay.seen), time.monotonic()
    with rise_of(home.web) as rise:
        promised, size = fetch(home.client, gigabyte)
    logger.info("%d MiB in %.1f s", size / MIB, time.monotonic() - begun)
    assert size == promised
    assert size > 500 * 2 * MIB
    fetched = [seen for seen in home.relay.seen[asked_before:] if seen.method == "GET"]
    assert len(fetched) >= 500
    # Each open body has a connection of its own.
    assert len({seen.port for seen in fetched}) <= 2
    assert rise[0] < LIMIT


def test_a_range_of_an_archive_reads_only_the_members_that_it_touches(home: Home, gigabyte: bytes) -> None:
    asked_before = len(home.relay.seen)
    answer = home.client.request("POST", "/api/download/archive", gigabyte, {"Range": "bytes=-65536", **JSON})
    assert (answer.status, len(answer.body)) == (206, 65536)
    [touched] = home.relay.seen[asked_before:]
    first, _, last = (touched.header("Range") or "").removeprefix("bytes=").partition("-")
    # Of the last member what the directory leaves of the 64 KiB.
    assert int(last) == 2 * MIB - 1
    assert int(first) > 2 * MIB - 65536


def fetch(client: Client, wanted: bytes, target: Path = Path("/dev/null")) -> tuple[int, int]:
    """Content-Length of an archive, and the number of bytes that came."""
    size, buffer = 0, bytearray(MIB)
    with target.open("wb") as file, client.asked("POST", "/api/download/archive", wanted, JSON) as response:
        assert response.status == 200
        while count := response.readinto(buffer):
            file.write(memoryview(buffer)[:count])
            size += count
        return int(response.headers["Content-Length"]), size


def test_an_archive_of_twenty_thousand_files_needs_little_and_is_read_by_every_unpacker(
    home: Home, tmp_path: Path
) -> None:
    contents = [f"number {number}".encode() * 10 for number in range(100)]
    wanted, archive = home.library(contents, 20_000, MediaKind.BACKUPS), tmp_path / "many.zip"
    begun = time.monotonic()
    with rise_of(home.web) as rise:
        promised, size = fetch(home.client, wanted, archive)
    logger.info("%d MiB in %.1f s", size / MIB, time.monotonic() - begun)
    assert (promised, archive.stat().st_size) == (size, size)
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        names = opened.namelist()
        assert names == [f"{number}.jpg" for number in range(20_000)]
        assert opened.read("19999.jpg") == contents[99]
    accepted_by_all(archive)
    assert rise[0] < LIMIT


def accepted_by_all(archive: Path) -> None:
    for tool in TOOLS:
        done = subprocess.run([*tool, archive], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)
        assert (done.returncode, done.stderr) == (0, b""), tool


def test_curl_resumes_an_archive_at_any_byte(home: Home, tmp_path: Path) -> None:
    small = home.address_of(home.library([photos.small_jpeg(20 + seed, 40_000) for seed in range(8)], 8))
    large = home.address_of(home.library([photos.small_jpeg(30 + seed, 2 * MIB) for seed in range(4)], 10))
    resumed_everywhere(small, tmp_path / "small", RESUMES)
    resumed_everywhere(large, tmp_path / "large", LARGE_RESUMES)


def resumed_everywhere(address: str, folder: Path, times: int) -> None:
    """curl fetches an archive, then completes copies of it that were cut off at random bytes."""
    folder.mkdir()
    whole = folder / "whole.zip"
    curl(address, whole)
    accepted_by_all(whole)
    data = whole.read_bytes()
    places = random.Random(times).sample(range(len(data)), times)

    def complete(place: int) -> str:
        part = folder / f"{place}.zip"
        part.write_bytes(data[:place])
        curl(address, part, "-C", "-")
        return sha256(part.read_bytes())

    with ThreadPoolExecutor(4) as clients:
        assert set(clients.map(complete, places)) == {sha256(data)}


def curl(address: str, target: Path, *options: str) -> None:
    command = ["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", *options, "-o", str(target), address]
    subprocess.run(command, check=True, timeout=120)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
