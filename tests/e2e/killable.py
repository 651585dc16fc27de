"""A real S3 server that dies when it is told to, and comes back with its objects on the same port."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Self

from tests.servers import S3Server, seaweedfs

DENIED = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>'


class KillableS3:
    """A SeaweedFS over a folder; `server` says where it is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running = ExitStack()
        self.server = self._start(0)

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator[Self]:
        s3 = cls(folder)
        try:
            yield s3
        finally:
            s3._running.close()

    @property
    def port(self) -> int:
        return int(self.server.endpoint.rpartition(":")[2])

    def kill(self) -> None:
        """kill -9; its objects stay."""
        os.kill(self.server.pid, signal.SIGKILL)
        self._running.close()

    def restart(self) -> None:
        """After a kill."""
        self.server = self._start(self.port)

    @contextmanager
    def killed(self) -> Iterator[None]:
        """Dead for the time of the block."""
        self.kill()
        try:
            yield
        finally:
            self.restart()

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """For the time of the block another server answers on its port, and denies everything."""
        with self.killed(), ThreadingHTTPServer(("127.0.0.1", self.port), _Refusal) as refusal:
            Thread(target=refusal.serve_forever).start()
            try:
                yield
            finally:
                refusal.shutdown()

    def _start(self, port: int) -> S3Server:
        return self._running.enter_context(seaweedfs(self._folder, port))


class _Refusal(BaseHTTPRequestHandler):
    """Answers every request as S3 does when a policy forbids it."""

    def _refuse(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(403)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(DENIED)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(DENIED)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _refuse

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""
