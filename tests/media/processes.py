"""What tests see of the processes that others start."""

import time
from pathlib import Path


def children_of(pid: int) -> dict[int, str]:
    """Every process below `pid`, by its number; the value is its program."""
    table = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, parent = rest.split()[:2]
        if state != "Z":
            table[int(folder.name)] = (int(parent), name)
    found: dict[int, str] = {}
    level = {pid}
    while level := {child for child, (parent, _) in table.items() if parent in level}:
        found |= {child: table[child][1] for child in level}
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for_end(pids: list[int], seconds: float = 10) -> list[int]:
    """The processes that are still there after the time."""
    deadline = time.monotonic() + seconds
    while (left := [pid for pid in pids if is_running(pid)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left
