"""Prints port, access key and secret key of the S3 server that run-s3.sh starts; the keys are made once and kept."""

import os
import secrets
import socket
import sys
from contextlib import closing
from pathlib import Path

PORT = 8333


def kept_keys(file: Path) -> str:
    """The keys in `file`, made and written for its owner alone where there is none yet."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_suffix(f".{os.getpid()}")
        beside.touch(mode=0o600)
        beside.write_text(f"{secrets.token_hex(10)} {secrets.token_urlsafe(30)}\n")
        beside.replace(file)
    return file.read_text().strip()


def free_port() -> int:
    """The usual port, or another one where something listens there already; stored paths do not name it."""
    with closing(socket.socket()) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", PORT))
        except OSError:
            listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


if __name__ == "__main__":
    print(free_port(), kept_keys(Path(sys.argv[1])))
