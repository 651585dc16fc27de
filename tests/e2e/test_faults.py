"""What goes wrong around an upload, made to go wrong: the client is told, and nothing half-done is kept."""

import http.client
import os
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from models.assets import Asset
from models.base import Database
from models.objects import PendingObject
from services import storage
from storage.service import AppStorageService
from tests.e2e import photos
from tests.e2e.client import Client, Form, checksum
from tests.e2e.installations import Inside, flask, inside, on_s3
from tests.e2e.killable import KillableS3
from tests.live import LiveServer, live_server, new_admin_key
from tests.systems import app_of, make_sqlite_file, running_system, sign_up

pytestmark = pytest.mark.servers

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Home:
    """A server on an S3 server that may be killed; `inside` sees what they keep."""

    server: LiveServer
    client: Client
    inside: Inside
    s3: KillableS3

    def kept(self) -> tuple[int, set[str]]:
        """How many assets there are, and every object, once the workers are done."""
        self.client.wait_until_idle()
        return self.inside.count(Asset), self.inside.stored_paths()

    def wait_until_clean(self) -> None:
        """Until nothing is staged and no object is announced."""
        deadline = time.monotonic() + 20
        while (staged := self.inside.staged()) or (pending := self.inside.count(PendingObject)):
            assert time.monotonic() < deadline, f"left: {staged or pending}"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with (
        KillableS3.running(tmp_path_factory.mktemp("s3")) as s3,
        live_server(on_s3(s3.server, "faults")) as server,
        inside(server) as within,
    ):
        yield Home(server, Client(server.url, new_admin_key(server)), within, s3)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_client_that_hangs_up_in_mid_upload_leaves_nothing(home: Home, framing: str) -> None:
    before, form = home.kept(), Form("cut off.jpg")
    framed = {"Content-Length": str(20 * MIB)} if framing == "length" else {"Transfer-Encoding": "chunked"}
    with closing(home.client.connection()) as connection:
        start_request(connection, home.client, {**form.headers, **framed})
        piece = form.head + bytes(2 * MIB)
        connection.send(piece if framing == "length" else b"%x\r\n%s\r\n" % (len(piece), piece))
        wait_until(lambda: home.inside.staged(), "the upload has begun")
    home.wait_until_clean()
    assert home.kept() == before


def test_a_client_that_hangs_up_in_mid_download_does_no_harm(home: Home) -> None:
    data = photos.small_jpeg(1, 20 * MIB)
    asset_id = home.client.upload("downloaded.jpg", data).json["id"]
    for _ in range(20):
        with home.client.asked("GET", f"/api/assets/{asset_id}/original") as response:
            response.read(1000)
    assert home.client.original_of(asset_id) == data
    assert "Traceback" not in home.server.log_of("web")


def test_a_dead_store_is_told_to_the_client_and_nothing_is_kept(home: Home) -> None:
    before, data = home.kept(), photos.picture(2)
    with home.s3.killed():
        answer = home.client.upload("while dead.jpg", data)
        assert home.inside.staged() == set()
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json["message"]
    assert home.client.asset_of(data) is None
    sweep(home)
    assert home.kept() == before
    assert home.client.upload("again.jpg", data).status == 201


def test_a_dead_store_fails_downloads_as_unavailable_and_no_other_way(home: Home) -> None:
    data = photos.picture(3)
    asset_id = home.client.upload("there.jpg", data).json["id"]
    home.client.wait_until_idle()
    with home.s3.killed():
        answer = home.client.get(f"/api/assets/{asset_id}/original")
        assert home.client.get(f"/api/assets/{asset_id}").status == 200
    assert answer.status == 503
    assert answer.headers["Content-Type"] == "application/json"
    assert "ETag" not in answer.headers
    assert home.client.original_of(asset_id) == data


def test_a_store_that_refuses_is_never_taken_for_one_that_has_nothing(home: Home) -> None:
    data, other = photos.picture(4), photos.picture(5)
    asset_id = home.client.upload("refused.jpg", data).json["id"]
    home.client.wait_until_idle()
    with home.s3.refusing():
        for path in ("original", "thumbnail", "thumbnail?size=preview"):
            answer = home.client.get(f"/api/assets/{asset_id}/{path}")
            assert answer.status == 503, answer
            assert answer.json["message"]
        assert home.client.upload("other.jpg", other).status == 503
    sweep(home)
    assert home.client.original_of(asset_id) == data
    assert home.client.asset_of(other) is None
    assert home.client.upload("other.jpg", other).status == 201


def test_jobs_outlive_a_store_that_is_away(home: Home) -> None:
    with paused(home.client, "thumbnailGeneration", "metadataExtraction"):
        asset_id = home.client.upload("later.jpg", photos.picture(6)).json["id"]
        home.s3.kill()
    wait_until(lambda: "failed, attempt 1" in home.server.log_of("worker"), "a job has met the dead store")
    home.s3.restart()
    home.server.stop("worker")
    home.inside.hurry()
    home.server.restart("worker")
    home.client.wait_until_idle()
    assert home.client.failed_jobs() == {}
    assert home.client.get(f"/api/assets/{asset_id}/thumbnail").status == 200


def test_a_worker_killed_over_a_thumbnail_does_it_again(home: Home) -> None:
    data = photos.picture(7, ".png", (5000, 4000))
    asset_id = home.client.upload("huge.png", data).json["id"]
    wait_until(lambda: active(home.client, "thumbnailGeneration"), "the job has begun", 0.005)
    home.server.kill("worker")
    assert home.client.get(f"/api/assets/{asset_id}/thumbnail").status == 404
    assert home.client.undone_jobs()["thumbnailGeneration"] == 1
    home.inside.hurry()
    home.server.start("worker")
    home.client.wait_until_idle()
    assert home.client.get(f"/api/assets/{asset_id}/thumbnail").status == 200
    assert home.inside.staged() == set()


def test_a_known_checksum_is_answered_before_the_body_and_the_connection_goes_on(home: Home) -> None:
    data = photos.small_jpeg(8, 20 * MIB)
    asset_id = home.client.upload("known.jpg", data).json["id"]
    form = Form("known again.jpg")
    body = form.around(data)
    headers = {**form.headers, "Content-Length": str(len(body)), "x-immich-checksum": checksum(data)}
    with closing(home.client.connection()) as connection:
        start_request(connection, home.client, headers)
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b'{"id":"%s","status":"duplicate"}\n' % asset_id.encode())
    with closing(home.client.connection()) as connection:
        start_request(connection, home.client, headers)
        connection.send(body)
        assert connection.getresponse().read() == b'{"id":"%s","status":"duplicate"}\n' % asset_id.encode()
        connection.request("GET", "/api/server/ping")
        assert connection.getresponse().read() == b'{"res":"pong"}\n'


def test_the_wrong_checksum_is_told_and_nothing_is_kept(home: Home) -> None:
    before = home.kept()
    answer = home.client.upload("wrong.jpg", photos.picture(9), x_immich_checksum=checksum(b"something else"))
    assert answer.status == 400
    home.wait_until_clean()
    assert home.kept() == before


def test_the_same_file_from_many_clients_at_once_becomes_one_asset(home: Home) -> None:
    assets, objects = home.kept()
    data, answers = photos.small_jpeg(10, MIB), []
    clients = [threading.Thread(target=lambda: answers.append(home.client.upload("same.jpg", data))) for _ in range(8)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert sorted(answer.status for answer in answers) == [200] * 7 + [201]
    assert len({answer.json["id"] for answer in answers}) == 1
    home.client.wait_until_idle()
    home.wait_until_clean()
    after, stored = home.kept()
    assert (after, len(stored)) == (assets + 1, len(objects) + 3)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_staging_disk_is_told_and_nothing_is_kept(home: Home, tmp_path: Path) -> None:
    small, large = photos.small_jpeg(11, MIB), photos.small_jpeg(12, 30 * MIB)
    environ = on_s3(home.s3.server, "full")
    with small_disk(tmp_path) as staging, live_server({**environ, "STAGING_LOCATION": str(staging)}) as server:
        client = Client(server.url, new_admin_key(server))
        answer = client.upload("large.jpg", large)
        assert answer.status == 507
        assert "no room" in answer.json["message"]
        with inside(server) as within:
            assert within.staged() == set()
            assert within.stored_paths() == set()
            assert within.count(PendingObject) == 0
        assert client.upload("small.jpg", small).status == 201


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_database_that_stays_locked_is_told_and_nothing_is_kept(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, form = tmp_path / "test.db", Form("locked.jpg")
    make_sqlite_file(database)
    environ = {"DB_URL": f"sqlite:///{database}", "IMMICH_MEDIA_LOCATION": str(tmp_path / "media")}
    with running_system(environ) as system, closing(sqlite3.connect(database, isolation_level=None)) as other:
        admin, within = sign_up(system), Inside(system.settings, system.database, system.storage)
        be_impatient(system.database)
        put = AppStorageService.upload_file

        def put_and_lock(*arguments: Any, **options: Any) -> None:
            put(*arguments, **options)
            other.execute("BEGIN IMMEDIATE")

        if moment == "before":
            other.execute("BEGIN IMMEDIATE")
        else:
            monkeypatch.setattr(AppStorageService, "upload_file", put_and_lock)
        headers = {**form.headers, **admin.headers}
        answer = app_of(system).test_client().post("/api/assets", data=form.around(photos.picture(13)), headers=headers)
        other.execute("ROLLBACK")
        assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "5")
        assert within.staged() == set()
        assert within.count(Asset) == 0
        storage.sweep_all(system)
        assert within.stored_paths() == set()
        assert within.count(PendingObject) == 0


def be_impatient(database: Database) -> None:
    """Waits for locks a tenth of a second instead of half a minute."""
    database.close()

    @event.listens_for(database.engine, "connect")
    def prepare(connection: sqlite3.Connection, record: object) -> None:
        connection.execute("PRAGMA busy_timeout = 100")


def start_request(connection: http.client.HTTPConnection, client: Client, headers: dict[str, str]) -> None:
    """An upload without its body."""
    connection.putrequest("POST", "/api/assets")
    for name, value in {"x-api-key": client.key, **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()


def sweep(home: Home) -> None:
    """What the sweep does some minutes later, now."""
    flask(home.server, "storage", "sweep", "--all")
    home.wait_until_clean()


def active(client: Client, queue: str) -> int:
    count: int = client.get("/api/jobs").json[queue]["jobCounts"]["active"]
    return count


@contextmanager
def paused(client: Client, *queues: str) -> Iterator[None]:
    """Queues that start nothing for the time of the block."""
    for queue in queues:
        assert client.send("PUT", f"/api/jobs/{queue}", {"command": "pause"}).status == 200
    yield
    for queue in queues:
        assert client.send("PUT", f"/api/jobs/{queue}", {"command": "resume"}).status == 200


def wait_until(is_so: Callable[[], object], what: str, pause: float = 0.05) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline, f"it never came that {what}"
        time.sleep(pause)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk with room for 16 MiB; skips the test where none can be mounted, as in most containers."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
