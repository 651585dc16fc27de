"""A program of others that reads strangers' files: what it gives up before it becomes itself."""

import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from media import confinement
from media.workbench import Limits

_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from media.confined import main; main()"
_ROOT = str(Path(__file__).parent.parent)
_NOT_INSTALLED = 127


def command(args: Sequence[str | Path], limits: Limits, *, network: bool) -> tuple[str | Path, ...]:
    """The command that runs a program under limits; it ends with the thread that started it, even by kill -9.

    Without `network` the kernel refuses it every socket. The seconds on the clock are the caller's to watch.
    """
    # Not between fork and exec of this process: other threads may hold any lock then.
    allowed = (str(int(network)), str(limits.memory), str(limits.cpu_seconds), str(limits.file_bytes))
    return (sys.executable, "-I", "-S", "-B", "-c", _PROGRAM, _ROOT, str(os.getpid()), *allowed, *args)


def main() -> None:
    """Becomes the program; the arguments are those that `command` gives."""
    parent, network, memory, cpu_seconds, file_bytes = (int(number) for number in sys.argv[2:7])
    confinement.end_with(parent)
    if network:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    else:
        confinement.confine()
    confinement.allow(memory=memory, cpu_seconds=cpu_seconds, file_bytes=file_bytes)
    try:
        os.execvp(sys.argv[7], sys.argv[7:])  # noqa: S606 - no shell is what is wanted
    except FileNotFoundError:
        sys.stderr.write("the program is not installed")
        sys.exit(_NOT_INSTALLED)
