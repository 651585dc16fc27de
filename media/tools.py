"""External programs: run to the end within limits, or kept open (exiftool)."""

import atexit
import json
import os
import selectors
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from time import monotonic
from typing import IO, Any

from errors import MediaError, ToolFailed, ToolTimeout

_TAIL = 4096
_ANSWER_LIMIT = 32 * 1024 * 1024
_READY = b"{ready}\n"

# exiftool waits for more input at the end of its standard input, so it would outlive a worker
# that was killed; `cat` sees that end and says the word that makes exiftool leave.
_EXIFTOOL = r"""(cat; printf '%s\n' -stay_open False) | exec exiftool -config '' -stay_open True -@ -"""
_EXIFTOOL_ALWAYS = ("-j", "-api", "LargeFileSupport=1", "-api", "QuickTimeUTC=1")


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


class ExifTool:
    """exiftool, started when first asked and kept open; one per process, shared by its threads.

    It is started again when it has died, was stopped after `timeout` seconds, or the process
    has forked; it ends with the process, also with one that is killed.
    """

    def __init__(self, timeout: float = 30) -> None:
        self._timeout = timeout
        self._guard = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def read(self, path: Path, tags: Sequence[str]) -> Mapping[str, Any]:
        """The tags of a file by name (`Make`; `ISO#` asks for a number), absent ones left out.

        Raises ToolFailed, ToolTimeout, and MediaError for a path that exiftool cannot be told.
        """
        name = os.fsencode(path.absolute())
        if b"\n" in name or b"\r" in name:
            raise MediaError("exiftool cannot be told a path with a line break")
        # An absolute path starts with a slash, so it is never read as an option.
        lines = [os.fsencode(line) for line in (*_EXIFTOOL_ALWAYS, *(f"-{tag}" for tag in tags))]
        question = b"\n".join([*lines, name, b"-execute", b""])
        with self._guard:
            try:
                answer = self._ask(question)
            except ToolFailed:
                answer = self._ask(question)
        return _only_entry(answer)

    def close(self) -> None:
        """Ends exiftool; the next question starts it again."""
        with self._guard:
            self._stop()

    def _ask(self, question: bytes) -> bytes:
        process = self._running()
        answered = False
        try:
            answer = _exchange(process, question, self._timeout)
            answered = True
        finally:
            if not answered:
                self._stop()
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._owner != os.getpid():
            _forget(self._process)
            self._process = None
        if self._process is None:
            self._process = _start(
                ("sh", "-c", _EXIFTOOL), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            self._owner = os.getpid()
            atexit.register(self.close)
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        atexit.unregister(self.close)
        if self._owner != os.getpid():
            _forget(process)
            return
        _kill_group(process)
        _close_pipes(process)
        process.wait()


def _start(args: Sequence[str | Path], *, stdin: int, stderr: int | IO[bytes]) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    try:
        return subprocess.Popen(  # noqa: S603 -- no shell parses what comes from a file or a client
            args, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, env=environment, start_new_session=True
        )
    except FileNotFoundError:
        raise ToolFailed(str(args[0]), 127, "the program is not installed") from None


def _exchange(process: subprocess.Popen[bytes], question: bytes, timeout: float) -> bytes:
    """What exiftool says to `question`, up to its ready mark."""
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        raise ToolFailed("exiftool", 0, "it was started without pipes")
    deadline = monotonic() + timeout
    answer = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        try:
            stdin.write(question)
            stdin.flush()
        except BrokenPipeError:
            raise ToolFailed("exiftool", 0, "it has ended") from None
        while not answer.endswith(_READY):
            if not selector.select(max(0, deadline - monotonic())):
                raise ToolTimeout(f"exiftool took longer than {timeout:g} seconds")
            data = os.read(stdout.fileno(), 65536)
            if not data:
                raise ToolFailed("exiftool", process.poll() or 0, "it ended in the middle of an answer")
            answer += data
            if len(answer) > _ANSWER_LIMIT:
                raise MediaError("exiftool's answer is too long")
    return bytes(answer[: -len(_READY)])


def _only_entry(answer: bytes) -> Mapping[str, Any]:
    if not answer:
        raise ToolFailed("exiftool", 1, "it could not read the file")
    try:
        entries = json.loads(answer.decode("utf-8", "replace"))
    except ValueError:
        raise ToolFailed("exiftool", 1, "its answer is not JSON") from None
    entry: Mapping[str, Any] = entries[0]
    return entry


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    # The group is named by the program started; its children stay in it when it has ended itself.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def _forget(process: subprocess.Popen[bytes]) -> None:
    """Lets go of a program that belongs to the process we were forked from."""
    _close_pipes(process)
    process.returncode = 0


def _tail(errors: IO[bytes]) -> str:
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - _TAIL))
    return errors.read().decode("utf-8", "replace").strip()
