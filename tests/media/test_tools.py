"""External programs: they end in time and take their children along."""

import os
import time

import pytest

from errors import MediaError, ToolFailed, ToolTimeout
from media import tools
from tests.media.processes import children_of, wait_for_end


def test_a_program_gives_its_output() -> None:
    assert tools.run(["printf", "%s", "a b"], timeout=5) == b"a b"


def test_a_failure_tells_the_end_of_what_was_said() -> None:
    with pytest.raises(ToolFailed) as caught:
        tools.run(["sh", "-c", "yes early | head -c 100000 >&2; echo the reason >&2; exit 3"], timeout=5)
    assert (caught.value.tool, caught.value.code) == ("sh", 3)
    assert caught.value.stderr.endswith("the reason")
    assert len(caught.value.stderr) <= 4096


def test_a_program_that_is_not_there_has_failed() -> None:
    with pytest.raises(ToolFailed, match="not installed"):
        tools.run(["no-such-program-anywhere"], timeout=5)


def test_a_program_that_takes_too_long_ends_with_its_children() -> None:
    started = time.monotonic()
    with pytest.raises(ToolTimeout) as caught:
        tools.run(["sh", "-c", "sleep 61 & sleep 62"], timeout=0.3)
    assert time.monotonic() - started < 5
    assert caught.value.retryable
    sleeping = [pid for pid, name in children_of(os.getpid()).items() if name == "sleep"]
    assert wait_for_end(sleeping) == []


def test_lines_are_told_as_they_come() -> None:
    told: list[tuple[str, float]] = []
    started = time.monotonic()
    script = "printf 'one\\ntw'; sleep 0.5; printf 'o\\nthree'"
    tools.follow(["sh", "-c", script], lambda line: told.append((line, time.monotonic())), timeout=10, silence=5)
    assert [line for line, _ in told] == ["one", "two"]
    assert told[0][1] < started + 0.5 <= told[1][1]


@pytest.mark.parametrize(("script", "timeout", "silence"), [
    ("sleep 61", 30, 0.3), ("while echo busy; do sleep 0.05; done", 0.5, 30), ("exec >&-; sleep 61", 30, 0.3),
])  # fmt: skip
def test_a_program_that_falls_silent_or_never_ends_is_stopped(script: str, timeout: float, silence: float) -> None:
    started = time.monotonic()
    with pytest.raises(ToolTimeout):
        tools.follow(["sh", "-c", script], lambda line: None, timeout=timeout, silence=silence)
    assert time.monotonic() - started < 5
    sleeping = [pid for pid, name in children_of(os.getpid()).items() if name == "sleep"]
    assert wait_for_end(sleeping) == []


def test_a_program_that_fails_while_it_is_followed_tells_why() -> None:
    with pytest.raises(ToolFailed, match="the reason"):
        tools.follow(["sh", "-c", "echo half; echo the reason >&2; exit 3"], lambda line: None, timeout=9, silence=9)


def test_a_line_without_an_end_is_not_kept() -> None:
    with pytest.raises(MediaError, match="without an end"):
        tools.follow(["sh", "-c", "yes | tr -d '\\n'"], lambda line: None, timeout=30, silence=9)
