"""What the kernel says about running processes: children, CPU time, memory."""

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that a process has in memory: `rss` counts shared pages in full, `pss` only their share."""

    rss: int
    pss: int


def children_of(parent: int) -> list[int]:
    """The processes that `parent` has started and that still run."""
    return sorted(int(path.name) for path in PROC.glob("[0-9]*") if _parent_of(path) == parent)


def family_of(leader: int) -> list[int]:
    """A process with all that descends from it, itself first."""
    return [leader, *(member for child in children_of(leader) for member in family_of(child))]


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process so far."""
    user, system = _fields(PROC / str(pid))[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def family_cpu_seconds(leader: int) -> float:
    """The same of a process and all that descends from it, those that have ended included."""
    return sum(sum(map(int, _fields(PROC / str(pid))[11:15])) for pid in family_of(leader)) / os.sysconf("SC_CLK_TCK")


def memory_of(pid: int) -> Memory:
    """What the process holds now."""
    lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    sizes = {name: int(value.split()[0]) * 1024 for name, _, value in (line.partition(":") for line in lines)}
    return Memory(sizes["Rss"], sizes["Pss"])


def program_of(pid: int) -> str:
    """The name of the program that the process runs."""
    return (PROC / str(pid) / "comm").read_text().strip()


def _parent_of(process: Path) -> int | None:
    try:
        return int(_fields(process)[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def _fields(process: Path) -> list[str]:
    """The fields of /proc/<pid>/stat from the state on (proc(5)); the name before may have spaces in it."""
    return (process / "stat").read_text().rpartition(")")[2].split()
