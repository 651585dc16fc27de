"""Thumbnails from local disk, against a bare Flask route that sends the same files."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.error import URLError
from urllib.request import Request, urlopen

from benchmarks.library import PHOTOS, upload_photos
from benchmarks.processes import children_of, cpu_seconds
from benchmarks.report import Figure, at_least, at_most, spread
from tests.e2e.client import Client
from tests.live import ROOT, LiveServer, call, free_port, live_server, new_admin_key

TITLE = "Thumbnails from local disk"
# Many short turns: whatever else the machine does meanwhile strikes both.
ROUNDS = 10
SECONDS = 2
CONNECTIONS = 16
# More pixels than a thumbnail has; how many more is of no matter here.
SIZE = (800, 600)
ENVIRON = {"MALLOC_ARENA_MAX": "2"}


@dataclass(frozen=True, slots=True)
class Contender:
    """A server under load: the process that answers, what it is asked for, and with which headers."""

    pid: int
    url: str
    paths: Sequence[str]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Run:
    """Requests per second, milliseconds of CPU per request, milliseconds until half of the answers came."""

    rate: float
    cpu: float
    latency: float


def measure() -> list[Figure]:
    """By API key and by cookie, in turns with the bare route."""
    with live_server(ENVIRON) as server:
        key = new_admin_key(server)
        client = Client(server.url, key)
        ids = upload_photos(client, SIZE)
        server.stop("worker")
        paths = [f"/api/assets/{asset_id}/thumbnail?size=thumbnail" for asset_id in ids]
        files = [_file_of(server, asset_id) for asset_id in ids]
        with _bare_server(server, files) as bare:
            [web] = children_of(server.pid_of("web"))
            by_key = Contender(web, server.url, paths, {"x-api-key": key})
            by_cookie = Contender(web, server.url, paths, {"Cookie": f"immich_access_token={_session_of(server)}"})
            for contender in (by_key, by_cookie, bare):
                _check(contender, files)
            rounds = [
                {name: _load(contender) for name, contender in order}
                for order in _orders({"key": by_key, "cookie": by_cookie, "bare": bare})
            ]
        return _figures(rounds, median(file.stat().st_size for file in files))


def _orders(contenders: Mapping[str, Contender]) -> Iterator[list[tuple[str, Contender]]]:
    forth = list(contenders.items())
    for number in range(ROUNDS):
        yield forth if number % 2 == 0 else forth[::-1]


def _file_of(server: LiveServer, asset_id: str) -> Path:
    [file] = server.media_location.glob(f"thumbs/*/*/*/{asset_id}_thumbnail.*")
    return file


def _session_of(server: LiveServer) -> str:
    login = call("POST", f"{server.url}/api/auth/login", {"email": "admin@example.com", "password": "correct horse"})
    token: str = login["accessToken"]
    return token


@contextmanager
def _bare_server(server: LiveServer, files: Sequence[Path]) -> Iterator[Contender]:
    """gunicorn as Bucketroll has it, with benchmarks/bare.py in it."""
    listed = server.folder / "files"
    listed.write_text("".join(f"{file}\n" for file in files))
    port = free_port()
    environ = {**server.environ, "IMMICH_PORT": str(port), "BARE_FILES": str(listed)}
    with (server.folder / "bare.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "benchmarks.bare:create_app()"],
            cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/0")
        [pid] = children_of(process.pid)
        yield Contender(pid, url, [f"/{number}" for number in range(len(files))], {})
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urlopen(url, timeout=5):
                return
        except URLError:
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.05)


def _check(contender: Contender, files: Sequence[Path]) -> None:
    """Every path answers with the bytes of its file; nobody is measured at sending something else."""
    for path, file in zip(contender.paths, files, strict=True):
        with urlopen(Request(contender.url + path, headers=dict(contender.headers)), timeout=30) as answer:
            assert answer.read() == file.read_bytes(), path


def _load(contender: Contender) -> Run:
    before = cpu_seconds(contender.pid)
    said = _wrk(contender)
    cpu = cpu_seconds(contender.pid) - before
    assert said["failed"] == 0, f"{said['failed']} requests failed"
    return Run(said["requests"] / said["seconds"], cpu / said["requests"] * 1e3, said["median_ms"])


def _wrk(contender: Contender) -> dict[str, float]:
    """What rotate.lua says after some seconds of wrk, a process of its own."""
    headers = [f"-H{name}: {value}" for name, value in contender.headers.items()]
    with tempfile.NamedTemporaryFile("w") as paths:
        paths.write("".join(f"{path}\n" for path in contender.paths))
        paths.flush()
        done = subprocess.run(
            ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", *headers, "-s", ROOT / "benchmarks/rotate.lua",
             contender.url, "--", paths.name],
            capture_output=True, text=True, check=True, timeout=SECONDS + 30,
        )  # fmt: skip
    said: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return said


def _figures(rounds: Sequence[Mapping[str, Run]], size: float) -> list[Figure]:
    figures = []
    for name, how in (("key", "x-api-key"), ("cookie", "the session cookie")):
        figures += [
            at_least(
                f"by {name}: ratio", 0.5, [one[name].rate / one["bare"].rate for one in rounds],
                f"requests per second to those of the bare route (`send_file` of the same {PHOTOS} files, same "
                f"gunicorn configuration, one process); authenticated by {how}; wrk, {CONNECTIONS} kept connections, "
                f"{SECONDS} s each, {ROUNDS} rounds, order alternating; a file has {size:.0f} bytes.",
            ),
            at_most(
                f"by {name}: CPU", 1.5, [one[name].cpu for one in rounds],
                "user and system time of the web process per request, from `/proc`, SQLite included. Immich: 2.4 ms.",
                "ms",
            ),
        ]  # fmt: skip
    for name in ("key", "cookie", "bare"):
        runs = [one[name] for one in rounds]
        figures.append(Figure(f"{_named(name)}: rate", spread([run.rate for run in runs], unit="requests/s"),
                              f"half of the answers came within {spread([run.latency for run in runs], 1, 'ms')}."))
    figures.append(Figure("bare route: CPU", spread([one["bare"].cpu for one in rounds], 2, "ms"), "as above."))
    return figures


def _named(name: str) -> str:
    return "bare route" if name == "bare" else f"by {name}"
