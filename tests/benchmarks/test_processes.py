"""What the benchmarks read from /proc, checked on processes that we know."""

import mmap
import os
import subprocess
import sys
import time

from benchmarks.processes import children_of, cpu_seconds, family_cpu_seconds, family_of, memory_of

WAIT = [sys.executable, "-c", "import sys; sys.stdin.read()"]
NEST = f"import subprocess, sys; print(subprocess.Popen({WAIT!r}).pid, flush=True); sys.stdin.read()"


def test_a_family_is_a_process_and_all_that_descends_from_it() -> None:
    with subprocess.Popen([sys.executable, "-c", NEST], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        grandchild = int(process.stdout.readline())
        assert process.pid in children_of(os.getpid())
        assert family_of(process.pid) == [process.pid, grandchild]


def test_work_costs_cpu_and_sleep_does_not() -> None:
    before = cpu_seconds(os.getpid())
    deadline = time.process_time() + 0.2
    while time.process_time() < deadline:
        pass
    worked = cpu_seconds(os.getpid()) - before
    time.sleep(0.2)
    slept = cpu_seconds(os.getpid()) - before - worked
    assert worked >= 0.15
    assert slept <= 0.05


def test_a_child_that_has_ended_still_counts() -> None:
    work = "import time\nwhile time.process_time() < 0.3: pass"
    before = family_cpu_seconds(os.getpid())
    subprocess.run([sys.executable, "-c", work], check=True)
    assert family_cpu_seconds(os.getpid()) - before >= 0.25


def test_what_is_held_is_counted() -> None:
    size = 32 << 20
    before = memory_of(os.getpid())
    # Pages of its own; the interpreter might serve bytes from what it holds already.
    with mmap.mmap(-1, size) as held:
        held.write(os.urandom(size))
        after = memory_of(os.getpid())
    assert after.rss - before.rss > size // 2
    assert after.pss <= after.rss
