"""What a transfer costs, checked on one of known length."""

import os
import time

import pytest

from benchmarks.throughput import Run, Way, cpu_per_gb, measured


def test_speed_and_cpu_are_those_of_the_transfer() -> None:
    def work() -> int:
        started = time.process_time()
        while time.process_time() - started < 0.2:
            pass
        return 100_000_000

    started = time.perf_counter()
    run = measured(Way(work, {"client": [os.getpid()], "nobody": []}))
    assert 100 / (time.perf_counter() - started) <= run.speed <= 100 / 0.2
    # The kernel counts in hundredths of a second.
    assert run.cpu["client"] == pytest.approx(2, rel=0.25)
    assert run.cpu["nobody"] == 0


def test_the_medians_of_all_who_took_part_are_told() -> None:
    runs = [Run(1, {"web": cpu, "client": 1}) for cpu in (3, 1, 2)]
    assert cpu_per_gb(runs) == "CPU seconds per GB: web 2.0, client 1.0."
