"""Staged files: private, hashed while written, and gone with their process, however it ends."""

import errno
import hashlib
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from config import MediaKind
from errors import ObjectNotFound, StorageFull, StorageUnavailable
from media.staging import Digest, Staging, digest_of
from storage import core
from storage.service import AppStorageService

ROOT = Path(__file__).parents[2]
DATA = bytes(range(256)) * 8192  # 2 MiB
# Stages a file, says where, and waits to be told to end.
CHILD = """
import sys
from pathlib import Path
from media.staging import Staging
staging = Staging(Path(sys.argv[1]), 0)
with staging.new_file() as staged:
    staged.write(b"unfinished")
    print(staged.path, flush=True)
    sys.stdin.read()
staging.close()
"""


@contextmanager
def other_process(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", Path]]:
    """A process that holds a staged file in the folder, and the path of that file."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, folder], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.name != "lock")


def test_a_staged_file_knows_its_size_and_hashes(staging: Staging) -> None:
    with staging.new_file(".jpg") as staged:
        for start in range(0, len(DATA), 100_000):
            staged.write(memoryview(DATA)[start : start + 100_000])
        assert staged.path.read_bytes() == DATA
        digest = staged.digest
    assert digest == Digest(len(DATA), hashlib.sha1(DATA).digest(), zlib.crc32(DATA))


def test_a_staged_file_is_private(staging: Staging) -> None:
    with staging.new_file() as staged:
        # The folder keeps others out; the file itself may become an original that a web server reads.
        assert stat.S_IMODE(staged.path.stat().st_mode) & 0o400
        assert stat.S_IMODE(staged.path.parent.stat().st_mode) == 0o700


def test_a_staged_file_is_gone_after_its_block(staging: Staging, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), staging.new_file() as staged:
        staged.write(bytes(1 // staged.size))
    assert files_in(tmp_path) == []


def test_a_staged_file_may_be_moved_away(staging: Staging, tmp_path: Path) -> None:
    with staging.new_file() as staged:
        staged.write(b"kept")
        staged.path.rename(tmp_path / "kept")
    assert (tmp_path / "kept").read_bytes() == b"kept"


@pytest.mark.parametrize("suffix", ["/../../evil", ".j/pg", ".", "jpg", ".\0", ".jpg\n", "." + "a" * 300])
def test_a_strange_suffix_is_left_out(staging: Staging, suffix: str) -> None:
    with staging.new_file(suffix) as staged:
        assert staged.path.suffix == ""


def test_a_full_disk_is_told_as_such(staging: Staging, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*args: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageFull), staging.new_file() as staged:
        staged.write(b"x")
    assert files_in(tmp_path) == []


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(DATA)
    assert digest_of(tmp_path / "file") == Digest(len(DATA), hashlib.sha1(DATA).digest(), zlib.crc32(DATA))


def test_the_folder_of_a_killed_process_is_swept(tmp_path: Path) -> None:
    with other_process(tmp_path) as (process, staged):
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert staged.exists()
        staging = Staging(tmp_path, 0)
        assert not staged.parent.exists()
        assert staging.sweep() == 0


def test_the_folder_of_a_live_process_is_left_alone(tmp_path: Path) -> None:
    with other_process(tmp_path) as (process, staged):
        staging = Staging(tmp_path, 0)
        assert staging.sweep() == 0
        assert staged.read_bytes() == b"unfinished"
        process.communicate("end")
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_leaves_the_own_files_alone(staging: Staging) -> None:
    with staging.new_file() as staged:
        staging.sweep()
        assert staged.path.exists()


def test_a_process_killed_before_it_locked_its_folder_is_swept_too(tmp_path: Path) -> None:
    (tmp_path / f"bucketroll-{'0' * 32}").mkdir()
    assert Staging(tmp_path, 0).sweep() == 0
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_swept_that_is_not_ours(tmp_path: Path) -> None:
    """Whoever points the staging location at the wrong folder loses nothing by it."""
    others = [tmp_path / name for name in ("2024", "originals", "0" * 32, "bucketroll", "bucketroll-2024")]
    for folder in others:
        folder.mkdir()
        (folder / "photo.jpg").write_bytes(DATA)
        (folder / "lock").touch()
    staging = Staging(tmp_path, 1000)
    assert staging.sweep() == 0
    staging.close()
    assert [(folder / "photo.jpg").read_bytes() for folder in others] == [DATA] * len(others)


def test_processes_that_start_at_once_do_not_sweep_each_other(tmp_path: Path) -> None:
    lost = []

    def start() -> None:
        for _ in range(40):
            staging = Staging(tmp_path, 0)
            with staging.new_file() as staged:
                Staging(tmp_path, 0).sweep()
                if not staged.path.exists():
                    lost.append(staged.path)
            staging.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == []
    assert list(tmp_path.iterdir()) == []


def test_a_fork_gets_a_folder_of_its_own_and_takes_only_that_away(staging: Staging) -> None:
    def child(pipe: "multiprocessing.connection.Connection") -> None:
        with staging.new_file() as own:
            pipe.send(own.path)
        staging.close()

    here, there = multiprocessing.Pipe()
    with staging.new_file() as staged:
        process = multiprocessing.get_context("fork").Process(target=child, args=(there,))
        process.start()
        childs: Path = here.recv()
        process.join()
        assert childs.parent != staged.path.parent
        assert not childs.parent.exists()
        assert staged.path.exists()
        assert Staging(staged.path.parent.parent, 0).sweep() == 0
        assert staged.path.exists()


def test_closing_removes_everything_and_may_be_followed_by_more(tmp_path: Path) -> None:
    staging = Staging(tmp_path, 0)
    staging.new_path().write_bytes(b"left over")
    staging.close()
    assert list(tmp_path.iterdir()) == []
    with staging.new_file() as staged:
        assert staged.path.exists()
    staging.close()


def test_what_lies_on_local_disk_is_not_copied(
    staging: Staging, local_storage: AppStorageService, media_folder: Path, tmp_path: Path
) -> None:
    (media_folder / "a.jpg").write_bytes(DATA)
    with staging.stage_to_temp(local_storage, f"{media_folder}/a.jpg") as source:
        assert source == media_folder / "a.jpg"
    assert files_in(tmp_path) == ["a.jpg"]


def test_what_lies_elsewhere_is_copied_for_the_block(
    staging: Staging, remote_storage: AppStorageService, media_folder: Path, tmp_path: Path
) -> None:
    (media_folder / "a.jpg").write_bytes(DATA)
    with staging.stage_to_temp(remote_storage, f"{media_folder}/a.jpg") as source:
        assert media_folder not in source.parents
        assert (source.read_bytes(), source.suffix) == (DATA, ".jpg")
    assert files_in(tmp_path) == ["a.jpg"]


@pytest.mark.parametrize("storage", ["local_storage", "remote_storage"])
def test_staging_what_is_not_there_leaves_nothing(
    staging: Staging, storage: str, media_folder: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    service: AppStorageService = request.getfixturevalue(storage)
    with pytest.raises(ObjectNotFound), staging.stage_to_temp(service, f"{media_folder}/a.jpg"):
        pass
    assert files_in(tmp_path) == []


def test_an_unmounted_folder_is_not_taken_for_a_lost_object(
    staging: Staging, local_storage: AppStorageService, media_folder: Path
) -> None:
    media_folder.rmdir()
    with (
        pytest.raises(StorageUnavailable),
        staging.stage_to_temp(local_storage, f"{media_folder}/a.jpg"),
    ):
        pass


def test_an_output_is_uploaded_when_its_block_ends(
    staging: Staging, remote_storage: AppStorageService, media_folder: Path, tmp_path: Path
) -> None:
    with staging.upload_from_temp(remote_storage, f"{media_folder}/thumbs/a.webp") as output:
        output.path.write_bytes(DATA)
        assert files_in(media_folder) == []
    assert (media_folder / "thumbs/a.webp").read_bytes() == DATA
    assert output.digest == Digest(len(DATA), hashlib.sha1(DATA).digest(), zlib.crc32(DATA))
    assert files_in(tmp_path) == ["a.webp"]


def test_an_error_uploads_nothing(
    staging: Staging, remote_storage: AppStorageService, media_folder: Path, tmp_path: Path
) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        staging.upload_from_temp(remote_storage, f"{media_folder}/a.webp") as output,
    ):
        output.path.write_bytes(bytes(1 // len(files_in(media_folder))))
    assert files_in(tmp_path) == []


def test_what_is_there_already_is_given_without_a_read_of_the_store(
    local_storage: AppStorageService, remote_storage: AppStorageService, tmp_path: Path
) -> None:
    staging = Staging(tmp_path / "staging", 1000)
    path = local_storage.new_path(core.original_key(uuid4(), ".mov"), MediaKind.ORIGINALS)
    local_storage.put_object(path, b"video")
    with staging.if_staged(local_storage, path) as local:
        assert local == Path(path)
    with staging.if_staged(remote_storage, path) as nothing:
        assert nothing is None
    (tmp_path / "received").write_bytes(b"video")
    staging.seed(remote_storage, path, tmp_path / "received", 5)
    local_storage.delete(path)
    with staging.if_staged(remote_storage, path) as copy:
        assert copy is not None
        assert copy.read_bytes() == b"video"


def test_what_is_large_is_not_staged_by_the_way(
    local_storage: AppStorageService, remote_storage: AppStorageService, tmp_path: Path
) -> None:
    staging = Staging(tmp_path / "staging", 16 * 100)
    for size in (100, 101):
        path = local_storage.new_path(core.original_key(uuid4(), ".mov"), MediaKind.ORIGINALS)
        local_storage.put_object(path, bytes(size))
        with staging.stage_if_small(local_storage, path) as local:
            assert local == Path(path)
        with staging.stage_if_small(remote_storage, path) as copy:
            assert (copy is not None) == (size == 100)
        with staging.stage_to_temp(remote_storage, path), staging.stage_if_small(remote_storage, path) as copy:
            assert copy is not None
