"""The servers that Bucketroll is measured against."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from benchmarks.processes import children_of, family_of
from tests.live import ROOT, LiveServer, free_port
from tests.nginx import MAIN, Nginx, running
from tests.servers import S3Server

# Where `make .tools/.peers` installs what the peers of benchmarks/peers run on.
PEERS = ROOT / ".tools/peers"
NODE = PEERS / "node_modules/.bin/node"
# What deploy/nginx/bucketroll.conf says about bytes, and nothing else of it.
ALONE = """
upstream bucket { server $bucket; keepalive 32; }
server {
    listen $address;
    access_log $folder/access.log;
    location /disk/ {
        alias $media/;
        types { }
        sendfile_max_chunk 1m;
        tcp_nopush on;
    }
    location / {
        proxy_pass http://bucket;
        proxy_http_version 1.1;
        proxy_set_header Host $bucket;
        proxy_set_header Connection "";
        proxy_buffering off;
        proxy_buffer_size 64k;
        proxy_buffers 8 64k;
    }
}
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and the process of it that answers."""

    url: str
    pid: int


@contextmanager
def bare_server(server: LiveServer, files: Sequence[Path] = ()) -> Iterator[Server]:
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
        _wait_for(f"{url}/ready")
        [pid] = children_of(process.pid)
        yield Server(url, pid)
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def archiver_server(store: S3Server, keys: Sequence[str]) -> Iterator[Server]:
    """Node.js with benchmarks/peers/archiver.mjs in it, which sends these objects at `/zip`."""
    assert NODE.exists(), "Node.js and its packages are missing: make .tools/.peers"
    with tempfile.NamedTemporaryFile("w") as listed:
        listed.write("\n".join(keys))
        listed.flush()
        environ = {
            **os.environ, "PEER_KEYS": listed.name, "NODE_ENV": "production", "S3_ENDPOINT": store.endpoint,
            "S3_BUCKET": store.bucket, "S3_ACCESS_KEY_ID": store.access_key, "S3_SECRET_ACCESS_KEY": store.secret_key,
        }  # fmt: skip
        with subprocess.Popen(
            [NODE, PEERS / "archiver.mjs"], env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            try:
                yield Server(f"http://127.0.0.1:{int(process.stdout.readline())}", process.pid)
            finally:
                process.terminate()


@contextmanager
def nginx_alone(media_location: Path, bucket_endpoint: str) -> Iterator[Nginx]:
    """A second nginx: files of the media folder at `/disk/`, and everything else from the bucket as it is asked for."""
    with tempfile.TemporaryDirectory(prefix="nginx-alone-") as name:
        folder, address = Path(name), f"127.0.0.1:{free_port()}"
        (folder / "temporary").mkdir()
        bucket = urlsplit(bucket_endpoint).netloc
        site = Template(ALONE).substitute(folder=folder, address=address, media=media_location, bucket=bucket)
        (folder / "bucketroll.conf").write_text(site)
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user))
        nginx = Nginx(f"http://{address}", f"http://{address}", folder)
        with running(nginx):
            yield nginx


def pids_of(nginx: Nginx) -> list[int]:
    """nginx with its workers."""
    return family_of(int((nginx.folder / "nginx.pid").read_text()))


def peer_versions() -> str:
    """What the peers of benchmarks/peers run on, such as `archiver 7.0.1, Node.js 24.21.0`."""
    wanted = json.loads((PEERS / "package.json").read_text())["dependencies"]
    node = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return ", ".join([*(f"{name} {version}" for name, version in wanted.items()), f"Node.js {node.removeprefix('v')}"])


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urlopen(url, timeout=5):
                return
        except URLError:
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.05)
