"""The workbench: a child process of the workshop, which does task after task and tells how each went."""

import errno
import os
import pickle
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from time import monotonic
from typing import Any

from errors import AppError, MediaError
from media import confinement

# A child without work ends after so many seconds.
IDLE_SECONDS = 10.0
# A child that has done so many tasks, or has grown to so many bytes, makes room for a fresh one.
TASKS = 300
_GROWN_BYTES = 400_000_000
_LONGEST_MESSAGE = 16 * 1024 * 1024
_LENGTH = struct.Struct("!I")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one task may use, beyond what its process holds when it begins.

    Seconds on the clock and of CPU, bytes of address space, bytes of the longest file written.
    Programs that the task starts may use as much memory and CPU again, each.
    """

    seconds: float = 120
    cpu_seconds: int = 60
    memory: int = 2 * 1024**3
    file_bytes: int = 1024**3


@dataclass(frozen=True, slots=True)
class Task:
    """A module-level function and what to call it with."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    limits: Limits


@dataclass(frozen=True, slots=True)
class Answer:
    """What a task returned, or the exception it raised; after its last one a child ends."""

    value: Any
    is_last: bool


def send(channel: socket.socket, message: bytes) -> None:
    """Sends one message; OSError where nobody listens any more."""
    channel.sendall(_LENGTH.pack(len(message)) + message)


def receive(channel: socket.socket, deadline: float) -> bytes:
    """The next message; `deadline` is a moment of the monotonic clock.

    Raises TimeoutError, EOFError where the other side is gone, ValueError where it talks nonsense.
    """
    (length,) = _LENGTH.unpack(_exactly(channel, _LENGTH.size, deadline))
    if length > _LONGEST_MESSAGE:
        raise ValueError("the message is too long")
    return _exactly(channel, length, deadline)


def _exactly(channel: socket.socket, size: int, deadline: float) -> bytes:
    data = bytearray()
    while len(data) < size:
        channel.settimeout(max(0.001, deadline - monotonic()))
        part = channel.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def read_answer(message: bytes) -> Answer:
    """A child's answer; ValueError where it is none.

    A child may be in the hands of the file that it reads. So it is believed plain data, values of
    our media types, and errors; nothing that it says is executed.
    """
    try:
        answer = _AnswerReader(BytesIO(message)).load()
    except Exception as error:
        raise ValueError("the answer cannot be read") from error
    if not isinstance(answer, Answer):
        raise ValueError("the answer is none")  # noqa: TRY004 - not the caller's mistake
    return answer


class _AnswerReader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        if module in ("builtins", "errors") or module.startswith("media."):
            found = super().find_class(module, name)
            if isinstance(found, type) and (module != "builtins" or issubclass(found, OSError | RuntimeError)):
                return found
        raise pickle.UnpicklingError(f"a child may not speak of {module}.{name}")


def main() -> None:
    """Does the tasks that come in on standard input, a socket, until it closes; argument 1 is the parent's pid."""
    confinement.end_with(int(sys.argv[1]))
    # Ctrl-C is meant for the parent, which lets its jobs end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=os.dup(0)) as channel:
        # What decoders print about a stranger's file belongs into no log.
        _close_to_nothing(0, 1, 2)
        send(channel, pickle.dumps(Answer(confinement.confine(), is_last=False)))
        for number in range(1, TASKS + 1):
            try:
                message = receive(channel, monotonic() + IDLE_SECONDS)
            except (TimeoutError, EOFError):
                return
            answer, is_last = _done(message, is_last=number == TASKS)
            _end_children()
            send(channel, answer)
            if is_last:
                return


def _close_to_nothing(*descriptors: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(nothing, descriptor)
    os.close(nothing)


def _done(message: bytes, *, is_last: bool) -> tuple[bytes, bool]:
    """Does a task; the answer in bytes, and whether this process should end after it."""
    try:
        value = _result(pickle.loads(message))  # noqa: S301 - the parent is trusted
        is_last = is_last or confinement.resident_bytes() > _GROWN_BYTES
        return pickle.dumps(Answer(value, is_last)), is_last
    except MemoryError:
        # After this nothing is sure about what libraries hold.
        return pickle.dumps(Answer(MediaError("The file needs more memory than it may have"), is_last=True)), True
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent is to hear of it
        return pickle.dumps(Answer(_tellable(error), is_last)), is_last


def _end_children() -> None:
    """Ends what the task started and left behind."""
    with suppress(ChildProcessError):
        while True:
            ended, _ = os.waitpid(-1, os.WNOHANG)
            if not ended:
                for pid in confinement.descendants_of(os.getpid()):
                    os.kill(pid, signal.SIGKILL)
                os.waitpid(-1, 0)


def _result(task: Task) -> Any:
    limits = task.limits
    confinement.allow(memory=limits.memory, cpu_seconds=limits.cpu_seconds, file_bytes=limits.file_bytes)
    return task.function(*task.arguments)


def _tellable(error: Exception) -> Exception:
    """The error as the parent can raise it."""
    if isinstance(error, AppError):
        return error
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return MediaError("The file makes a result that is longer than it may be")
    if isinstance(error, OSError) and error.errno is not None:
        # A full disk or a lost file is the parent's concern as much as this process's.
        return OSError(error.errno, str(error))
    return RuntimeError("".join(traceback.format_exception(error)))
