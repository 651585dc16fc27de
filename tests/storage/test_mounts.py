"""Mount checks: what is wrong is said in one sentence, before any object is lost."""

from pathlib import Path

import pytest

from errors import MountCheckFailed
from storage.core import StorageFolder
from storage.local import LocalAppStorageBackend
from storage.location import MediaLocation
from storage.mounts import check_folders, probe

ALL = {folder.value: True for folder in StorageFolder}


def test_the_first_start_makes_every_folder_and_its_file(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "media"
    assert check_folders(root, {}) == ALL
    for folder in StorageFolder:
        assert (root / folder / ".immich").read_text().isdigit()


def test_later_starts_write_the_files_again(tmp_path: Path) -> None:
    flags = check_folders(tmp_path, {})
    for folder in StorageFolder:
        (tmp_path / folder / ".immich").write_text("old")
    assert check_folders(tmp_path, flags) == ALL
    assert all((tmp_path / folder / ".immich").read_text() != "old" for folder in StorageFolder)


def test_a_file_that_is_there_already_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "upload").mkdir()
    (tmp_path / "upload/.immich").write_text("1700000000000")
    assert check_folders(tmp_path, {}) == ALL


def test_other_flags_are_kept(tmp_path: Path) -> None:
    assert check_folders(tmp_path, {"other": False}) == {**ALL, "other": False}


@pytest.mark.parametrize("folder", list(StorageFolder))
def test_a_missing_file_stops_and_makes_nothing(tmp_path: Path, folder: StorageFolder) -> None:
    flags = check_folders(tmp_path, {})
    (tmp_path / folder / ".immich").unlink()
    with pytest.raises(MountCheckFailed, match=f"{tmp_path / folder} has no file .immich") as caught:
        check_folders(tmp_path, flags)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / folder / ".immich").exists()


def test_a_missing_root_stops_and_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(MountCheckFailed, match=r"has no file \.immich"):
        check_folders(tmp_path / "gone", ALL)
    assert not (tmp_path / "gone").exists()


def test_what_is_no_folder_or_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "upload").write_text("")
    with pytest.raises(MountCheckFailed, match=str(tmp_path / "upload")):
        check_folders(tmp_path, {})
    (tmp_path / "upload").unlink()
    flags = check_folders(tmp_path, {})
    (tmp_path / "upload/.immich").unlink()
    (tmp_path / "upload/.immich").mkdir()
    with pytest.raises(MountCheckFailed, match="cannot be read and written"):
        check_folders(tmp_path, flags)


def test_a_probe_result_tells_both_ways(tmp_path: Path) -> None:
    location = MediaLocation.local(tmp_path)
    good = probe(location, LocalAppStorageBackend(tmp_path).probe)
    assert (good.ok, good.location) == (True, str(tmp_path))
    bad = probe(location, LocalAppStorageBackend(tmp_path / "gone").probe)
    assert not bad.ok
    assert str(tmp_path / "gone") in bad.sentence
    assert bad.seconds >= 0
