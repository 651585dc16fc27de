"""Real S3 servers for tests, on free loopback ports; nothing of them is left afterwards."""

import fcntl
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from config import ChecksumMode, S3Settings
from tests.live import free_port

__all__ = ["S3Server", "free_port", "seaweedfs", "shared_seaweedfs"]

ROOT = Path(__file__).parent.parent
ADMIN = ("admin-key", "admin-secret")
BUCKET = "photos"
# What these may not do, the tests of refusals do.
READER = ("reader-key", "reader-secret")
LIMITED = ("limited-key", "limited-secret")
LIMITED_PREFIX = "limited/home"
IDENTITIES = [
    {
        "name": "reader",
        "credentials": [{"accessKey": READER[0], "secretKey": READER[1]}],
        "actions": [f"Read:{BUCKET}", f"List:{BUCKET}"],
    },
    {
        "name": "limited",
        "credentials": [{"accessKey": LIMITED[0], "secretKey": LIMITED[1]}],
        "actions": [f"{action}:{BUCKET}/{LIMITED_PREFIX}/*" for action in ("Read", "Write", "List")],
    },
]


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running S3 server, its bucket and its admin's keys; `pid` is the server's own process."""

    endpoint: str
    bucket: str
    pid: int
    access_key: str = ADMIN[0]
    secret_key: str = ADMIN[1]

    def settings(self, prefix: str, keys: tuple[str, str] | None = None) -> S3Settings:
        """Settings for a prefix of the bucket, with the admin's keys or others."""
        access_key, secret_key = keys or (self.access_key, self.secret_key)
        return S3Settings(
            bucket=self.bucket,
            prefix=prefix,
            region="us-east-1",
            endpoint=self.endpoint,
            public_endpoint=self.endpoint,
            is_public=False,
            access_key_id=access_key,
            secret_access_key=secret_key,
            force_path_style=True,
            use_accelerate=False,
            sse=None,
            sse_kms_key_id=None,
            checksums=ChecksumMode.WHEN_REQUIRED,
            connections=64,
        )


@contextmanager
def seaweedfs(folder: Path | None = None, port: int = 0) -> Iterator[S3Server]:
    """A SeaweedFS of one's own, over `folder` or a temporary one."""
    place = ["--port", str(port), *(["--dir", str(folder)] if folder else [])]
    server, process = _start(place)
    try:
        yield server
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def shared_seaweedfs(base: Path) -> Iterator[S3Server]:
    """The one SeaweedFS of a test session: of all xdist workers, or of this process alone.

    `base` is the session's temporary folder. Under xdist the first worker starts the server,
    which ends with the process that leads the workers.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        with seaweedfs() as server:
            yield server
        return
    kept = base.parent / "seaweedfs.json"
    with (base.parent / "seaweedfs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            server, process = _start(["--while-pid", str(os.getppid())])
            _outliving.append(process)
            kept.write_text(json.dumps(asdict(server)))
    yield S3Server(**json.loads(kept.read_text()))


# Held, so that no warning is given for a process that is meant to go on.
_outliving: list[subprocess.Popen[bytes]] = []


def _start(options: Sequence[str]) -> tuple[S3Server, subprocess.Popen[bytes]]:
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [
            sys.executable, str(ROOT / "deploy/seaweedfs.py"), *options, "--bucket", BUCKET,
            "--access-key", ADMIN[0], "--secret-key", ADMIN[1], "--identities", "/dev/stdin",
        ],
        stdin=subprocess.PIPE, stdout=writing,
    )  # fmt: skip
    os.close(writing)
    assert process.stdin is not None
    with process.stdin as identities:
        identities.write(json.dumps(IDENTITIES).encode())
    with os.fdopen(reading) as said:
        ready = said.readline()
    assert ready, "the S3 server did not start"
    return S3Server(**json.loads(ready)), process


def own_prefix() -> str:
    """A prefix that no other test writes to."""
    return f"tests/{secrets.token_hex(6)}"
