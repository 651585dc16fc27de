"""External programs: they end in time, take their children along, and exiftool comes back."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from errors import MediaError, ToolFailed, ToolTimeout
from media import tools
from media.tools import ExifTool

ROOT = Path(__file__).parents[2]


@pytest.fixture
def exiftool() -> Iterator[ExifTool]:
    tool = ExifTool(timeout=10)
    yield tool
    tool.close()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    exif = Image.Exif()
    exif[0x10F] = "Camera maker"
    Image.new("RGB", (30, 20)).save(tmp_path / "a.jpg", exif=exif)
    return tmp_path / "a.jpg"


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


def pid_of(tool: ExifTool) -> int:
    """Other tests may have an exiftool open in this process."""
    assert tool._process is not None
    return next(child for child, name in children_of(tool._process.pid).items() if name == "exiftool")


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


def test_exiftool_answers_by_name(exiftool: ExifTool, picture: Path) -> None:
    tags = exiftool.read(picture, ["Make", "ImageWidth#", "Model"])
    assert tags["Make"] == "Camera maker"
    assert tags["ImageWidth"] == 30
    assert "Model" not in tags


def test_exiftool_is_started_once(exiftool: ExifTool, picture: Path) -> None:
    exiftool.read(picture, ["Make"])
    first = pid_of(exiftool)
    exiftool.read(picture, ["Make"])
    assert pid_of(exiftool) == first


def test_exiftool_comes_back_when_it_was_killed(exiftool: ExifTool, picture: Path) -> None:
    exiftool.read(picture, ["Make"])
    first = pid_of(exiftool)
    os.kill(first, signal.SIGKILL)
    assert wait_for_end([first]) == []
    assert exiftool.read(picture, ["Make"])["Make"] == "Camera maker"


def test_exiftool_that_hangs_is_stopped_and_comes_back(picture: Path) -> None:
    exiftool = ExifTool(timeout=10)
    exiftool.read(picture, ["Make"])
    stuck = pid_of(exiftool)
    os.kill(stuck, signal.SIGSTOP)
    exiftool._timeout = 0.3
    with pytest.raises(ToolTimeout):
        exiftool.read(picture, ["Make"])
    assert wait_for_end([stuck]) == []
    exiftool._timeout = 10
    assert exiftool.read(picture, ["Make"])["Make"] == "Camera maker"
    exiftool.close()


def test_threads_get_their_own_answers(exiftool: ExifTool, tmp_path: Path) -> None:
    for width in range(1, 21):
        Image.new("RGB", (width, 1)).save(tmp_path / f"{width}.png")
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda width: exiftool.read(tmp_path / f"{width}.png", ["ImageWidth"]), range(1, 21))
    assert [answer["ImageWidth"] for answer in answers] == list(range(1, 21))


@pytest.mark.parametrize("name", ["-delete_original!.jpg", "#a.jpg", " a .jpg", "|id.jpg", "id|", "a%f$x`id`.jpg",
                                  "\u00e4\U0001f600.jpg", "-overwrite_original", "{ready}"])
def test_a_name_is_a_name_whatever_it_looks_like(
    exiftool: ExifTool, picture: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(picture.parent)
    Path(name).write_bytes(picture.read_bytes())
    assert exiftool.read(Path(name), ["Make"])["Make"] == "Camera maker"


def test_a_name_with_a_line_break_is_refused(exiftool: ExifTool, picture: Path) -> None:
    with pytest.raises(MediaError, match="line break"):
        exiftool.read(picture.with_name("a\n-execute\n.jpg"), ["Make"])


def test_a_file_that_is_not_there_has_failed(exiftool: ExifTool, picture: Path) -> None:
    with pytest.raises(ToolFailed):
        exiftool.read(picture.with_name("b.jpg"), ["Make"])
    assert exiftool.read(picture, ["Make"])["Make"] == "Camera maker"


def test_exiftool_ends_with_a_process_that_was_killed(picture: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from media.tools import ExifTool; tool = ExifTool();"
        "tool.read(Path(sys.argv[1]), ['Make']); print('ready', flush=True); time.sleep(100)"
    )
    with subprocess.Popen([sys.executable, "-c", code, picture], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        below = list(children_of(process.pid))
        assert below
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert wait_for_end(below) == []


def test_exiftool_ends_when_it_is_closed(picture: Path) -> None:
    exiftool = ExifTool()
    exiftool.read(picture, ["Make"])
    pid = pid_of(exiftool)
    exiftool.close()
    assert wait_for_end([pid]) == []


def test_a_fork_starts_its_own_exiftool(exiftool: ExifTool, picture: Path) -> None:
    exiftool.read(picture, ["Make"])
    parents = pid_of(exiftool)
    child = os.fork()
    if child == 0:
        right = exiftool.read(picture, ["Make"])["Make"] == "Camera maker" and is_running(parents)
        exiftool.close()
        os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert exiftool.read(picture, ["Make"])["Make"] == "Camera maker"
    assert pid_of(exiftool) == parents
