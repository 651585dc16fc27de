"""Many small requests by wrk: their rate, and what each costs the process that answers."""

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import cpu_seconds

CONNECTIONS = 16
SECONDS = 2
SCRIPT = Path(__file__).with_name("rotate.lua")


@dataclass(frozen=True, slots=True)
class Contender:
    """A server under load: the process that answers, what it is asked for, and with which headers."""

    pid: int
    url: str
    paths: Sequence[str]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Run:
    """Requests per second, milliseconds of CPU per request, milliseconds until half of the answers came."""

    rate: float
    cpu: float
    latency: float


def load(contender: Contender) -> Run:
    """Some seconds of requests; raises AssertionError where one of them failed."""
    before = cpu_seconds(contender.pid)
    said = _wrk(contender)
    cpu = cpu_seconds(contender.pid) - before
    assert said["failed"] == 0, f"{said['failed']} requests failed"
    return Run(said["requests"] / said["seconds"], cpu / said["requests"] * 1e3, said["median_ms"])


def _wrk(contender: Contender) -> dict[str, float]:
    """What rotate.lua says in the end; wrk is a process of its own."""
    headers = [f"-H{name}: {value}" for name, value in contender.headers.items()]
    with tempfile.NamedTemporaryFile("w") as paths:
        paths.write("".join(f"{path}\n" for path in contender.paths))
        paths.flush()
        done = subprocess.run(
            ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", *headers, "-s", SCRIPT, contender.url,
             "--", paths.name],
            capture_output=True, text=True, check=True, timeout=SECONDS + 30,
        )  # fmt: skip
    said: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return said
