"""A web server that gives out files by ranges, counts what it is asked, and breaks off where a test wants it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from storage.types import SignedUrl

SIGNATURE = "X-Amz-Signature=5EC12E7"


@dataclass
class RangeServer:
    """`asked` lists the first bytes of the ranges that were asked for; `breaks_at` is where each answer ends early."""

    folder: Path
    port: int
    asked: list[int] = field(default_factory=list)
    breaks_at: int | None = None

    def url(self, name: str) -> SignedUrl:
        return SignedUrl(f"http://127.0.0.1:{self.port}/{name}?{SIGNATURE}", 0)


@contextmanager
def range_server(folder: Path) -> Iterator[RangeServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        _Handler.settings = RangeServer(folder, server.server_address[1])
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield _Handler.settings
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    settings: RangeServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.settings.folder / self.path.partition("?")[0].lstrip("/")
        if not path.exists():
            self.send_error(404)
            return
        data = path.read_bytes()
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-"))
        start = int(match[1]) if match else 0
        self.settings.asked.append(start)
        self.send_response(206)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.close_connection = True
        try:
            self.wfile.write(data[start : self.settings.breaks_at])
        except OSError:
            return  # ffmpeg has what it needs

    def log_message(self, format: str, *args: object) -> None:
        return
