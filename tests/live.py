"""A real Bucketroll for tests: gunicorn and workers as processes of their own, on free ports and a temporary folder."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

ROOT = Path(__file__).parent.parent
PATIENCE = 60.0
# Long enough for requests and jobs in flight; a process that hangs on is killed, and the test told.
GRACE = 30.0

_opener = build_opener(ProxyHandler({}))


def free_port() -> int:
    """A loopback port that nobody listens on at the moment."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class LiveServer:
    """Web processes `web`, `web2`, ... and workers `worker`, `worker2`, ... over one database and one media folder.

    `url` is the first web process; `url_of` any other's. `log_of` is what a process wrote so far.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str], webs: int, workers: int) -> None:
        self.folder = folder
        self.environ = {**_base_environ(folder), **environ}
        self._ports = {_name("web", number): free_port() for number in range(webs)}
        self._names = [*self._ports, *(_name("worker", number) for number in range(workers))]
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        return self.url_of("web")

    @property
    def media_location(self) -> Path:
        return Path(self.environ["IMMICH_MEDIA_LOCATION"])

    def url_of(self, name: str) -> str:
        return f"http://127.0.0.1:{self._ports[name]}"

    def pid_of(self, name: str) -> int:
        """The process id of the gunicorn master or the worker; it leads its process group."""
        return self._running[name].pid

    def log_of(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def migrate(self) -> None:
        """Bring the database up to date, as `make run` does before it starts anything."""
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "app", "db", "upgrade"],
            cwd=ROOT, env=self.environ, capture_output=True, timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")

    def start(self, name: str) -> None:
        """Start a process without waiting for it; `wait_until_ready` does that."""
        assert name not in self._running, f"{name} is running"
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = self._spawn(name, log)

    def start_all(self) -> None:
        """Start every process and wait until each answers."""
        for name in self._names:
            self.start(name)
        for name in self._names:
            self.wait_until_ready(name)

    def stop(self, name: str) -> int:
        """Ask a process to finish (SIGTERM) and wait for it; its exit code."""
        process = self._running[name]
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.kill(name)
            raise AssertionError(f"{name} did not end within {GRACE:.0f} s:\n{self.log_of(name)[-4000:]}") from None
        self.kill(name)
        return code

    def kill(self, name: str) -> None:
        """kill -9 of a process with all of its children; returns when they are gone."""
        process = self._running.pop(name)
        _kill_group(process.pid)
        process.wait()

    def restart(self, name: str) -> None:
        """Start a process, after killing it where it still runs, and wait until it answers."""
        if name in self._running:
            self.kill(name)
        self.start(name)
        self.wait_until_ready(name)

    def wait_until_ready(self, name: str) -> None:
        """Web is ready when it answers the ping; a worker when it lives."""
        deadline = time.monotonic() + PATIENCE
        while self._running[name].poll() is None:
            if name not in self._ports or self._answers(name):
                return
            assert time.monotonic() < deadline, f"{name} does not answer:\n{self.log_of(name)[-4000:]}"
            time.sleep(0.05)
        raise AssertionError(f"{name} ended at its start:\n{self.log_of(name)[-4000:]}")

    def close(self) -> None:
        """End everything that still runs, gently first."""
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        with ExitStack() as stops:
            for name in list(self._running):
                stops.callback(self.stop, name)

    def _answers(self, name: str) -> bool:
        try:
            with _opener.open(f"{self.url_of(name)}/api/server/ping", timeout=5) as response:
                return bool(response.status == 200)
        except (URLError, ConnectionError, TimeoutError):
            return False

    def _spawn(self, name: str, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        command = ["worker.py"]
        environ = {**self.environ, "IMMICH_WORKERS_INCLUDE": "microservices"}
        if name in self._ports:
            command = ["-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "app:create_app()"]
            environ |= {"IMMICH_WORKERS_INCLUDE": "api", "IMMICH_PORT": str(self._ports[name])}
        return subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            # A process group of its own, so that whatever it leaves behind can be ended with it.
            start_new_session=True,
        )


@contextmanager
def live_server(environ: Mapping[str, str] | None = None, *, webs: int = 1, workers: int = 1) -> Iterator[LiveServer]:
    """A running server on SQLite and local disk in a temporary folder; `environ` overrides its settings."""
    with tempfile.TemporaryDirectory(prefix="bucketroll-") as folder:
        server = LiveServer(Path(folder), environ or {}, webs, workers)
        server.migrate()
        with closing(server):
            server.start_all()
            yield server


def call(method: str, url: str, body: Any = None, **headers: str) -> Any:
    """The JSON that the server answers to a JSON request (None for 204); raises HTTPError with the body read.

    Underscores in names of headers become dashes: `x_api_key=...`.
    """
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {name.replace("_", "-"): value for name, value in headers.items()}, method=method)
    request.add_header("Content-Type", "application/json")
    try:
        with _opener.open(request, timeout=60) as response:
            text = response.read()
    except HTTPError as error:
        with error:
            error.msg = f"{error.msg}: {error.read()[:500]!r}"
        raise
    return json.loads(text) if text else None


def new_admin_key(server: LiveServer) -> str:
    """Sign the admin up on a fresh server; the secret of an API key that may do everything."""
    person = {"email": "admin@example.com", "password": "correct horse", "name": "Admin"}
    call("POST", f"{server.url}/api/auth/admin-sign-up", person)
    token = call("POST", f"{server.url}/api/auth/login", person)["accessToken"]
    key = call("POST", f"{server.url}/api/api-keys", {"name": "tests", "permissions": ["all"]},
               Authorization=f"Bearer {token}")
    secret: str = key["secret"]
    return secret


def _base_environ(folder: Path) -> dict[str, str]:
    """What a process needs of this machine; none of our settings, proxies or cloud credentials leak in."""
    temporary = folder / "tmp"
    temporary.mkdir()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "TMPDIR": str(temporary),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "FLASK_SKIP_DOTENV": "1",
        "IMMICH_MEDIA_LOCATION": str(folder / "media"),
        "DB_URL": f"sqlite:///{folder / 'bucketroll.db'}",
        "WORKER_THREADS": "2",
    }


def _name(kind: str, number: int) -> str:
    return kind if number == 0 else f"{kind}{number + 1}"


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return
