"""Tasks for the workshop that do what a hostile file may have a decoder do."""

import os
import resource
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from errors import DecoderDied, StorageFull, ToolFailed, UnsupportedMedia
from media import confinement


def add(one: int, other: int) -> int:
    return one + other


def pid() -> int:
    return os.getpid()


def environment() -> dict[str, str]:
    return dict(os.environ)


def eat(size: int) -> int:
    return len(bytearray(size))


def grow(size: int) -> int:
    """Keeps memory for good, as a leaking library does."""
    sys.modules["kept"] = bytearray(b"x") * size  # type: ignore[assignment]  # anything that stays
    return os.getpid()


def leave_temporary_file() -> str:
    """A file that nobody removes; its folder."""
    descriptor, name = tempfile.mkstemp()
    os.close(descriptor)
    return os.path.dirname(name)  # noqa: PTH120 - plain data are what a task returns


def spin() -> None:
    while True:
        pass


def rest(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def fork_and_rest(note: Path) -> None:
    """A child, a grandchild in a session of its own, and neither of them ends."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            note.write_text(str(os.getpid()))
        time.sleep(600)
    time.sleep(600)


def fork_and_leave(note: Path) -> None:
    """A grandchild whose parent has ended: nobody's."""
    if os.fork() == 0:
        if os.fork() == 0:
            note.write_text(str(os.getpid()))
            time.sleep(600)
        os._exit(0)
    while not note.exists():
        time.sleep(0.01)


def open_socket(family: int) -> None:
    socket.socket(family, socket.SOCK_STREAM)


def said_by(command: str) -> str:
    """What a program says that a task starts."""
    with os.popen(f"{command} 2>&1") as output:
        return output.read()


def write(path: Path, size: int) -> None:
    with path.open("wb") as file:
        for _ in range(size // 65536 + 1):
            file.write(bytes(65536))


def core_limit() -> tuple[int, ...]:
    return resource.getrlimit(resource.RLIMIT_CORE)


def open_many(path: Path) -> list[Any]:
    return [path.open("rb") for _ in range(1000)]


def die(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(10)


def die_over(*files: Path) -> None:
    """In the place of a task that is given files."""
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(10)


def leave(code: int) -> None:
    os._exit(code)


def refuse(message: str) -> None:
    raise UnsupportedMedia(message)


def fail_as(kind: str) -> None:
    raise {"tool": ToolFailed("ffmpeg", 3, "no"), "full": StorageFull("full"), "died": DecoderDied("x"),
           "lost": FileNotFoundError(2, "No such file"), "bug": ZeroDivisionError("a mistake")}[kind]


class Unknown:
    """No media type of ours."""


def unknown() -> Unknown:
    return Unknown()


def untellable() -> Any:
    return lambda: None


def say(message: bytes) -> None:
    """Speaks on the channel in the name of the child, as code that took it over would."""
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, message)
        except OSError:
            continue
    time.sleep(10)


def chatter() -> None:
    os.write(1, b"noise\n" * 10)
    os.write(2, b"noise\n" * 10)


def trace_parent() -> int:
    """What attaching to another process says."""
    return int(confinement._libc().ptrace(16, os.getppid(), 0, 0))


SIGNALS = (signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT)
