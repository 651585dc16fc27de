"""Runs the benchmarks that are named, or all; all of them together rewrite report.md."""

import argparse
import os
import time

from benchmarks import accel, archives, delivery, media, memory, pipeline, redirects, thumbnails, upload
from benchmarks.report import REPORT, table, write_report

BENCHMARKS = {
    "upload": upload,
    "pipeline": pipeline,
    "thumbnails": thumbnails,
    "delivery": delivery,
    "accel": accel,
    "redirects": redirects,
    "archives": archives,
    "media": media,
    "memory": memory,
}


def main() -> None:
    """Measure, print and, where everything was measured, write the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHMARKS)}; without any, all")
    names = parser.parse_args().names or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"unknown: {', '.join(unknown)}")
    load = os.getloadavg()
    sections = []
    for name in names:
        print(f"{name} ...", flush=True)
        started = time.monotonic()
        figures = BENCHMARKS[name].measure()
        sections.append((BENCHMARKS[name].TITLE, figures))
        print(f"{table(figures)}\n({time.monotonic() - started:.0f} s)\n", flush=True)
    if set(names) == BENCHMARKS.keys():
        write_report(sections, load)
        print(f"Written to {REPORT.parent.name}/{REPORT.name}.")


if __name__ == "__main__":
    main()
