"""The workshop: functions that read strangers' files run in confined child processes."""

import logging
import os
import pickle
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Lock, Thread
from time import monotonic, sleep
from typing import TypeVar, cast

from errors import DecoderDied, MediaError, ToolTimeout
from media import confinement, workbench
from media.workbench import IDLE_SECONDS, Answer, Limits, Task

logger = logging.getLogger(__name__)

T = TypeVar("T")

DEFAULT_LIMITS = Limits()
_START_SECONDS = 60.0
# So near to its end a child without work is not given any more.
_IDLE_MARGIN = 2.0
_DYING_SECONDS = 10.0
_KILLING_ROUNDS = 200
_ROOT = Path(__file__).parent.parent
_PROGRAM = "from media.workbench import main; main()"
# Nothing else of the environment: it holds passwords. Each child has one core.
_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONPATH": str(_ROOT),
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    # Pictures are large, and each is made of pages that the last one gave back: to have the kernel clear
    # them anew takes a quarter of the CPU of a JPEG. A child without work ends, and its memory with it.
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024**2),
    "MALLOC_TRIM_THRESHOLD_": str(128 * 1024**2),
    "PILLOW_BLOCKS_MAX": "2",
}
# What tells where programs and libraries are, and how the machine's processor is to be used.
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def run(task: Callable[..., T], *arguments: object, limits: Limits = DEFAULT_LIMITS) -> T:
    """What `task(*arguments)` returns, run in a child process that cannot harm this one.

    `task` is a function at the top of a module; arguments can be pickled; results are plain data or
    types of our media modules. Children start when needed, one for each thread that asks at once,
    do many tasks, have no network, and are killed with all of their children where a task takes
    too long. Raises what the task raised if it is an AppError or an OSError with a number,
    RuntimeError with its trace for anything else that it raised, ToolTimeout, MediaError where it
    wants more memory, CPU or disk than it may have, DecoderDied where its process ended otherwise.
    """
    child = _pool.take()
    answer = None
    try:
        answer = child.do(Task(task, arguments, limits))
    finally:
        if answer is None or answer.is_last:
            child.kill()
        else:
            _pool.give_back(child)
    if isinstance(answer.value, Exception):
        raise answer.value
    return cast(T, answer.value)


class _Child:
    """A child process and the channel to it; used by one thread at a time."""

    def __init__(self, when_ended: Callable[["_Child"], None]) -> None:
        self._channel, theirs = socket.socketpair()
        self._when_ended = when_ended
        self._born, self._ended = Event(), Event()
        # Guards the pid: once the process is reaped another one may have it.
        self._guard = Lock()
        self._pid: int | None = None
        self._status = 0
        self.idle_since = 0.0
        Thread(target=self._live, args=(theirs,), name="workshop", daemon=True).start()
        self._born.wait()

    def greet(self) -> bool:
        """Waits until the process is ready; whether it has no network. Raises DecoderDied, ToolTimeout."""
        return bool(self._answer(monotonic() + _START_SECONDS, "The start of a decoder").value)

    def do(self, task: Task) -> Answer:
        """Raises ToolTimeout, MediaError, DecoderDied; the child is then of no more use."""
        message = pickle.dumps(task)
        deadline = monotonic() + task.limits.seconds
        try:
            workbench.send(self._channel, message)
        except OSError:
            raise self._obituary() from None
        return self._answer(deadline, f"{task.function.__name__} of {task.limits.seconds:g} seconds")

    def kill(self) -> None:
        """Ends the process and all that it started; nothing where it has ended."""
        with self._guard:
            if self._pid is not None:
                _kill_tree(self._pid)
        self._channel.close()

    def _answer(self, deadline: float, what: str) -> Answer:
        try:
            return workbench.read_answer(workbench.receive(self._channel, deadline))
        except TimeoutError:
            raise ToolTimeout(f"{what} took too long") from None
        except ValueError as error:
            raise DecoderDied(f"The process that read the file lost its mind: {error}") from error
        except (OSError, EOFError):
            raise self._obituary() from None

    def _obituary(self) -> MediaError:
        if not self._ended.wait(_DYING_SECONDS):
            return DecoderDied("The process that read the file fell silent")
        if self._status == -signal.SIGXCPU:
            return MediaError("The file needs more CPU time than it may have")
        return DecoderDied(f"The process that read the file ended with code {self._status}")

    def _live(self, theirs: socket.socket) -> None:
        """Starts the process and stays for as long: the kernel ends it with the thread that started it."""
        with ExitStack() as stack:
            try:
                with theirs:
                    # A folder of its own, as libraries leave temporary files behind where they give up.
                    folder = TemporaryDirectory(prefix="bucketroll-decoder-", ignore_cleanup_errors=True)
                    self._pid = _spawn(theirs, stack.enter_context(folder))
            except OSError as error:
                logger.error("no process can be started to read files: %s", error)  # noqa: TRY400 - it says it all
                self._ended.set()
                return
            finally:
                self._born.set()
            os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT)
        with self._guard:
            _, status = os.waitpid(self._pid, 0)
            self._pid = None
        self._status = os.waitstatus_to_exitcode(status)
        self._ended.set()
        self._when_ended(self)


class _Pool:
    """The children of this process that have nothing to do."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._idle: list[_Child] = []
        self._has_warned = False

    def take(self) -> _Child:
        """A child for one task; whoever takes it gives it back or kills it."""
        with self._lock:
            # The last one to have worked: the others may end. One that is just ending is left to it.
            if self._idle and monotonic() - self._idle[-1].idle_since < IDLE_SECONDS - _IDLE_MARGIN:
                return self._idle.pop()
        child = _Child(self._forget)
        is_ready = False
        try:
            is_confined = child.greet()
            is_ready = True
        finally:
            if not is_ready:
                child.kill()
        if not is_confined and not self._has_warned:
            self._has_warned = True
            logger.warning("this kernel filters no system calls: what decodes pictures could reach the network")
        return child

    def give_back(self, child: _Child) -> None:
        child.idle_since = monotonic()
        with self._lock:
            self._idle.append(child)

    def _forget(self, child: _Child) -> None:
        with self._lock:
            if child in self._idle:
                self._idle.remove(child)
                child.kill()


_pool = _Pool()


def _start_anew() -> None:
    # The children belong to the process that was forked.
    global _pool
    _pool = _Pool()


os.register_at_fork(after_in_child=_start_anew)


def _spawn(theirs: socket.socket, temporary: str) -> int:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    environment = _ENVIRONMENT | inherited | {"TMPDIR": temporary}
    return os.posix_spawn(
        sys.executable, [sys.executable, "-P", "-s", "-c", _PROGRAM, str(os.getpid())], environment,
        file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0)], setpgroup=0,
    )  # fmt: skip


def _kill_tree(pid: int) -> None:
    with suppress(ProcessLookupError):
        # Halted first, so that it starts nothing new while its children are looked for.
        os.kill(pid, signal.SIGSTOP)
        for _ in range(_KILLING_ROUNDS):
            below = confinement.descendants_of(pid)
            if not below:
                break
            for one in below:
                with suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)
            sleep(0.01)
        os.kill(pid, signal.SIGKILL)
