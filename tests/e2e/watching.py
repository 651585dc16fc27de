"""What a running process holds, as the kernel tells: memory, and connections with what lies unread in them."""

import json
import logging
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.installations import children_of
from tests.live import ROOT, LiveServer

logger = logging.getLogger(__name__)

MIB = 1024 * 1024
_ESTABLISHED = "01"


@dataclass(frozen=True, slots=True)
class Connection:
    """A TCP connection that is not closed yet; `unread` bytes have arrived and were not asked for."""

    is_established: bool
    unread: int


def web_process_of(server: LiveServer) -> int:
    """The process that answers, not the one that watches over it."""
    [web] = children_of(server.pid_of("web"))
    return web


def connections_of(pid: int, peer_port: int) -> list[Connection]:
    """What a process has open to a port of others."""
    held = _socket_inodes(pid)
    lines = (line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:])
    return [
        Connection(fields[3] == _ESTABLISHED, int(fields[4].partition(":")[2], 16))
        for fields in lines
        if _port(fields[2]) == peer_port and fields[9] in held
    ]


def parked_bodies(pid: int, store_port: int) -> int:
    """How many answers of the store lie half read in a process."""
    # Where the store has hung up, that counts as an unread byte.
    return sum(one.is_established and one.unread > 0 for one in connections_of(pid, store_port))


def memory_of(pid: int, name: str = "VmRSS") -> int:
    """Bytes, by a line of /proc/<pid>/status."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


@contextmanager
def rise_of(pid: int) -> Iterator[list[int]]:
    """A list that afterwards holds by how many bytes a process was larger than now, at its largest."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    before = memory_of(pid)
    rise: list[int] = []
    begun = time.monotonic()
    yield rise
    rise.append(memory_of(pid, "VmHWM") - before)
    logger.info("%.1f MiB on top of %.1f in %.0f s", rise[0] / MIB, before / MIB, time.monotonic() - begun)


@contextmanager
def pinged(server: LiveServer) -> Iterator[list[float]]:
    """A list that afterwards holds the seconds that each ping took during the block; a process of its own asks."""
    seconds: list[float] = []
    command = [sys.executable, "-m", "tests.e2e.pinger", server.url]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        try:
            yield seconds
        finally:
            said, _ = process.communicate()
    assert process.returncode == 0
    seconds.extend(json.loads(said))
    ordered = sorted(seconds)
    logger.info("%d pings: median %.0f ms, at most %.0f ms", len(ordered), ordered[len(ordered) // 2] * 1000,
                ordered[-1] * 1000)  # fmt: skip


def wait_until(is_so: Callable[[], object], what: str, seconds: float = 60, pause: float = 0.05) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"it never came that {what}"
        time.sleep(pause)


def open_files(pid: int) -> list[str]:
    """What the file descriptors of a process lead to: paths, and such as `socket:[1234]`."""
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            found.append(str(entry.readlink()))
    return found


def _socket_inodes(pid: int) -> set[str]:
    return {found[1] for name in open_files(pid) if (found := re.fullmatch(r"socket:\[(\d+)\]", name))}


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)
