"""The checks at start that the media locations are the ones that hold the library."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time_ns

from errors import MountCheckFailed
from storage.backend import MOUNT_FILE
from storage.core import StorageFolder
from storage.location import MediaLocation


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What the check of one location gave; `sentence` is for its owner and holds no secret."""

    location: str
    ok: bool
    sentence: str
    seconds: float


def probe(location: MediaLocation, check: Callable[[], object]) -> ProbeResult:
    """Run a check that raises MountCheckFailed, such as `backend.probe`, and tell what it gave."""
    begun = monotonic()
    try:
        check()
    except MountCheckFailed as error:
        return ProbeResult(location.root, ok=False, sentence=str(error), seconds=monotonic() - begun)
    sentence = "A test object was written, read and deleted."
    return ProbeResult(location.root, ok=True, sentence=sentence, seconds=monotonic() - begun)


def check_folders(root: Path, checked: Mapping[str, bool]) -> dict[str, bool]:
    """Check the file `.immich` in each managed folder, as Immich does; the flags to keep for next time.

    `checked` tells for which folders the file was made before (Immich's `mountChecks`). Where it
    was not, folder and file are made; from then on the file must be there, and is written
    again at every start: a missing file means that another disk, or none, is mounted.

    Raises MountCheckFailed.
    """
    for folder in StorageFolder:
        file = root / folder / MOUNT_FILE
        if not checked.get(folder):
            _make(file)
        _rewrite(file)
    return {**checked, **{folder.value: True for folder in StorageFolder}}


def _make(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), file.open("x") as new:
            new.write(_now())
    except OSError as error:
        raise MountCheckFailed(
            f"The folder {file.parent} cannot be written to ({error.strerror}):"
            " give it to the user that runs the server."
        ) from error


def _rewrite(file: Path) -> None:
    # Exactly the modes that a library on a broken mount fails with: read, and write without creating.
    try:
        file.read_bytes()
        handle = os.open(file, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
        with os.fdopen(handle, "w") as again:
            again.write(_now())
    except FileNotFoundError:
        raise MountCheckFailed(
            f"The folder {file.parent} has no file {MOUNT_FILE}, so it may not be the one that holds the library:"
            f" mount the right folder there, or make an empty {file} if it is the right one."
        ) from None
    except OSError as error:
        raise MountCheckFailed(
            f"The file {file} cannot be read and written ({error.strerror}):"
            " give it to the user that runs the server, or mount its disk writable."
        ) from error


def _now() -> str:
    return str(time_ns() // 1_000_000)
