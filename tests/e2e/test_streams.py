"""Many downloads at once: clients that vanish, a store that dies under them, more of them than may run."""

import hashlib
import json
import logging
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import cycle, islice, product

import pytest

from tests.e2e import photos
from tests.e2e.careless import asked, every_thread_is_free
from tests.e2e.client import Client
from tests.e2e.installations import on_s3
from tests.e2e.killable import KillableS3
from tests.e2e.watching import MIB, connections_of, memory_of, parked_bodies, pinged, wait_until, web_process_of
from tests.live import LiveServer, live_server, new_admin_key

pytestmark = pytest.mark.servers
logger = logging.getLogger(__name__)

AT_ONCE = 40
THREADS = 64
STREAMS = 52
RUNNING = 50
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Leaving:
    """How a client goes: after so many bytes of the answer (None: before any), and so many seconds."""

    after: int | None
    rests: float
    resets: bool


@dataclass(frozen=True, slots=True)
class Asset:
    id: str
    size: int
    sha1: str

    @property
    def original(self) -> str:
        return f"/api/assets/{self.id}/original"


@dataclass(frozen=True, slots=True)
class Home:
    """A server over a bucket, and what there is to download."""

    s3: KillableS3
    server: LiveServer
    client: Client
    web: int
    large: Asset
    requests: list[Request]

    def parked(self) -> int:
        return parked_bodies(self.web, self.s3.port)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    threads = {"WEB_THREADS": str(THREADS), "DELIVERY_STREAMS": str(STREAMS)}
    with (
        KillableS3.running(tmp_path_factory.mktemp("s3")) as s3,
        live_server(on_s3(s3.server, "streams") | threads) as server,
    ):
        client = Client(server.url, new_admin_key(server))
        small = [kept(client, seed, 3 * MIB) for seed in range(3)]
        large = kept(client, 9, 16 * MIB)
        client.wait_until_idle()
        server.stop("worker")
        archive = json.dumps({"assetIds": [asset.id for asset in small]}).encode()
        requests = [
            Request("GET", small[0].original),
            Request("GET", f"/api/assets/{small[1].id}/thumbnail"),
            Request("GET", large.original),
            Request("POST", "/api/download/archive", archive),
            Request("GET", client.request("POST", "/downloads", archive, JSON).json["url"]),
        ]
        yield Home(s3, server, client, web_process_of(server), large, requests)


def kept(client: Client, seed: int, size: int) -> Asset:
    data = photos.small_jpeg(seed, size)
    return Asset(client.upload(f"{seed}.jpg", data).json["id"], size, photos.sha1_of(data))


def test_a_thousand_clients_that_vanish_leave_nothing_busy(home: Home) -> None:
    manners = [Leaving(*one) for one in product((None, 0, 100_000), (0.1, 0.5), (True, False))]
    visits = list(islice(cycle(product(home.requests, manners)), 1100))
    random.Random(1).shuffle(visits)
    with ThreadPoolExecutor(AT_ONCE) as clients, pinged(home.server) as pings:
        # Threads and pools grow with the first ones, and stay.
        statuses = list(clients.map(lambda visit: vanish(home.client, *visit), visits[:100]))
        before = memory_of(home.web)
        begun = time.monotonic()
        statuses += clients.map(lambda visit: vanish(home.client, *visit), visits[100:])
        logger.info("1000 clients vanished in %.1f s", time.monotonic() - begun)
        wait_until(lambda: not home.parked(), "no body of the store is held", seconds=10)
    logger.info("%d connections to the store, %.1f MiB more", len(connections_of(home.web, home.s3.port)),
                (memory_of(home.web) - before) / MIB)  # fmt: skip
    assert set(statuses) == {None, 200}
    assert sorted(pings)[len(pings) // 2] < 0.1
    assert memory_of(home.web) - before < 64 * MIB
    every_thread_is_free(home.client, THREADS)
    every_stream_is_free(home)
    assert "Traceback" not in home.server.log_of("web")


def vanish(client: Client, request: Request, leaving: Leaving) -> int | None:
    """The status of the answer, where the client stays for it."""
    with asked(client, request.method, request.path, request.body, JSON if request.body else {}) as line:
        if leaving.resets:
            line.reset_at_close()
        if leaving.after is None:
            time.sleep(leaving.rests)
            return None
        response = line.answer()
        response.read(leaving.after)
        time.sleep(leaving.rests)
        return response.status


def every_stream_is_free(home: Home) -> None:
    """As many downloads as may run at once begin, none of them read to its end."""
    with ExitStack() as downloads:
        begun = time.monotonic()
        for _ in range(STREAMS):
            line = downloads.enter_context(asked(home.client, "GET", home.large.original))
            assert line.answer().status == 200
        assert time.monotonic() - begun < 5
        wait_until(lambda: home.parked() == STREAMS, "each has a body of the store", seconds=5)
    wait_until(lambda: not home.parked(), "no body of the store is held", seconds=10)


# --- A store that dies ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of a download: how much was promised, how much came, and the SHA-1 of that."""

    promised: int
    size: int
    sha1: str


def test_downloads_outlive_a_store_that_dies_under_them_or_break_off_visibly(home: Home) -> None:
    begun, killed = threading.Barrier(RUNNING + 1), threading.Event()
    with ThreadPoolExecutor(RUNNING) as clients:
        running = [clients.submit(fetch_over, home, begun, killed) for _ in range(RUNNING)]
        begun.wait(30)
        home.s3.kill()
        died = time.monotonic()
        killed.set()
        time.sleep(1)
        home.s3.restart()
        logger.info("the store was away for %.1f s", time.monotonic() - died)
        fetched = [one.result() for one in running]
    whole = [one for one in fetched if one.size == one.promised]
    went_on = home.server.log_of("web").count("A body broke off")
    logger.info("%d of %d came whole, %d attempts, %.1f s", len(whole), RUNNING, went_on, time.monotonic() - died)
    assert {one.promised for one in fetched} == {home.large.size}
    assert {one.sha1 for one in whole} == {home.large.sha1}
    assert len(whole) >= RUNNING // 2
    assert went_on >= RUNNING // 2
    assert photos.sha1_of(home.client.original_of(home.large.id)) == home.large.sha1
    assert "Traceback" not in home.server.log_of("web")


def fetch_over(home: Home, begun: threading.Barrier, killed: threading.Event) -> Fetched:
    """A download that has begun when the store dies, and asks for the rest while it is away."""
    digest, size = hashlib.sha1(), 0
    with asked(home.client, "GET", home.large.original) as line:
        response = line.answer()
        promised = int(response.headers["Content-Length"])
        data = response.read(MIB)
        begun.wait(30)
        killed.wait(30)
        with suppress(OSError):  # a reset is as good a sign as an end before its time
            while data:
                digest.update(data)
                size += len(data)
                data = response.read(256 * 1024)
    return Fetched(promised, size, digest.hexdigest())


# --- More than the gate lets through -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Narrow:
    """A server that relays two objects at a time and lets three requests wait; its thumbnails lie on its disk."""

    client: Client
    asset: Asset


@pytest.fixture
def narrow(home: Home) -> Iterator[Narrow]:
    gate = {"WEB_THREADS": "8", "DELIVERY_STREAMS": "2", "STORAGE_ENGINE_THUMBNAILS": "local"}
    with live_server(on_s3(home.s3.server, "narrow") | gate) as server:
        client = Client(server.url, new_admin_key(server))
        asset = kept(client, 9, 12 * MIB)
        client.wait_until_idle()
        yield Narrow(client, asset)


def test_downloads_beyond_the_gate_wait_in_order_and_those_beyond_the_queue_are_told(narrow: Narrow) -> None:
    client, original = narrow.client, narrow.asset.original
    with ExitStack() as lines:
        running = [lines.enter_context(asked(client, "GET", original)) for _ in range(2)]
        assert [line.answer().status for line in running] == [200, 200]
        waiting = []
        for _ in range(3):
            waiting.append(lines.enter_context(asked(client, "GET", original)))
            time.sleep(0.3)  # it has to be in the queue before the next one comes
        refused = client.get(original)
        assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
        assert refused.json["message"]
        everything_else_goes_on(narrow)
        for number in range(3):
            assert [line.is_answered() for line in waiting] == [True] * number + [False] * (3 - number)
            (running + waiting)[number].hang_up()
            wait_until(waiting[number].is_answered, "the next one has its turn", seconds=5)
            assert waiting[number].answer().status == 200
    assert photos.sha1_of(client.original_of(narrow.asset.id)) == narrow.asset.sha1


def everything_else_goes_on(narrow: Narrow) -> None:
    begun = time.monotonic()
    for _ in range(10):
        assert narrow.client.get("/api/server/ping").status == 200
        assert narrow.client.get(f"/api/assets/{narrow.asset.id}").status == 200
        assert narrow.client.get(f"/api/assets/{narrow.asset.id}/thumbnail").status == 200
    assert time.monotonic() - begun < 3
