"""External programs: run to the end within limits, or kept open."""

import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from time import monotonic
from typing import IO

from errors import MediaError, ToolFailed, ToolTimeout

_TAIL = 4096
_LONGEST_LINE = 64 * 1024


def run(args: Sequence[str | Path], *, timeout: float) -> bytes:
    """The standard output of a program; `timeout` in seconds.

    Raises ToolFailed with the tail of its standard error, and ToolTimeout; whatever happens,
    neither the program nor a child of its own is left running.
    """
    name = Path(args[0]).name
    with TemporaryFile() as errors:
        process = _start(args, stdin=subprocess.DEVNULL, stderr=errors)
        with process:
            try:
                output, _ = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                raise ToolTimeout(f"{name} took longer than {timeout:g} seconds") from None
            finally:
                _kill_group(process)
        if process.returncode:
            raise ToolFailed(name, process.returncode, _tail(errors))
    return output


def follow(args: Sequence[str | Path], tell: Callable[[str], object], *, timeout: float, silence: float) -> None:
    """Runs a program as `run` does, and tells each line of its standard output as it comes.

    Raises ToolTimeout also where it says nothing for `silence` seconds.
    """
    name = Path(args[0]).name
    with TemporaryFile() as errors:
        process = _start(args, stdin=subprocess.DEVNULL, stderr=errors)
        with process:
            try:
                _tell_lines(process, name, tell, monotonic() + timeout, silence)
            finally:
                _kill_group(process)
        if process.returncode:
            raise ToolFailed(name, process.returncode, _tail(errors))


class KeptOpen:
    """A program kept open, asked on its standard input; used by one thread at a time.

    Of no more use once `ask` has raised, then `end` it; so it is after a fork.
    """

    def __init__(self, name: str, args: Sequence[str | Path]) -> None:
        self._name = name
        self._owner = os.getpid()
        self._process = _start(args, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended by itself."""
        return self._process.poll() is None

    def ask(self, question: bytes, *, until: bytes, timeout: float, at_most: int) -> bytes:
        """What it says up to the mark `until`, of not much more than `at_most` bytes.

        Raises ToolFailed where it has ended, ToolTimeout, and MediaError where it says too much.
        """
        stdin, stdout = _pipe(self._process.stdin, self._name), _pipe(self._process.stdout, self._name)
        deadline = monotonic() + timeout
        answer = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            try:
                stdin.write(question)
                stdin.flush()
            except BrokenPipeError:
                raise ToolFailed(self._name, 0, "it has ended") from None
            while not answer.endswith(until):
                if not selector.select(max(0, deadline - monotonic())):
                    raise ToolTimeout(f"{self._name} took longer than {timeout:g} seconds")
                data = os.read(stdout.fileno(), 65536)
                if not data:
                    raise ToolFailed(self._name, self._process.poll() or 0, "it ended in the middle of an answer")
                answer += data
                if len(answer) > at_most:
                    raise MediaError(f"{self._name} says too much")
        return bytes(answer[: -len(until)])

    def end(self) -> None:
        """Ends it with all that it started; one that belongs to the process we were forked from goes on."""
        if self._owner == os.getpid():
            _kill_group(self._process)
        _close_pipes(self._process)
        if self._owner == os.getpid():
            self._process.wait()
        else:
            # Else it would be waited for.
            self._process.returncode = 0


def _start(args: Sequence[str | Path], *, stdin: int, stderr: int | IO[bytes]) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    try:
        return subprocess.Popen(  # noqa: S603 -- no shell parses what comes from a file or a client
            args, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, env=environment, start_new_session=True
        )
    except FileNotFoundError:
        raise ToolFailed(str(args[0]), 127, "the program is not installed") from None


def _tell_lines(
    process: "subprocess.Popen[bytes]", name: str, tell: Callable[[str], object], deadline: float, silence: float
) -> None:
    """Reads standard output to its end, and waits for the program to end itself."""

    def patience() -> float:
        return max(0.0, min(silence, deadline - monotonic()))

    rest = b""
    with selectors.DefaultSelector() as selector, suppress(subprocess.TimeoutExpired):
        descriptor = selector.register(_pipe(process.stdout, name), selectors.EVENT_READ).fd
        while selector.select(patience()):
            data = os.read(descriptor, 65536)
            if not data:
                process.wait(patience())
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                tell(line.decode("utf-8", "replace"))
            if len(rest) > _LONGEST_LINE:
                raise MediaError(f"{name} says a line without an end")
    raise ToolTimeout(f"{name} took too long, or did nothing for {silence:g} seconds")


def _pipe(pipe: IO[bytes] | None, name: str) -> IO[bytes]:
    if pipe is None:
        raise ToolFailed(name, 0, "it was started without pipes")
    return pipe


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    # The group is named by the program started; its children stay in it when it has ended itself.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def _tail(errors: IO[bytes]) -> str:
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - _TAIL))
    return errors.read().decode("utf-8", "replace").strip()
