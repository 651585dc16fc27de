"""exiftool: kept open, confined, gone when nobody needs it, and back when it died."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from PIL import Image

from errors import MediaError, ToolFailed, ToolTimeout
from media.exiftool import ExifTool
from tests.media.processes import children_of, is_running, wait_for_end

ROOT = Path(__file__).parents[2]
MakeTool = Callable[..., ExifTool]


@pytest.fixture
def make_tool() -> Iterator[MakeTool]:
    """Makes tools that end with the test."""
    tools: list[ExifTool] = []

    def make(**options: float) -> ExifTool:
        tools.append(ExifTool(**{"timeout": 10, **options}))  # type: ignore[arg-type]  # mypy takes all for floats
        return tools[-1]

    yield make
    for tool in tools:
        tool.close()


@pytest.fixture
def exiftool(make_tool: MakeTool) -> ExifTool:
    return make_tool()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    exif = Image.Exif()
    exif[0x10F] = "Camera maker"
    Image.new("RGB", (30, 20)).save(tmp_path / "a.jpg", exif=exif)
    return tmp_path / "a.jpg"


def pids_of(tool: ExifTool) -> list[int]:
    """The exiftools that have nothing to do; other tests may have some open in this process."""
    return [process.program._process.pid for process in tool._idle]


def test_it_answers_by_name(exiftool: ExifTool, picture: Path) -> None:
    tags = exiftool.read(picture, ["Make", "ImageWidth#", "Model"])
    assert tags["Make"] == "Camera maker"
    assert tags["ImageWidth"] == 30
    assert "Model" not in tags


def test_it_is_started_once(exiftool: ExifTool, picture: Path) -> None:
    exiftool.read(picture, ["Make"])
    first = pids_of(exiftool)
    exiftool.read(picture, ["Make"])
    assert pids_of(exiftool) == first
    assert len(first) == 1


def test_threads_that_ask_at_once_have_one_each(exiftool: ExifTool, picture: Path) -> None:
    together = Barrier(3)

    def ask(number: int) -> None:
        together.wait()
        for _ in range(20):
            exiftool.read(picture, ["Make"])

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(ask, range(3)))
    assert 2 <= len(pids_of(exiftool)) <= 3
    # Those threads are gone, and what they started with them.
    assert exiftool.read(picture, ["Make"])["Make"] == "Camera maker"


def test_it_is_replaced_after_so_many_questions(make_tool: MakeTool, picture: Path) -> None:
    exiftool = make_tool(questions=3)
    seen = []
    for _ in range(4):
        exiftool.read(picture, ["Make"])
        seen.append(pids_of(exiftool))
    assert seen[0] == seen[1]
    assert seen[2] == []
    assert seen[3] != seen[0]


def test_it_ends_when_nobody_asks(make_tool: MakeTool, picture: Path) -> None:
    exiftool = make_tool(idle_seconds=0.2)
    exiftool.read(picture, ["Make"])
    assert wait_for_end(pids_of(exiftool)) == []
    assert exiftool.read(picture, ["Make"])["Make"] == "Camera maker"


def test_it_comes_back_when_it_was_killed(exiftool: ExifTool, picture: Path) -> None:
    exiftool.read(picture, ["Make"])
    first = pids_of(exiftool)
    os.kill(first[0], signal.SIGKILL)
    assert wait_for_end(first) == []
    assert exiftool.read(picture, ["Make"])["Make"] == "Camera maker"


def test_one_that_hangs_is_stopped_and_comes_back(exiftool: ExifTool, picture: Path) -> None:
    exiftool.read(picture, ["Make"])
    stuck = pids_of(exiftool)
    os.kill(stuck[0], signal.SIGSTOP)
    exiftool._timeout = 0.3
    with pytest.raises(ToolTimeout):
        exiftool.read(picture, ["Make"])
    assert wait_for_end(stuck) == []
    exiftool._timeout = 10
    assert exiftool.read(picture, ["Make"])["Make"] == "Camera maker"


def test_it_has_no_network_and_little_memory(exiftool: ExifTool, picture: Path) -> None:
    exiftool.read(picture, ["Make"])
    process = Path("/proc") / str(pids_of(exiftool)[0])
    assert "Seccomp:\t2" in (process / "status").read_text()
    limits = (process / "limits").read_text()
    address_space = next(line for line in limits.splitlines() if line.startswith("Max address space"))
    assert int(address_space.split()[3]) < 2 << 30


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


def test_it_ends_with_a_process_that_was_killed(picture: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from media.exiftool import exiftool;"
        "exiftool.read(Path(sys.argv[1]), ['Make']); print('ready', flush=True); time.sleep(100)"
    )
    with subprocess.Popen([sys.executable, "-c", code, picture], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        below = list(children_of(process.pid))
        assert below
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert wait_for_end(below) == []


def test_it_ends_with_a_process_that_ends(picture: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from media.exiftool import exiftool;"
        "exiftool.read(Path(sys.argv[1]), ['Make']); print('ready', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, picture], cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        below = list(children_of(process.pid))
        process.stdin.close()
        assert process.wait(10) == 0
    assert below
    assert wait_for_end(below) == []


def test_it_ends_when_it_is_closed(exiftool: ExifTool, picture: Path) -> None:
    exiftool.read(picture, ["Make"])
    pids = pids_of(exiftool)
    exiftool.close()
    assert wait_for_end(pids) == []


def test_a_fork_starts_its_own(exiftool: ExifTool, picture: Path) -> None:
    exiftool.read(picture, ["Make"])
    parents = pids_of(exiftool)[0]
    child = os.fork()
    if child == 0:
        right = exiftool.read(picture, ["Make"])["Make"] == "Camera maker" and is_running(parents)
        exiftool.close()
        os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert exiftool.read(picture, ["Make"])["Make"] == "Camera maker"
    assert pids_of(exiftool) == [parents]


TEXTS = [
    "a", "", "a\nb\r\nc", '<b>&amp; "quoted"', "1.50", "-o /etc/passwd", "\u00e4\U0001f600", "#[CSTR]\\n", "a\t b"
]


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_written_is_read_again(exiftool: ExifTool, tmp_path: Path, text: str) -> None:
    exiftool.write(tmp_path / "a.xmp", {"XMP-dc:Description": text, "XMP-xmp:Rating": "3"})
    tags = exiftool.read(tmp_path / "a.xmp", ["Description", "Rating"])
    assert (tags["Description"], tags["Rating"]) == (text, 3)


def test_writing_leaves_the_base_and_keeps_what_it_says(exiftool: ExifTool, tmp_path: Path) -> None:
    base, output = tmp_path / "base.xmp", tmp_path / "output.xmp"
    exiftool.write(base, {"XMP-dc:Creator": "Somebody", "XMP-xmp:Rating": "1"})
    before = base.read_bytes()
    exiftool.write(output, {"XMP-xmp:Rating": "5"}, base)
    assert base.read_bytes() == before
    tags = exiftool.read(output, ["Creator", "Rating"])
    assert "Somebody" in tags["Creator"]
    assert tags["Rating"] == 5


def test_what_cannot_be_written_tells_why(exiftool: ExifTool, tmp_path: Path) -> None:
    base = tmp_path / "base.xmp"
    exiftool.write(base, {"XMP-dc:Creator": "Somebody"})
    base.write_bytes(base.read_bytes()[:250])
    with pytest.raises(ToolFailed, match="XMP"):
        exiftool.write(tmp_path / "output.xmp", {"XMP-xmp:Rating": "5"}, base)
    assert not (tmp_path / "output.xmp").exists()
