"""exiftool, kept open: what files say about themselves, and what sidecars are made to say."""

import atexit
import json
import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from threading import Lock, Timer
from time import monotonic
from typing import Any

from errors import MediaError, ToolFailed
from media import confined
from media.tools import KeptOpen, run
from media.workbench import Limits

_ANSWER_LIMIT = 32 * 1024 * 1024
_READY = b"{ready}\n"
_WRITE_SECONDS = 30.0

_EXIFTOOL = ("exiftool", "-config", "", "-stay_open", "True", "-@", "-")
# The CPU seconds are those of all its questions together.
_LIMITS = Limits(cpu_seconds=600, memory=1024**3, file_bytes=64 * 1024**2)
_READING = ("-j", "-api", "LargeFileSupport=1", "-api", "QuickTimeUTC=1")
# Values are told with HTML's escapes, as an argument is a line.
_WRITING = ("-E", "-m")


class ExifTool:
    """exiftool, one process for each thread that asks at the same time, shared by all threads.

    A process is started when needed and kept for the next question. It is confined, and replaced when
    it has died, was stopped after `timeout` seconds or has answered `questions`; it ends after
    `idle_seconds` without any, and with the thread that started it, even by kill -9.
    """

    def __init__(self, *, timeout: float = 30, idle_seconds: float = 60, questions: int = 1000) -> None:
        self._timeout = timeout
        self._idle_seconds = idle_seconds
        self._questions = questions
        self._guard = Lock()
        self._idle: list[_Process] = []
        self._owner = os.getpid()
        self._timer: Timer | None = None
        atexit.register(self.close)

    def read(self, path: Path, tags: Sequence[str]) -> Mapping[str, Any]:
        """The tags of a file by name (`Make`; `ISO#` asks for a number), absent ones left out.

        Raises ToolFailed, ToolTimeout, and MediaError for a path that exiftool cannot be told.
        """
        return _only_entry(self._ask([*_READING, *(f"-{tag}" for tag in tags), _told(path)]))

    def write(self, output: Path, values: Mapping[str, str], base: Path | None = None) -> None:
        """Makes a new XMP file that says what `base` says, and these values by tag (`XMP-dc:Description`).

        An empty value is written as such, not left out. `base` is not changed. Raises as `read` does,
        and ToolFailed where `base` is no XMP.
        """
        values_told = [f"-{tag}={escape(value)}" if value else f"-{tag}^=" for tag, value in values.items()]
        lines = [*_WRITING, *(line.replace("\r", "&#xd;").replace("\n", "&#xa;") for line in values_told)]
        files = [_told(output)] if base is None else ["-o", _told(output), _told(base)]
        self._ask([*lines, *files])
        if not output.exists():
            _tell_why([*lines, *files])

    def close(self) -> None:
        """Ends every process that has nothing to do; the next question starts one again."""
        with self._guard:
            self._end_those_idle_for(0)

    def _ask(self, lines: Sequence[str]) -> bytes:
        question = os.fsencode("\n".join([*lines, "-execute", ""]))
        try:
            return self._answer_of(self._take(), question)
        except ToolFailed:
            # It may have died of something else.
            return self._answer_of(_start(), question)

    def _answer_of(self, process: "_Process", question: bytes) -> bytes:
        answer = None
        try:
            answer = process.program.ask(question, until=_READY, timeout=self._timeout, at_most=_ANSWER_LIMIT)
        finally:
            if answer is None:
                process.program.end()
            else:
                self._give_back(process)
        return answer

    def _take(self) -> "_Process":
        with self._guard:
            if self._owner != os.getpid():
                # Those that are idle belong to the process that we were forked from; so does the timer.
                self._end_those_idle_for(0)
                self._owner, self._timer = os.getpid(), None
            # The last one to have worked: the others may end.
            while self._idle:
                process = self._idle.pop()
                if process.program.is_running:
                    return process
                process.program.end()
        return _start()

    def _give_back(self, process: "_Process") -> None:
        process.asked += 1
        process.idle_since = monotonic()
        if process.asked >= self._questions:
            process.program.end()
            return
        with self._guard:
            self._idle.append(process)
            if self._timer is None:
                self._look_again_in(self._idle_seconds)

    def _look_again_in(self, seconds: float) -> None:
        self._timer = Timer(seconds, self._end_idle)
        self._timer.daemon = True
        self._timer.start()

    def _end_idle(self) -> None:
        with self._guard:
            self._end_those_idle_for(self._idle_seconds)
            self._timer = None
            if self._idle:
                self._look_again_in(self._idle[0].idle_since + self._idle_seconds - monotonic())

    def _end_those_idle_for(self, seconds: float) -> None:
        now = monotonic()
        ending = [process for process in self._idle if now - process.idle_since >= seconds]
        self._idle = [process for process in self._idle if process not in ending]
        for process in ending:
            process.program.end()


class _Process:
    """One exiftool, and what the pool knows of it."""

    def __init__(self, program: KeptOpen) -> None:
        self.program = program
        self.asked = 0
        self.idle_since = 0.0


def _start() -> _Process:
    return _Process(KeptOpen("exiftool", confined.command(_EXIFTOOL, _LIMITS, network=False)))


def _tell_why(arguments: Sequence[str]) -> None:
    """Asks once more, an exiftool of its own, which says what the trouble is: raises ToolFailed where there is one."""
    try:
        run(confined.command(("exiftool", "-config", "", *arguments), _LIMITS, network=False), timeout=_WRITE_SECONDS)
    except ToolFailed as error:
        raise ToolFailed("exiftool", error.code, error.stderr) from None


def _told(path: Path) -> str:
    """A path as a line; an absolute one starts with a slash, so it is never read as an option."""
    name = str(path.absolute())
    if "\n" in name or "\r" in name:
        raise MediaError("exiftool cannot be told a path with a line break")
    return name


def _only_entry(answer: bytes) -> Mapping[str, Any]:
    if not answer:
        raise ToolFailed("exiftool", 1, "it could not read the file")
    try:
        # What looks like a number may be a text (`1.50`), which has to stay as it is.
        entries = json.loads(answer.decode("utf-8", "replace"), parse_float=str)
    except ValueError:
        raise ToolFailed("exiftool", 1, "its answer is not JSON") from None
    entry: Mapping[str, Any] = entries[0]
    return entry


# Shared by all that read and write metadata in this process.
exiftool = ExifTool()
