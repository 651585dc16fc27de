"""How Bucketroll starts and ends: run.sh, run-s3.sh and gunicorn's configuration."""

import json
import logging
import os
import re
import runpy
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from uuid import uuid4

import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]  # the package ships no types

ROOT = Path(__file__).parent.parent
# Seconds; generous, because other tests keep the machine busy.
PATIENCE = 120
OUTSIDE = shutil.ignore_patterns(".*", "data", "tests", "benchmarks", "docs", "node_modules", "__pycache__")


@dataclass(frozen=True, slots=True)
class House:
    """A copy of the checkout in a folder of its own, and the environment to run it in."""

    root: Path
    port: int
    environ: dict[str, str]
    output: Path

    def start(self, script: str = "deploy/run.sh") -> subprocess.Popen[bytes]:
        # Where the tests themselves are killed, what they started ends too.
        command = ["setpriv", "--pdeathsig", "TERM", str(self.root / script)]
        with self.output.open("ab") as output:
            return subprocess.Popen(
                command, env=self.environ, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def said(self) -> str:
        return self.output.read_text()

    def processes(self) -> list[int]:
        """Every process that has this house's environment, living or not yet reaped by its parent."""
        mark = self.environ["HOUSE"].encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if mark in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
        return found

    def files(self) -> set[str]:
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*")}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    root, home = tmp_path / "house", tmp_path / "home"
    home.mkdir()
    shutil.copytree(ROOT, root, ignore=OUTSIDE)
    (root / ".venv").symlink_to(ROOT / ".venv")
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    environ = {
        "PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), "HOUSE": str(uuid4()),
        "IMMICH_PORT": str(port), "IMMICH_MEDIA_LOCATION": str(tmp_path / "media"),
        "DB_URL": f"sqlite:///{tmp_path}/database/bucketroll.db",
    }  # fmt: skip
    house = House(root, port, environ, tmp_path / "output")
    yield house
    for process in house.processes():
        os.kill(process, signal.SIGKILL)


def eventually(holds: Callable[[], bool], house: House) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, house.said()
        time.sleep(0.05)


@contextmanager
def running(house: House, script: str = "deploy/run.sh") -> Iterator[subprocess.Popen[bytes]]:
    """Bucketroll from the moment it says where it is."""
    before = house.said().count("Bucketroll is at") if house.output.exists() else 0
    with house.start(script) as process:
        try:
            eventually(lambda: house.said().count("Bucketroll is at") > before or process.poll() is not None, house)
            assert process.poll() is None, house.said()
            yield process
        finally:
            process.kill()


def ping(port: int) -> dict[str, str]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("GET", "/api/server/ping?apiKey=hunter2")
        answer: dict[str, str] = json.load(connection.getresponse())
        return answer


@contextmanager
def half_sent_login(port: int) -> Iterator[Callable[[], HTTPResponse]]:
    """A request whose body is half sent; calling what this yields sends the rest and gets the response."""
    body = json.dumps({"email": "nobody@example.org", "password": "wrong password"}).encode()
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.putrequest("POST", "/api/auth/login")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body[:10])

        def finish() -> HTTPResponse:
            connection.send(body[10:])
            return connection.getresponse()

        yield finish


# --- How gunicorn is set up --------------------------------------------------------------------------


@pytest.fixture
def gunicorn_conf(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setenv("IMMICH_HOST", "::1")
    monkeypatch.setenv("WEB_THREADS", "3")
    return runpy.run_path(str(ROOT / "deploy/gunicorn.conf.py"))


def test_gunicorn_listens_where_the_settings_say(gunicorn_conf: dict[str, object]) -> None:
    assert (gunicorn_conf["bind"], gunicorn_conf["threads"]) == ("[::1]:2283", 3)


def test_the_access_log_has_neither_query_nor_headers(gunicorn_conf: dict[str, object]) -> None:
    fields = re.findall(r"%\((.*?)\)s", str(gunicorn_conf["access_log_format"]))
    assert not {"r", "q", "f", "a", "u"} & set(fields)
    assert all(len(field) == 1 for field in fields)


def test_gunicorn_logs_no_query_string_of_a_request_that_failed(
    gunicorn_conf: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("gunicorn.error").error("Error handling request %s", "/api/assets?apiKey=hunter2 100%")
    assert caplog.messages == ["Error handling request /api/assets?... 100%"]


def test_gunicorn_lets_the_kernel_send_files(gunicorn_conf: dict[str, object]) -> None:
    # It takes any value of its setting for a no, True as well.
    config = Config()
    for name in gunicorn_conf.keys() & config.settings.keys():
        config.set(name, gunicorn_conf[name])
    assert config.sendfile is True


def test_gunicorn_tells_of_a_silent_client_in_one_line(
    gunicorn_conf: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    for error in (TimeoutError("timed out"), OSError("broken")):
        logging.getLogger("gunicorn.error").error("Socket error processing request.", exc_info=error)
    silent, broken = caplog.records
    assert (silent.levelname, silent.exc_info) == ("INFO", None)
    assert "neither took nor sent a byte" in silent.getMessage()
    assert broken.exc_info


# --- How it starts and ends --------------------------------------------------------------------------


def test_every_mistake_in_the_settings_is_told_and_nothing_starts(house: House) -> None:
    house.environ.update({"IMMICH_PORT": "0", "S3_BUCKET": "a/b", "S3_BUKCET": "photos"})
    with house.start() as process:
        assert process.wait(PATIENCE) == 2
    assert [line.split()[0] for line in house.said().splitlines()] == ["S3_BUKCET", "IMMICH_PORT", "S3_BUCKET"]


def test_a_port_that_is_taken_is_told_before_anything_starts(house: House) -> None:
    with closing(socket.create_server(("127.0.0.1", house.port))), house.start() as process:
        assert process.wait(PATIENCE) == 2
    assert "IMMICH_PORT" in house.said()
    assert str(house.port) in house.said()


@pytest.mark.servers
def test_it_starts_says_where_it_is_and_writes_only_where_it_may(house: House) -> None:
    before = house.files()
    house.environ["IMMICH_LOG_LEVEL"] = "verbose"
    with running(house) as process:
        assert ping(house.port) == {"res": "pong"}
        eventually(lambda: "the first visitor creates the admin" in house.said(), house)
        process.terminate()
        assert process.wait(PATIENCE) == 0
    assert f"Bucketroll is at http://127.0.0.1:{house.port}" in house.said()
    assert house.files() == before
    assert list(Path(house.environ["HOME"]).rglob("*")) == []
    assert (house.root.parent / "media").is_dir()
    assert "GET /api/server/ping 200" in house.said()
    assert "hunter2" not in house.said()


@pytest.mark.servers
def test_a_request_in_flight_is_answered_after_sigterm(house: House) -> None:
    with running(house) as process, half_sent_login(house.port) as finish:
        ping(house.port)
        process.terminate()
        eventually(lambda: "Handling signal: term" in house.said(), house)
        assert process.poll() is None
        assert finish().status in (400, 401)
        assert process.wait(PATIENCE) == 0
    assert house.processes() == []


@pytest.mark.servers
def test_ctrl_c_leaves_no_process(house: House) -> None:
    with running(house) as process:
        assert len(house.processes()) > 2
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    assert house.processes() == []


@pytest.mark.servers
def test_a_second_ctrl_c_does_not_wait_for_requests(house: House) -> None:
    with running(house) as process, half_sent_login(house.port):
        ping(house.port)
        os.killpg(process.pid, signal.SIGINT)
        eventually(lambda: "Handling signal: term" in house.said(), house)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE) == 130
    assert house.processes() == []


@pytest.mark.servers
def test_when_the_worker_dies_all_ends_with_its_code(house: House) -> None:
    def worker() -> list[int]:
        return [one for one in house.processes() if b"worker.py" in Path(f"/proc/{one}/cmdline").read_bytes()]

    with running(house) as process:
        eventually(lambda: worker() != [], house)
        os.kill(min(worker()), signal.SIGKILL)
        assert process.wait(PATIENCE) == 128 + signal.SIGKILL
    assert house.processes() == []


@pytest.mark.servers
def test_a_store_that_cannot_be_used_stops_the_start_with_a_sentence(house: House) -> None:
    store = {"IMMICH_STORAGE_ENGINE": "s3", "S3_ENDPOINT": "http://127.0.0.1:1", "S3_BUCKET": "photos"}
    keys = {"S3_ACCESS_KEY_ID": "key", "S3_SECRET_ACCESS_KEY": "hunter2"}
    house.environ.update(store | keys)
    with house.start() as process:
        assert process.wait(PATIENCE) != 0
    assert "http://127.0.0.1:1 refused the connection: check host and port of S3_ENDPOINT" in house.said()
    assert "Traceback" not in house.said()
    assert "hunter2" not in house.said()
    eventually(lambda: house.processes() == [], house)


@pytest.mark.servers
def test_run_s3_brings_its_own_store_and_keeps_it_and_its_keys(house: House) -> None:
    keys = house.root / "data/seaweedfs.keys"
    with running(house, "deploy/run-s3.sh") as process:
        made = keys.read_text()
        assert ping(house.port) == {"res": "pong"}
        process.terminate()
        assert process.wait(PATIENCE) == 0
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    assert not set(made.split()) & set(house.said().split())
    with running(house, "deploy/run-s3.sh") as process:
        assert keys.read_text() == made
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    assert house.processes() == []
    assert {path.name for path in (house.root / "data").iterdir()} == {"seaweedfs", "seaweedfs.keys"}
