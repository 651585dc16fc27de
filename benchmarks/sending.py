"""Clients that upload files as fast as one process can: bodies go from file to socket in the kernel."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

from tests.e2e.client import Form
from tests.live import LiveServer

# Sends the files, one after another, over one connection.
Sender = Callable[[Sequence[Path]], None]


def uploads_to(server: LiveServer, key: str) -> Sender:
    """Sends files as new assets of the key's owner; raises AssertionError where one is refused."""

    def send(files: Sequence[Path]) -> None:
        with closing(HTTPConnection(server.url.removeprefix("http://"), timeout=300)) as connection:
            for path in files:
                _post(connection, key, path)

    return send


def _post(connection: HTTPConnection, key: str, path: Path) -> None:
    form = Form(path.name)
    connection.putrequest("POST", "/api/assets")
    for name, value in {"x-api-key": key, **form.headers}.items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(form.head) + path.stat().st_size + len(form.tail)))
    connection.endheaders(form.head)
    with path.open("rb") as file:
        connection.sock.sendfile(file)
    connection.sock.sendall(form.tail)
    response = connection.getresponse()
    answer = response.read()
    assert response.status == 201, answer


def send_at_once(send: Sender, files: Sequence[Path], lanes: int) -> None:
    """Sends the files by so many clients at once; returns when all have been answered."""
    with ThreadPoolExecutor(lanes) as pool:
        list(pool.map(send, [files[lane::lanes] for lane in range(lanes)]))
