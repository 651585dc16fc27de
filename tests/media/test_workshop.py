"""The workshop: tasks that eat, spin, sleep, fork, call home or talk nonsense harm nobody, and say so."""

import logging
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from errors import AppError, DecoderDied, MediaError, StorageFull, ToolFailed, ToolTimeout, UnsupportedMedia
from media import confinement, workbench, workshop
from media.workbench import Answer, Limits
from tests.media import tasks

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0
SMALL = Limits(seconds=20, cpu_seconds=10, memory=200_000_000)


def is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def _fresh_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children that no other test has worn out."""
    monkeypatch.setattr(workshop, "_pool", workshop._Pool())


def test_a_task_returns_its_result() -> None:
    assert workshop.run(tasks.add, 2, 3) == 5


def test_one_child_does_task_after_task() -> None:
    assert len({workshop.run(tasks.pid) for _ in range(5)}) == 1
    assert workshop.run(tasks.pid) != os.getpid()


def test_threads_have_children_of_their_own() -> None:
    with ThreadPoolExecutor(3) as threads:
        started = time.monotonic()
        assert list(threads.map(lambda _: workshop.run(tasks.rest, 4.0), range(3))) == [4.0] * 3
    assert time.monotonic() - started < 11.9
    # The threads that asked have ended, and the children still serve.
    assert workshop.run(tasks.add, 1, 1) == 2


def test_a_child_knows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_SECRET_ACCESS_KEY", "hunter2")
    known = workshop.run(tasks.environment)
    assert "hunter2" not in known.values()
    assert "PATH" in known


def test_what_the_task_raises_is_raised() -> None:
    with pytest.raises(UnsupportedMedia, match="no picture"):
        workshop.run(tasks.refuse, "no picture")
    with pytest.raises(ToolFailed) as failed:
        workshop.run(tasks.fail_as, "tool")
    assert (failed.value.tool, failed.value.code, failed.value.stderr) == ("ffmpeg", 3, "no")
    with pytest.raises(StorageFull):
        workshop.run(tasks.fail_as, "full")
    with pytest.raises(FileNotFoundError, match="No such file"):
        workshop.run(tasks.fail_as, "lost")


def test_a_mistake_of_ours_comes_with_its_trace() -> None:
    with pytest.raises(RuntimeError, match=r"tasks.py(.|\n)*ZeroDivisionError: a mistake"):
        workshop.run(tasks.fail_as, "bug")


def test_a_child_survives_what_its_task_raises() -> None:
    before = workshop.run(tasks.pid)
    with pytest.raises(MediaError):
        workshop.run(tasks.refuse, "no")
    assert workshop.run(tasks.pid) == before


def test_a_task_has_so_much_memory_and_no_more() -> None:
    assert workshop.run(tasks.eat, 100_000_000, limits=SMALL) == 100_000_000
    with pytest.raises(MediaError, match="memory") as caught:
        workshop.run(tasks.eat, 300_000_000, limits=SMALL)
    assert not caught.value.retryable
    assert workshop.run(tasks.eat, 300_000_000) == 300_000_000


def test_a_task_has_so_much_cpu_and_no_more() -> None:
    with pytest.raises(MediaError, match="CPU") as caught:
        workshop.run(tasks.spin, limits=Limits(seconds=60, cpu_seconds=1))
    assert not caught.value.retryable
    assert workshop.run(tasks.add, 1, 1) == 2


def test_each_task_has_its_own_cpu_seconds() -> None:
    for _ in range(3):
        with suppress(ToolTimeout):
            workshop.run(tasks.rest, 0.01, limits=Limits(cpu_seconds=1))
    assert workshop.run(tasks.add, 1, 1, limits=Limits(cpu_seconds=1)) == 2


def test_a_task_has_so_much_time_and_no_more() -> None:
    started = time.monotonic()
    with pytest.raises(ToolTimeout, match="rest") as caught:
        workshop.run(tasks.rest, 60.0, limits=Limits(seconds=0.5))
    assert caught.value.retryable
    assert time.monotonic() - started < 10


def test_what_a_task_started_dies_with_it(tmp_path: Path) -> None:
    note = tmp_path / "note"
    with pytest.raises(ToolTimeout):
        workshop.run(tasks.fork_and_rest, note, limits=Limits(seconds=3))
    left = int(note.read_text())
    eventually(lambda: not is_running(left))


def test_what_a_task_leaves_behind_does_not_stay(tmp_path: Path) -> None:
    note = tmp_path / "note"
    workshop.run(tasks.fork_and_leave, note)
    left = int(note.read_text())
    eventually(lambda: not is_running(left))


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET])
def test_a_task_has_no_network(family: int) -> None:
    with pytest.raises(PermissionError):
        workshop.run(tasks.open_socket, int(family))


def test_programs_that_a_task_starts_have_no_network_either() -> None:
    program = f"{sys.executable} -c 'import socket; socket.create_connection((\"127.0.0.1\", 9))'"
    assert "PermissionError" in workshop.run(tasks.said_by, program)


def test_a_task_cannot_reach_into_its_parent() -> None:
    assert workshop.run(tasks.trace_parent) == -1
    assert is_running(os.getpid())


def test_a_task_writes_so_much_and_no_more(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="longer"):
        workshop.run(tasks.write, tmp_path / "a", 2_000_000, limits=Limits(file_bytes=1_000_000))
    assert (tmp_path / "a").stat().st_size <= 1_000_000


def test_a_task_leaves_no_core_and_opens_not_too_many_files(tmp_path: Path) -> None:
    assert workshop.run(tasks.core_limit) == (0, 0)
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(OSError, match="Too many open files"):
        workshop.run(tasks.open_many, tmp_path / "a")


@pytest.mark.parametrize("number", tasks.SIGNALS)
def test_a_task_that_crashes_says_so_and_may_come_again(number: int) -> None:
    with pytest.raises(DecoderDied, match=f"-{int(number)}") as caught:
        workshop.run(tasks.die, int(number))
    assert caught.value.retryable
    assert workshop.run(tasks.add, 1, 1) == 2


def test_a_task_that_leaves_says_so() -> None:
    with pytest.raises(DecoderDied, match="code 3"):
        workshop.run(tasks.leave, 3)


@pytest.mark.parametrize("message", [
    b"nonsense" * 100,
    struct.pack("!I", 0xFFFFFFFF),
    struct.pack("!I", 5) + b"\x80\x05N.!",
    struct.pack("!I", 10) + b"half",
    *(struct.pack("!I", len(answer)) + answer for answer in (
        pickle.dumps(Answer(os.getcwd, is_last=False)),
        pickle.dumps((5, False)),
        b"cos\nsystem\n(S'touch /tmp/taken-over'\ntR.",
    )),
])
def test_nonsense_from_a_child_is_not_believed(message: bytes) -> None:
    with pytest.raises((DecoderDied, ToolTimeout)):
        workshop.run(tasks.say, message, limits=Limits(seconds=3))
    assert not Path("/tmp/taken-over").exists()
    assert workshop.run(tasks.add, 1, 1) == 2


@pytest.mark.parametrize("value", [os.system, tasks.Unknown, tasks.Unknown(), subprocess.Popen, print, Path("a")])
def test_a_child_may_not_speak_of_anything_else(value: object) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        workbench.read_answer(pickle.dumps(Answer(value, is_last=False)))


def test_results_are_data_or_media_types() -> None:
    assert workshop.run(tasks.environment).keys() > {"PATH"}
    with pytest.raises(DecoderDied):
        workshop.run(tasks.unknown)
    with pytest.raises(RuntimeError, match="pickle"):
        workshop.run(tasks.untellable)


def test_a_child_that_has_grown_makes_room_for_a_fresh_one() -> None:
    grown = workshop.run(tasks.grow, 500_000_000)
    eventually(lambda: not is_running(grown))
    assert workshop.run(tasks.pid) != grown


def test_a_child_ends_after_so_many_tasks() -> None:
    pids = [workshop.run(tasks.pid) for _ in range(workbench.TASKS + 1)]
    assert len(set(pids)) == 2
    eventually(lambda: not is_running(pids[0]))


def test_a_child_without_work_ends_and_is_buried(monkeypatch: pytest.MonkeyPatch) -> None:
    pid = workshop.run(tasks.pid)
    time.sleep(workbench.IDLE_SECONDS)
    eventually(lambda: not Path(f"/proc/{pid}").exists())
    assert workshop.run(tasks.pid) != pid


def test_temporary_files_end_with_their_child() -> None:
    folder = Path(workshop.run(tasks.leave_temporary_file))
    assert len(list(folder.iterdir())) == 1
    with pytest.raises(DecoderDied):
        workshop.run(tasks.die, 9)
    assert not folder.exists()


def test_children_say_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    workshop.run(tasks.chatter)
    assert capfd.readouterr() == ("", "")


def test_a_kernel_without_filters_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(workshop._Child, "greet", lambda child: bool(child._answer(1e9, "")) and False)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            with pytest.raises(DecoderDied):
                workshop.run(tasks.leave, 0)
    assert len(caplog.messages) == 1
    assert "network" in caplog.messages[0]


def test_where_no_process_can_be_started_the_task_may_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(DecoderDied):
        workshop.run(tasks.add, 1, 1)


def test_after_a_fork_each_process_has_its_own_children() -> None:
    before = workshop.run(tasks.pid)
    reading, writing = os.pipe()
    forked = os.fork()
    if forked == 0:
        os.write(writing, str(workshop.run(tasks.pid)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        assert int(answer.read()) != before
    os.waitpid(forked, 0)
    assert workshop.run(tasks.pid) == before


PARENT = """
import sys, threading, time
from pathlib import Path
from media import workshop
from tests.media import tasks

Path(sys.argv[1], "idle").write_text(str(workshop.run(tasks.pid)))
threading.Thread(target=workshop.run, args=(tasks.rest, 600.0), daemon=True).start()
threading.Thread(target=workshop.run, args=(tasks.spin,), daemon=True).start()
time.sleep(2)
print("ready", flush=True)
time.sleep(600 if sys.argv[2] == "killed" else 0)
"""


@pytest.mark.parametrize("end", ["killed", "ended"])
def test_children_end_with_their_parent_however_it_ends(tmp_path: Path, end: str) -> None:
    # A parent that is killed leaves the folders of its children behind.
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", PARENT, str(tmp_path), end]
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        below = {int((tmp_path / "idle").read_text())} if parent.stdout.readline() == b"ready\n" else set()
        below |= set(confinement.descendants_of(parent.pid))
        if end == "killed":
            parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert below
    for pid in below:
        eventually(lambda pid=pid: not is_running(pid))  # type: ignore[misc]  # mypy cannot tell the default's type


def test_errors_of_every_kind_travel() -> None:
    for error in (AppError("a"), ToolFailed("a", 1, "b"), DecoderDied("c"), FileNotFoundError(2, "d")):
        told = workbench.read_answer(pickle.dumps(Answer(error, is_last=True))).value
        assert (type(told), str(told)) == (type(error), str(error))
