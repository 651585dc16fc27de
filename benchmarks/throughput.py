"""How fast bytes go over, and what that costs each process that takes part."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.processes import cpu_seconds

# Process ids by the name of what they are together, such as nginx with its workers.
Processes = Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Run:
    """MB/s, and the CPU seconds per GB of those that took part, by name."""

    speed: float
    cpu: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Way:
    """A way for bytes to go: `transfer` says how many went, once they did; `processes` take part."""

    transfer: Callable[[], int]
    processes: Processes


def measured(way: Way) -> Run:
    """What it costs to go that way once."""
    before = _cpu_of(way.processes)
    started = time.perf_counter()
    total = way.transfer()
    seconds = time.perf_counter() - started
    after = _cpu_of(way.processes)
    return Run(total / seconds / 1e6, {name: (after[name] - before[name]) / total * 1e9 for name in before})


def cpu_per_gb(runs: Sequence[Run]) -> str:
    """A sentence with the medians of all who took part."""
    parts = [f"{name} {median(run.cpu[name] for run in runs):.1f}" for name in runs[0].cpu]
    return f"CPU seconds per GB: {', '.join(parts)}."


def _cpu_of(processes: Processes) -> dict[str, float]:
    return {name: sum(map(cpu_seconds, pids)) for name, pids in processes.items()}
