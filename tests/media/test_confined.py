"""Programs that read strangers' files: without network, within their limits, gone with whoever started them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from errors import ToolFailed
from media import confined, tools
from media.workbench import Limits
from tests.media.processes import children_of, wait_for_end

ROOT = Path(__file__).parents[2]
LIMITS = Limits(seconds=10, cpu_seconds=10, memory=512 * 1024**2, file_bytes=1000)
CONNECT = "import socket; socket.socket(); print('connected')"


def run(*args: str, network: bool = False, limits: Limits = LIMITS) -> bytes:
    return tools.run(confined.command(args, limits, network=network), timeout=30)


def test_a_program_does_its_work_and_says_its_own_name() -> None:
    assert run("printf", "%s", "a b") == b"a b"


def test_a_program_that_is_not_there_has_failed() -> None:
    with pytest.raises(ToolFailed, match="not installed"):
        run("no-such-program-anywhere")


def test_there_is_no_network_but_where_it_is_wanted() -> None:
    assert run(sys.executable, "-c", CONNECT, network=True) == b"connected\n"
    with pytest.raises(ToolFailed, match="PermissionError"):
        run(sys.executable, "-c", CONNECT)


@pytest.mark.parametrize("network", [True, False])
def test_memory_and_files_have_an_end(tmp_path: Path, network: bool) -> None:
    with pytest.raises(ToolFailed, match="MemoryError"):
        run(sys.executable, "-c", "bytes(600_000_000)", network=network)
    with pytest.raises(ToolFailed):
        run("dd", "if=/dev/zero", f"of={tmp_path}/a", "bs=2000", "count=1", network=network)


def test_a_program_ends_with_a_process_that_was_killed() -> None:
    code = (
        "from media import confined, tools; from media.workbench import Limits;"
        "tools.run(confined.command(['sleep', '61'], Limits(), network=False), timeout=90)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as process:
        while "sleep" not in children_of(process.pid).values():
            assert process.poll() is None
        below = list(children_of(process.pid))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert wait_for_end(below) == []
