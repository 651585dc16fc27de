"""The benchmarks' table: what is met, what is missed, and what nothing is asked of."""

from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.report import Figure, at_least, at_most, spread, table


@pytest.mark.parametrize(("values", "met"), [([0.9, 0.5, 0.1], True), ([0.9, 0.49, 0.1], False)])
def test_the_median_decides_what_is_reached(values: list[float], met: bool) -> None:
    assert at_least("ratio", 0.5, values, "").met is met


@pytest.mark.parametrize(("values", "met"), [([9, 1.5, 1], True), ([9, 1.51, 1], False)])
def test_the_median_decides_what_is_passed(values: list[float], met: bool) -> None:
    assert at_most("CPU", 1.5, values, "", "ms").met is met


def test_a_spread_has_its_ends_in_brackets() -> None:
    assert spread([3, 1, 2], 1, "ms") == "2.0 ms (1.0 to 3.0)"


def test_a_single_value_has_no_ends() -> None:
    assert spread([3]) == "3"


def test_a_figure_without_a_target_is_neither_met_nor_missed() -> None:
    rows = table([Figure("asked", "1", "", "at least 2", False), Figure("unasked", "3", "")]).splitlines()
    assert [[cell.strip() for cell in row.split("|")[3:5]] for row in rows[2:]] == [["at least 2", "no"], ["", ""]]


def test_the_report_says_how_each_figure_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "REPORT", tmp_path / "report.md")
    report.write_report([("Speed", [Figure("rate", "5", "by hand")])], (0.5, 1.0, 2.0))
    written = (tmp_path / "report.md").read_text()
    assert "## Speed" in written
    assert "- **rate**: by hand" in written
