"""External programs: they end in time and take their children along."""

import os
import time

import pytest

from errors import ToolFailed, ToolTimeout
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
