"""A folder of hostile files, sent to a running server: nobody is hurt, every file is shown or its trouble told."""

import ctypes
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import select

from media import confinement, mime
from models.jobs import Job, JobStatus
from tests.e2e import photos
from tests.e2e.client import Client, Form
from tests.e2e.installations import Inside, inside, on_s3
from tests.e2e.watching import MIB, memory_of, wait_until, web_process_of
from tests.live import LiveServer, live_server, new_admin_key
from tests.media.hostile import hostile_files
from tests.media.hostile_documents import Outside, sidecars
from tests.servers import S3Server, own_prefix

pytestmark = pytest.mark.servers
logger = logging.getLogger(__name__)

# Bytes; less than the address space that they may have (media/workbench.py, media/frames.py).
LARGEST_CHILD = 2048 * MIB
LARGEST_WORKER = 300 * MIB
SECONDS = 240
# sys/inotify.h
_OPENED, _NONBLOCKING = 0x20, os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class Canaries:
    """What hostile files name, and whether anybody came for it."""

    outside: Outside
    listener: socket.socket
    watch: int

    def is_untouched(self) -> bool:
        """Whether nobody called, nothing was opened, and the folder is as it was."""
        return not self._is_called() and not self._is_opened() and self._is_as_it_was()

    def _is_called(self) -> bool:
        with suppress(BlockingIOError):
            self.listener.accept()[0].close()
            return True
        return False

    def _is_opened(self) -> bool:
        with suppress(BlockingIOError):
            return bool(os.read(self.watch, 4096))
        return False

    def _is_as_it_was(self) -> bool:
        return list(self.outside.secret.parent.iterdir()) == [self.outside.secret]


@contextmanager
def canaries(folder: Path) -> Iterator[Canaries]:
    folder.mkdir()
    secret = folder / "secret.png"
    secret.write_bytes(photos.picture(99, ".png"))
    watch = _watch(secret)
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            yield Canaries(Outside(secret, folder / "escaped", url), listener, watch)
    finally:
        os.close(watch)


def _watch(path: Path) -> int:
    """A descriptor that has something to read once the file was opened by anybody (inotify)."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch: int = libc.inotify_init1(_NONBLOCKING)
    assert libc.inotify_add_watch(watch, os.fsencode(path), _OPENED) >= 0
    return watch


@dataclass(slots=True)
class Peaks:
    """The most that the worker, and any process below it, was seen to hold; in bytes."""

    worker: int = 0
    child: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def sample(self, pid: int) -> None:
        while not self.stop.wait(0.1):
            children = [_peak_of(child) for child in confinement.descendants_of(pid)]
            self.worker = max(self.worker, memory_of(pid, "VmHWM"))
            self.child = max([self.child, *children])


def _peak_of(pid: int) -> int:
    try:
        return memory_of(pid, "VmHWM")
    except (OSError, AssertionError):
        return 0  # it has just ended


@contextmanager
def memory_watched(pid: int) -> Iterator[Peaks]:
    peaks = Peaks()
    thread = threading.Thread(target=peaks.sample, args=(pid,))
    thread.start()
    try:
        yield peaks
    finally:
        peaks.stop.set()
        thread.join()
    logger.info("the worker held %d MiB, a process below it %d MiB", peaks.worker // MIB, peaks.child // MIB)


def send(client: Client, files: dict[str, bytes]) -> dict[str, str]:
    """Uploads files; the ids of those that were taken, by name. What is refused is refused by a sentence."""
    taken = {}
    for name, data in files.items():
        answer = client.upload(name.replace('"', "%22"), data)
        assert answer.status in (201, 400, 415), (name, answer)
        assert answer.json.get("id") or answer.json["message"], name
        if answer.status == 201:
            taken[name] = answer.json["id"]
    return taken


def send_with_sidecar(client: Client, name: str, photo: bytes, sidecar: bytes) -> str:
    """Uploads a sound photo with a sidecar; the id of its asset."""
    form = Form(name)
    boundary = form.headers["Content-Type"].partition("boundary=")[2]
    part = f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="sidecarData"; filename="{name}.xmp"\r\n\r\n'
    answer = client.request("POST", "/api/assets", form.around(photo + part.encode() + sidecar), form.headers)
    assert answer.status == 201, answer
    asset_id: str = answer.json["id"]
    return asset_id


def troubles(within: Inside) -> dict[str, str]:
    """What failed jobs say, by the asset that they are about."""
    with within.database.read() as session:
        jobs = session.scalars(select(Job).where(Job.status == JobStatus.FAILED)).all()
    return {job.data["id"]: job.error or "" for job in jobs if "id" in job.data}


def has_picture(client: Client, asset_id: str) -> bool:
    return all(client.get(f"/api/assets/{asset_id}/thumbnail?size={size}").status == 200
               for size in ("thumbnail", "preview"))  # fmt: skip


def listed_as_failed(client: Client) -> set[str]:
    """The assets of the failed jobs that an admin is shown."""
    return {
        job["data"]["id"]
        for queue in client.failed_jobs()
        for job in client.get(f"/api/queues/{queue}/jobs?status=failed").json
        if "id" in job["data"]
    }


def everything_is_reported(client: Client, within: Inside, taken: dict[str, str]) -> None:
    """Each asset has its pictures, or a failed job that an admin sees and that says why."""
    told, listed = troubles(within), listed_as_failed(client)
    for name, asset_id in taken.items():
        assert has_picture(client, asset_id) or (told.get(asset_id) and asset_id in listed), name
    assert all(": " in trouble for trouble in told.values())


def nothing_is_left(server: LiveServer, within: Inside) -> None:
    """No file is anywhere but where a row says that it is."""
    assert within.staged() == set()
    assert within.stored_paths() == within.object_rows()
    # What a decoder has left ends with it, which is when it has had nothing to do for a while.
    temporary = Path(server.environ["TMPDIR"])
    wait_until(lambda: not any(path.is_file() for path in temporary.rglob("*")), "no temporary file is left", 30)


def good_photo_is_shown_soon(client: Client, seed: int) -> None:
    asset_id = client.upload("good.jpg", photos.picture(seed)).json["id"]
    wait_until(lambda: has_picture(client, asset_id), "a good photo is shown", seconds=10)


def test_hundreds_of_hostile_files_hurt_nobody(tmp_path: Path) -> None:
    with (
        canaries(tmp_path / "outside") as guarded,
        live_server() as server,
        inside(server) as within,
        memory_watched(server.pid_of("worker")) as peaks,
    ):
        client = Client(server.url, new_admin_key(server))
        processes = server.pid_of("worker"), web_process_of(server)
        files = hostile_files(guarded.outside)
        begun = time.monotonic()
        taken = send(client, files)
        for number, (name, sidecar) in enumerate(sidecars(guarded.outside).items()):
            photo = photos.small_jpeg(1000 + number, 50_000)
            taken[name] = send_with_sidecar(client, f"{name}.jpg", photo, sidecar)
        good = client.upload("good.jpg", photos.picture(1)).json["id"]
        client.wait_until_idle(SECONDS)
        assert has_picture(client, good)
        good_photo_is_shown_soon(client, 2)
        client.wait_until_idle()
        logger.info("%d files, %d taken, %.0f s", len(files), len(taken), time.monotonic() - begun)
        everything_is_reported(client, within, taken)
        nothing_is_left(server, within)
        assert guarded.is_untouched()
        assert processes == (server.pid_of("worker"), web_process_of(server))
        # What fails does so by an error of ours, and no thread of the worker stumbles.
        assert "Traceback" not in server.log_of("worker")
        assert "Traceback" not in server.log_of("web")
    assert len(files) >= 60 + len(mime.IMAGE_TYPES) + len(mime.VIDEO_TYPES)
    assert peaks.worker < LARGEST_WORKER
    assert peaks.child < LARGEST_CHILD


def test_hostile_files_in_a_bucket_hurt_nobody(s3_server: S3Server, tmp_path: Path) -> None:
    with (
        canaries(tmp_path / "outside") as guarded,
        live_server(on_s3(s3_server, own_prefix())) as server,
        inside(server) as within,
    ):
        client = Client(server.url, new_admin_key(server))
        # Of each kind some; those that reach out of themselves all.
        files = hostile_files(guarded.outside)
        chosen = {name: data for name, data in files.items() if str(tmp_path).encode() in data}
        chosen |= {name: files[name] for name in list(files)[::12]}
        taken = send(client, chosen)
        client.wait_until_idle(SECONDS)
        good_photo_is_shown_soon(client, 1)
        client.wait_until_idle()
        everything_is_reported(client, within, taken)
        nothing_is_left(server, within)
        assert guarded.is_untouched()
        assert "Traceback" not in server.log_of("worker")


def test_the_canaries_tell_when_somebody_comes(tmp_path: Path) -> None:
    with canaries(tmp_path / "outside") as guarded:
        assert guarded.is_untouched()
        guarded.outside.secret.read_bytes()
        assert not guarded.is_untouched()
        assert guarded.is_untouched()
        with closing(socket.create_connection(guarded.listener.getsockname())):
            assert not guarded.is_untouched()
        guarded.outside.new.touch()
        assert not guarded.is_untouched()
