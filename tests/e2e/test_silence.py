"""Clients that neither take nor send a byte are cut off, and whatever they held is free."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from config import MediaKind
from tests.e2e import photos
from tests.e2e.careless import Line, asked, every_thread_is_free, upload_begun
from tests.e2e.client import Client
from tests.e2e.installations import Inside, inside, on_s3
from tests.e2e.libraries import add_assets, put_originals
from tests.e2e.watching import MIB, connections_of, open_files, parked_bodies, pinged, wait_until, web_process_of
from tests.live import LiveServer, live_server, new_admin_key
from tests.servers import S3Server

pytestmark = pytest.mark.servers

IDLE_SECONDS = 5
THREADS = 12
# For so long a client is listened to after the last byte (deploy/gunicorn.conf.py).
LINGER_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Held:
    """What a web process holds for its clients: bodies of the store, files of its disk, files in staging."""

    bodies: int
    files: int
    staged: int


NOTHING = Held(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Home:
    """A server over a bucket, and originals of 12 MiB in the bucket and on its disk."""

    server: LiveServer
    client: Client
    inside: Inside
    web: int
    store_port: int
    in_bucket: str
    on_disk: str

    def knows(self, line: Line) -> bool:
        """Whether the server still has a connection."""
        return bool(connections_of(self.web, line.port))

    def held(self) -> Held:
        files = [name for name in open_files(self.web) if name.startswith(f"{self.server.media_location}/upload/")]
        return Held(parked_bodies(self.web, self.store_port), len(files), len(self.inside.staged()))


@pytest.fixture(scope="module")
def home(s3_server: S3Server) -> Iterator[Home]:
    settings = {
        "WEB_THREADS": str(THREADS),
        "DELIVERY_STREAMS": str(THREADS),
        "DELIVERY_IDLE_SECONDS": str(IDLE_SECONDS),
        # An engine of which files may lie on the disk beside the bucket.
        "STORAGE_ENGINE_BACKUPS": "local",
    }
    with live_server(on_s3(s3_server, "silence") | settings, workers=0) as server, inside(server) as within:
        client = Client(server.url, new_admin_key(server))
        data = [photos.small_jpeg(1, 12 * MIB)]
        [in_bucket] = add_assets(within, put_originals(within, data), 1)
        [on_disk] = add_assets(within, put_originals(within, data, MediaKind.BACKUPS), 1)
        port = int(s3_server.endpoint.rpartition(":")[2])
        yield Home(server, client, within, web_process_of(server), port, in_bucket, on_disk)


def test_whoever_neither_takes_nor_sends_is_cut_off_and_nothing_of_it_is_held(home: Home) -> None:
    client, asked_for = home.client, {"assetIds": [home.in_bucket]}
    archive, as_json = json.dumps(asked_for).encode(), {"Content-Type": "application/json"}
    address = client.send("POST", "/downloads", asked_for).json["url"]
    begun = time.monotonic()
    with pinged(home.server) as pings, ExitStack() as lines:
        downloads = [
            lines.enter_context(asked(client, method, path, body, as_json if body else {}))
            for method, path, body in 2 * [
                ("GET", f"/api/assets/{home.in_bucket}/original", None),
                ("GET", f"/api/assets/{home.on_disk}/original", None),
                ("POST", "/api/download/archive", archive),
                ("GET", address, None),
            ]
        ]
        uploads = [lines.enter_context(upload_begun(client)) for _ in range(2)]
        wait_until(lambda: home.held() == Held(bodies=6, files=2, staged=2), "all have begun", IDLE_SECONDS - 1)
        wait_until(lambda: home.held() == NOTHING, "nothing is held any more", IDLE_SECONDS + 3)
        assert time.monotonic() - begun > IDLE_SECONDS
        wait_until(lambda: not any(map(home.knows, downloads)), "downloads are cut off", LINGER_SECONDS + 1)
        assert [line.answer().status for line in uploads] == [400, 400]
        # The rest of an upload is waited for once more, since many clients read no answer before they have sent all.
        wait_until(lambda: not any(map(home.knows, uploads)), "uploads are cut off", IDLE_SECONDS + LINGER_SECONDS + 1)
    # Nobody else waits while one of them is parted from.
    assert max(pings) < LINGER_SECONDS
    every_thread_is_free(client, THREADS)
    log = home.server.log_of("web")
    assert log.count("neither took nor sent a byte") == len(downloads)
    assert "Traceback" not in log
