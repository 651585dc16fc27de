"""Memory: files of 4 GiB go up and down while the web process stays as small as it was."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.e2e.client import Client, Form
from tests.e2e.installations import on_s3
from tests.e2e.watching import MIB, rise_of, web_process_of
from tests.live import LiveServer, live_server, new_admin_key
from tests.servers import seaweedfs

pytestmark = pytest.mark.servers

SIZE = 4 * 1024 * MIB
LIMIT = 64 * MIB
PIECE = bytes(MIB)


@pytest.mark.parametrize("engine", ["local", "s3"])
def test_four_gib_up_and_down_need_no_memory(engine: str, tmp_path: Path) -> None:
    with running(engine, tmp_path) as server:
        client = Client(server.url, new_admin_key(server))
        web = web_process_of(server)
        # What the first request of each kind loads stays; it is no part of any file.
        small = client.upload("small.mp4", b"small").json["id"]
        client.original_of(small)
        with rise_of(web) as up:
            answer = send(client)
        assert answer == 201
        with rise_of(web) as down:
            fetched = fetch(client)
        assert fetched == SIZE
        assert web_process_of(server) == web
    assert up[0] < LIMIT, f"the upload took {up[0] / MIB:.0f} MiB"
    assert down[0] < LIMIT, f"the download took {down[0] / MIB:.0f} MiB"


@contextmanager
def running(engine: str, folder: Path) -> Iterator[LiveServer]:
    """A server without workers: they would fetch the file too, and are measured elsewhere."""
    with ExitStack() as stack:
        settings = {}
        if engine == "s3":
            # Of its own, and gone afterwards with all that lies in it.
            settings = on_s3(stack.enter_context(seaweedfs()), "memory")
        yield stack.enter_context(live_server(settings, workers=0))


def send(client: Client) -> int:
    """Uploads a file that is never whole anywhere on this side; the status of the answer."""
    form = Form("large.mp4")
    length = str(len(form.head) + SIZE + len(form.tail))

    def body() -> Iterator[bytes]:
        yield form.head
        for _ in range(SIZE // len(PIECE)):
            yield PIECE
        yield form.tail

    return client.request("POST", "/api/assets", body(), {**form.headers, "Content-Length": length}).status


def fetch(client: Client) -> int:
    """Downloads the file, compares it with what was sent and forgets it; its size in bytes."""
    [asset] = [asset for asset in client.assets() if asset["originalFileName"] == "large.mp4"]
    size, buffer = 0, bytearray(MIB)
    with client.asked("GET", f"/api/assets/{asset['id']}/original") as response:
        assert response.status == 200
        while count := response.readinto(buffer):
            assert buffer[:count] == PIECE[:count]
            size += count
    return size
