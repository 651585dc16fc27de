"""Objects on local disk: the contract, and what only a file system can get wrong."""

import errno
import os
import resource
import signal
import stat
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from errors import (
    InvalidKey,
    MountCheckFailed,
    ObjectNotFound,
    StorageDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from storage.backend import INCOMING
from storage.local import LocalAppStorageBackend
from storage.types import StorageKey
from tests.contracts.storage import KEY, OTHER, StorageContract, keys, read

ANY_AGE = timedelta(seconds=-60)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    return folder


@pytest.fixture
def backend(root: Path) -> LocalAppStorageBackend:
    return LocalAppStorageBackend(root)


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


class TestLocalContract(StorageContract):
    """The contract on local disk."""


def test_an_object_is_the_file_at_its_key(backend: LocalAppStorageBackend, root: Path) -> None:
    backend.put_object(KEY, b"bytes")
    assert backend.local_path(KEY) == root / KEY
    assert (root / KEY).read_bytes() == b"bytes"
    assert backend.presign(KEY, method="GET", lifetime=60) is None


def test_an_object_has_the_mode_of_an_ordinary_file(backend: LocalAppStorageBackend, root: Path) -> None:
    (root / "ordinary").touch()
    backend.put_object(KEY, b"bytes")
    assert stat.S_IMODE((root / KEY).stat().st_mode) == stat.S_IMODE((root / "ordinary").stat().st_mode)


def test_an_upload_is_a_rename_on_the_same_file_system(backend: LocalAppStorageBackend, root: Path) -> None:
    (root / "staged").write_bytes(b"bytes")
    inode = (root / "staged").stat().st_ino
    backend.upload_file(root / "staged", KEY)
    assert (root / KEY).stat().st_ino == inode
    assert not (root / "staged").exists()


def test_an_upload_from_another_file_system_is_copied_and_removed(
    backend: LocalAppStorageBackend, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "staged").write_bytes(b"bytes")
    replace = Path.replace

    def across(self: Path, target: Path) -> Path:
        if not self.name.startswith(INCOMING):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", across)
    backend.upload_file(tmp_path / "staged", KEY)
    assert files_below(root) == [KEY]
    assert read(backend, KEY) == b"bytes"
    assert not (tmp_path / "staged").exists()


def test_nothing_of_a_write_is_seen_before_its_end(backend: LocalAppStorageBackend, root: Path) -> None:
    with backend.write_stream(KEY) as file:
        file.write(b"half")
        assert not (root / KEY).exists()
        assert keys(backend) == []


def test_deleting_takes_empty_folders_along_up_to_the_first(backend: LocalAppStorageBackend, root: Path) -> None:
    backend.put_object(KEY, b"x")
    backend.put_object(OTHER, b"x")
    backend.delete_object(KEY)
    assert not (root / "upload/user/ab").exists()
    assert (root / OTHER).exists()
    backend.delete_object(OTHER)
    assert [path.name for path in root.iterdir()] == ["upload"]
    assert list((root / "upload").iterdir()) == []


def test_writes_and_deletes_in_one_folder_do_not_disturb_each_other(
    backend: LocalAppStorageBackend, tmp_path: Path
) -> None:
    failures: list[StorageError] = []

    def churn(name: str) -> None:
        key = StorageKey(f"thumbs/u/ab/cd/{name}")
        try:
            for count in range(60):
                if count % 2:
                    (tmp_path / name).write_bytes(b"x")
                    backend.upload_file(tmp_path / name, key)
                else:
                    backend.put_object(key, b"x")
                backend.delete_object(key)
        except StorageError as error:
            failures.append(error)

    threads = [threading.Thread(target=churn, args=(name,)) for name in ("one", "two", "three")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_folder_that_others_make_and_remove_meanwhile_is_made_again(
    backend: LocalAppStorageBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: list[Path] = []
    mkdir = Path.mkdir

    def meet(folder: Path) -> None:
        met.append(folder)
        if len(met) == 2:
            raise FileExistsError(folder)
        mkdir(folder)

    monkeypatch.setattr(Path, "mkdir", meet)
    backend.put_object(StorageKey("thumbs/u/x"), b"x")
    assert [folder.name for folder in met] == ["thumbs", "u", "u"]
    assert backend.exists(StorageKey("thumbs/u/x"))


def test_a_list_is_in_the_order_of_keys(backend: LocalAppStorageBackend) -> None:
    names = ["a/b/1", "a/b-c", "a/b.d", "a/b/0", "a/é", "a-b/1", "a.b"]
    for name in names:
        backend.put_object(StorageKey(name), b"x")
    assert keys(backend) == sorted(names, key=str.encode)


def test_a_list_leaves_out_names_that_cannot_be_keys(backend: LocalAppStorageBackend, root: Path) -> None:
    (root / "upload").mkdir()
    for name in (b"back\\slash", b"new\nline", b"not-utf8-\xff", b"good"):
        Path(os.fsdecode(os.fsencode(root / "upload") + b"/" + name)).touch()
    assert keys(backend) == ["upload/good"]


def test_a_managed_folder_may_lie_on_another_disk(
    backend: LocalAppStorageBackend, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "ssd").mkdir()
    (root / "thumbs").symlink_to(tmp_path / "ssd")
    key = StorageKey("thumbs/user/ab/cd/abcd.webp")
    backend.put_object(key, b"small")
    assert (tmp_path / "ssd/user/ab/cd/abcd.webp").read_bytes() == b"small"
    assert read(backend, key) == b"small"
    assert keys(backend) == keys(backend, "thumbs") == [key]
    backend.delete_object(key)
    assert list((tmp_path / "ssd").iterdir()) == []


def test_a_file_that_is_a_symbolic_link_is_no_object(
    backend: LocalAppStorageBackend, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "upload").mkdir()
    (root / "upload/link").symlink_to(tmp_path / "secret")
    key = StorageKey("upload/link")
    for ask in (backend.read_stream, backend.exists, backend.local_path, backend.delete_object):
        with pytest.raises(StorageDenied):
            ask(key)
    assert keys(backend) == []
    assert (tmp_path / "secret").read_bytes() == b"secret"


def test_a_circle_of_links_is_not_walked(backend: LocalAppStorageBackend, root: Path) -> None:
    backend.put_object(KEY, b"x")
    (root / "upload" / "again").symlink_to(root / "upload")
    assert keys(backend) == [KEY]


def test_writing_over_a_symbolic_link_replaces_the_link(
    backend: LocalAppStorageBackend, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").write_bytes(b"theirs")
    (root / "link").symlink_to(tmp_path / "outside")
    backend.put_object(StorageKey("link"), b"ours")
    assert (tmp_path / "outside").read_bytes() == b"theirs"
    assert read(backend, StorageKey("link")) == b"ours"


def test_a_vanished_root_is_never_an_absent_object(backend: LocalAppStorageBackend, root: Path) -> None:
    root.rmdir()
    with pytest.raises(StorageUnavailable):
        backend.exists(KEY)
    with pytest.raises(StorageUnavailable):
        backend.delete_object(KEY)
    with pytest.raises(StorageUnavailable):
        keys(backend)
    with pytest.raises(StorageUnavailable):
        backend.put_object(KEY, b"x")
    assert not root.exists()


def test_an_object_below_an_object_is_refused(backend: LocalAppStorageBackend) -> None:
    backend.put_object(StorageKey("upload/a"), b"x")
    with pytest.raises(StorageError, match="below another object"):
        backend.put_object(StorageKey("upload/a/b"), b"x")
    with pytest.raises(StorageError, match="folder"):
        backend.put_object(StorageKey("upload"), b"x")
    assert not backend.exists(StorageKey("upload/a/b"))


def test_names_that_no_file_can_have_are_invalid_keys(backend: LocalAppStorageBackend) -> None:
    with pytest.raises(InvalidKey):
        backend.put_object(StorageKey("upload/" + "x" * 256), b"x")
    with pytest.raises(InvalidKey):
        backend.put_object(StorageKey(f"upload/{INCOMING}x"), b"x")


def test_a_full_disk_is_told_and_leaves_nothing(
    backend: LocalAppStorageBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull):
        backend.put_object(KEY, b"x")
    assert files_below(root) == []


@pytest.fixture
def small_files() -> Iterator[None]:
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.usefixtures("small_files")
def test_a_write_that_the_system_breaks_off_fails_as_a_storage_error(
    backend: LocalAppStorageBackend, root: Path
) -> None:
    with pytest.raises(StorageUnavailable), backend.write_stream(KEY) as file:
        file.write(b"x" * 100_000)
    assert files_below(root) == []


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.EDQUOT, StorageFull),
        (errno.EACCES, StorageDenied),
        (errno.EROFS, StorageDenied),
        (errno.EIO, StorageUnavailable),
        (errno.ESTALE, StorageUnavailable),
    ],
)
def test_the_systems_errors_become_ours(
    backend: LocalAppStorageBackend, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[StorageError]
) -> None:
    backend.put_object(KEY, b"x")

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "lstat", fail)
    with pytest.raises(expected):
        backend.exists(KEY)


def test_stale_writes_are_removed_by_age_and_objects_are_not(backend: LocalAppStorageBackend, root: Path) -> None:
    backend.put_object(KEY, b"x")
    left = (root / KEY).parent / f"{INCOMING}left"
    left.write_bytes(b"half")
    assert backend.abort_stale_uploads(timedelta(hours=1)) == 0
    assert backend.abort_stale_uploads(ANY_AGE) == 1
    assert files_below(root) == [KEY]


def test_a_failing_block_keeps_its_own_error(backend: LocalAppStorageBackend) -> None:
    with pytest.raises(ConnectionResetError), backend.write_stream(KEY):
        raise ConnectionResetError("the client is gone")


def test_a_probe_of_a_missing_folder_names_it(backend: LocalAppStorageBackend, root: Path) -> None:
    root.rmdir()
    with pytest.raises(MountCheckFailed, match=str(root)):
        backend.probe()


def test_a_moved_objects_folders_go_where_they_are_empty(backend: LocalAppStorageBackend, root: Path) -> None:
    backend.put_object(KEY, b"x")
    backend.move_object(KEY, OTHER)
    assert not (root / "upload/user/ab").exists()
    with pytest.raises(ObjectNotFound):
        backend.move_object(KEY, OTHER)
    assert read(backend, OTHER) == b"x"
