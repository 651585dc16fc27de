"""The S3 server of make run-s3: it keeps objects over restarts and leaves no process behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from storage.s3 import S3AppStorageBackend
from storage.types import StorageKey
from tests.servers import ROOT, S3Server, free_port, seaweedfs

pytestmark = pytest.mark.servers
KEY = StorageKey("upload/x.jpg")


def has_ended(pid: int, within: float = 10) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def sockets_of(folder: Path) -> list[Path]:
    ports = json.loads((folder / "ports.json").read_text())
    return [
        file
        for name in ("master", "volume", "filer", "s3")
        if (file := Path(f"/tmp/seaweedfs-{name}-grpc-{ports[f'{name}.grpc']}.sock")).exists()
    ]


def test_objects_outlive_a_restart_and_a_kill(tmp_path: Path) -> None:
    folder, port = tmp_path / "store", free_port()
    with seaweedfs(folder, port) as server:
        backend = S3AppStorageBackend(server.settings("home"))
        backend.put_object(KEY, b"bytes")
        assert len(sockets_of(folder)) == 4
        os.kill(server.pid, signal.SIGKILL)
    with seaweedfs(folder, port) as server:
        with backend.read_stream(KEY) as stream:
            assert stream.read() == b"bytes"
        backend.put_object(KEY, b"other")
    assert has_ended(server.pid)
    assert sockets_of(folder) == []


def start(tmp_path: Path, *options: str) -> tuple[subprocess.Popen[bytes], S3Server]:
    script = subprocess.Popen(
        [
            sys.executable, str(ROOT / "deploy/seaweedfs.py"), "--bucket=photos", "--access-key=key",
            "--secret-key=-secret", f"--dir={tmp_path / 'store'}", *options,
        ],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert script.stdout is not None
    with script.stdout as said:
        return script, S3Server(**json.loads(said.readline()))


def test_the_server_ends_when_its_script_is_killed(tmp_path: Path) -> None:
    script, server = start(tmp_path)
    script.kill()
    script.wait()
    assert has_ended(server.pid)


def test_the_server_ends_with_the_process_that_it_serves(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as owner:
        script, server = start(tmp_path, f"--while-pid={owner.pid}")
        owner.kill()
    assert script.wait(20) == 0
    assert has_ended(server.pid)


def test_the_script_ends_when_the_server_is_killed_and_names_its_log(tmp_path: Path) -> None:
    script, server = start(tmp_path)
    os.kill(server.pid, signal.SIGKILL)
    assert script.wait(20) != 0


def test_a_taken_port_is_named_and_keys_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    script, server = start(tmp_path)
    port = server.endpoint.rpartition(":")[2]
    second = subprocess.run(
        [sys.executable, str(ROOT / "deploy/seaweedfs.py"), "--bucket=b", "--access-key=k", "--secret-key=s",
         f"--dir={tmp_path / 'second'}", f"--port={port}"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    script.terminate()
    assert script.wait(20) == 0
    assert second.returncode != 0
    assert second.stderr.strip() == f"Port {port} is taken."
    for name in ("s3.json", "sse.key"):
        assert (tmp_path / "store" / name).stat().st_mode & 0o077 == 0


def test_a_server_without_a_folder_leaves_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with seaweedfs():
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []
