"""A short fuzz run: whatever a file says, the worker reads it or refuses it, and nothing else."""

import os
import random
from pathlib import Path

import pytest

from errors import DecoderDied, MediaError
from media import workshop
from tests.media import fuzz, tasks
from tests.media.fuzz import Target

SECONDS = float(os.environ.get("FUZZ_SECONDS", "10"))


def test_files_changed_at_random_are_read_or_refused() -> None:
    report = fuzz.run(SECONDS, seed=20)
    assert report.found == []
    # Some of each: files that are all refused at their first byte prove nothing.
    assert min(report.outcomes["read"], report.outcomes["MediaError"]) > 5
    assert workshop.run(tasks.add, 1, 1) == 2


def test_a_file_is_changed_in_the_same_way_by_the_same_seed() -> None:
    data = bytes(range(256)) * 4
    once, again, otherwise = (fuzz.changed(data, random.Random(seed)) for seed in (1, 1, 2))
    assert once == again
    assert once not in (data, otherwise)


def _raise(error: Exception) -> fuzz.Read:
    def read(path: Path) -> None:
        raise error

    return read


@pytest.mark.parametrize(("error", "is_found", "is_kept"), [
    (MediaError("damaged"), False, False),
    (DecoderDied("gone"), False, True),
    (ZeroDivisionError("a mistake"), True, True),
])
def test_what_no_worker_may_meet_is_found_and_its_file_kept(
    error: Exception, is_found: bool, is_kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzz, "targets", lambda folder: [Target("files", b"data", ".jpg", _raise(error))])
    report = fuzz.run(0.02, seed=1, keep=tmp_path / "kept")
    assert bool(report.found) == is_found
    assert (tmp_path / "kept").exists() == is_kept
