"""The thumbnail job: two pictures and a hash, once or twice over, and no orphan in any case."""

import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from PIL import Image
from sqlalchemy import delete, func, select, update

from errors import DecoderDied, StorageUnavailable, UnsupportedMedia
from media import images
from media.staging import CACHE_FOLDER, digest_of
from models.assets import Asset, AssetFile, AssetFileType, AssetVisibility
from models.objects import PendingObject, StoredObject
from services import objects, thumbnails
from services.assets import details_of, has_thumbnails
from services.system import System
from storage.backend import ReadStream
from storage.service import AppStorageService
from tests.media import tasks
from tests.media.pictures import photo, save
from tests.services.pictures import picture, upload
from tests.systems import Person, on_every_database

ROOT = Path(__file__).parents[2]


def files_of(system: System, asset_id: UUID) -> dict[AssetFileType, tuple[AssetFile, StoredObject]]:
    with system.database.read() as session:
        rows = session.execute(
            select(AssetFile, StoredObject)
            .join(StoredObject, StoredObject.path == AssetFile.path)
            .where(AssetFile.asset_id == asset_id)
        )
        return {row[0].type: (row[0], row[1]) for row in rows}


def asset_of(system: System, asset_id: UUID) -> Asset:
    with system.database.read() as session:
        return session.get_one(Asset, asset_id)


def change(system: System, asset_id: UUID, **values: object) -> None:
    with system.database.write() as session:
        session.execute(update(Asset).where(Asset.id == asset_id).values(**values))


def remove(system: System, asset_id: UUID) -> None:
    """What the delete job does: rows first, objects after."""
    with system.database.write() as session:
        paths = [session.get_one(Asset, asset_id).original_path]
        paths += session.scalars(select(AssetFile.path).where(AssetFile.asset_id == asset_id))
        objects.disown(session, paths)
        session.execute(delete(Asset).where(Asset.id == asset_id))
    objects.remove_disowned(system, paths)


def stored_paths(system: System) -> list[str]:
    """Every object in every mount, by stored path."""
    return [
        location.path_of(key) for location, backend in system.storage.mounts for key, _ in backend.list_keys()
    ]


def announcements(system: System) -> int:
    with system.database.read() as session:
        return session.scalar(select(func.count()).select_from(PendingObject)) or 0


def test_an_upload_gets_its_pictures(system: System, admin: Person, tmp_path: Path) -> None:
    asset_id = upload(system, admin, picture(tmp_path, size=(1800, 1500)))
    thumbnails.generate_thumbnails(system, asset_id)
    files = files_of(system, asset_id)
    assert files.keys() == {AssetFileType.PREVIEW, AssetFileType.THUMBNAIL}
    for kind, form, size in (("preview", "JPEG", (1728, 1440)), ("thumbnail", "WEBP", (300, 250))):
        file, stored = files[AssetFileType(kind)]
        with system.storage.read_stream(file.path) as stream:
            data = stream.read()
        (tmp_path / "back").write_bytes(data)
        digest = digest_of(tmp_path / "back")
        assert (stored.size, stored.sha1, stored.crc32) == (digest.size, digest.sha1, digest.crc32)
        assert (stored.kind, stored.owner_id) == ("thumbnails", admin.id)
        shown = Image.open(io.BytesIO(data))
        assert (shown.format, shown.size) == (form, size)
    assert asset_of(system, asset_id).thumbhash
    assert announcements(system) == 0


def test_the_files_lie_where_immich_puts_them(system: System, admin: Person, tmp_path: Path) -> None:
    asset_id = upload(system, admin, picture(tmp_path))
    thumbnails.generate_thumbnails(system, asset_id)
    name = str(asset_id)
    s3 = system.settings.s3
    root = system.settings.media_location if s3 is None else f"s3://{s3.bucket}/{s3.prefix}"
    folder = f"{root}/thumbs/{admin.id}/{name[:2]}/{name[2:4]}"
    paths = {file.path for file, _ in files_of(system, asset_id).values()}
    assert paths == {f"{folder}/{name}_preview.jpeg", f"{folder}/{name}_thumbnail.webp"}


def test_twice_is_as_good_as_once(system: System, admin: Person, tmp_path: Path) -> None:
    asset_id = upload(system, admin, picture(tmp_path))
    thumbnails.generate_thumbnails(system, asset_id)
    once, objects_once = files_of(system, asset_id), stored_paths(system)
    thumbnails.generate_thumbnails(system, asset_id)
    twice = files_of(system, asset_id)
    assert {kind: row[1].sha1 for kind, row in once.items()} == {kind: row[1].sha1 for kind, row in twice.items()}
    assert {row[0].id for row in once.values()} == {row[0].id for row in twice.values()}
    assert stored_paths(system) == objects_once
    assert announcements(system) == 0


def test_the_original_is_read_once(
    system: System, admin: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    real = AppStorageService.read_stream

    def counted(self: AppStorageService, path: str) -> ReadStream:
        reads.append(path)
        return real(self, path)

    monkeypatch.setattr(AppStorageService, "read_stream", counted)
    asset_id = upload(system, admin, picture(tmp_path))
    path = asset_of(system, asset_id).original_path
    system.staging.forget(path)
    thumbnails.generate_thumbnails(system, asset_id)
    assert reads == ([] if system.storage.local_path(path) else [path])


@pytest.mark.parametrize("broken_at", ["upload", "commit"])
def test_after_a_failure_another_attempt_finishes(
    system: System, admin: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken_at: str
) -> None:
    asset_id = upload(system, admin, picture(tmp_path))

    def fail(*args: object, **kwargs: object) -> None:
        raise StorageUnavailable("gone")

    with monkeypatch.context() as patch:
        if broken_at == "upload":
            patch.setattr(AppStorageService, "upload_file", fail)
        else:
            patch.setattr(thumbnails, "_attach", fail)
        with pytest.raises(StorageUnavailable):
            thumbnails.generate_thumbnails(system, asset_id)
    assert files_of(system, asset_id) == {}
    assert announcements(system) == 2
    thumbnails.generate_thumbnails(system, asset_id)
    assert len(files_of(system, asset_id)) == 2
    assert announcements(system) == 0


@on_every_database
@pytest.mark.parametrize("already_made", [False, True])
def test_an_asset_that_is_deleted_meanwhile_leaves_no_orphan(
    system: System, admin: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, already_made: bool
) -> None:
    asset_id = upload(system, admin, picture(tmp_path))
    if already_made:
        thumbnails.generate_thumbnails(system, asset_id)
    real: Callable[..., None] = thumbnails._attach

    def delete_first(*args: object) -> None:
        remove(system, asset_id)
        real(*args)

    monkeypatch.setattr(thumbnails, "_attach", delete_first)
    thumbnails.generate_thumbnails(system, asset_id)
    assert stored_paths(system) == []
    assert announcements(system) == 0


def test_an_asset_that_is_deleted_while_its_pictures_are_made_leaves_no_orphan(
    system: System, admin: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset_id = upload(system, admin, picture(tmp_path))
    thumbnails.generate_thumbnails(system, asset_id)
    real = objects.announce_all

    def delete_after(*args: object) -> None:
        real(*args)  # type: ignore[arg-type]  # passed on as they came
        remove(system, asset_id)

    monkeypatch.setattr(objects, "announce_all", delete_after)
    thumbnails.generate_thumbnails(system, asset_id)
    assert stored_paths(system) == []
    assert announcements(system) == 0


def test_an_asset_that_is_gone_is_no_error(system: System) -> None:
    thumbnails.generate_thumbnails(system, uuid4())


def test_a_hidden_asset_gets_no_pictures(system: System, admin: Person, tmp_path: Path) -> None:
    asset_id = upload(system, admin, picture(tmp_path))
    change(system, asset_id, visibility=AssetVisibility.HIDDEN)
    assert not has_thumbnails(asset_of(system, asset_id))
    thumbnails.generate_thumbnails(system, asset_id)
    assert files_of(system, asset_id) == {}


def test_the_content_of_a_file_decides_and_not_its_name(system: System, admin: Person, tmp_path: Path) -> None:
    asset_id = upload(system, admin, picture(tmp_path).rename(tmp_path / "a.dng"))
    thumbnails.generate_thumbnails(system, asset_id)
    assert len(files_of(system, asset_id)) == 2


@pytest.mark.parametrize("wanted", [False, True])
def test_what_browsers_do_not_show_has_its_full_size_where_that_is_wanted(
    system: System, admin: Person, tmp_path: Path, wanted: bool
) -> None:
    system = replace(system, settings=replace(system.settings, fullsize_images=wanted))
    shown = upload(system, admin, picture(tmp_path, size=(1800, 1500)))
    other = upload(system, admin, save(photo((1800, 1500)), tmp_path / "a.heic"))
    for asset_id in (shown, other):
        thumbnails.generate_thumbnails(system, asset_id)
    assert AssetFileType.FULLSIZE not in files_of(system, shown)
    files = files_of(system, other)
    assert (AssetFileType.FULLSIZE in files) == wanted
    if wanted:
        with system.storage.read_stream(files[AssetFileType.FULLSIZE][0].path) as stream:
            full = Image.open(io.BytesIO(stream.read()))
        assert (full.format, full.size) == ("JPEG", (1800, 1500))
    assert announcements(system) == 0


def test_a_file_that_is_no_picture_leaves_nothing_behind(system: System, admin: Person, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture" * 100)
    asset_id = upload(system, admin, tmp_path / "a.jpg")
    with pytest.raises(UnsupportedMedia):
        thumbnails.generate_thumbnails(system, asset_id)
    assert stored_paths(system) == [asset_of(system, asset_id).original_path]
    assert announcements(system) == 0
    assert [file for file in system.settings.staging_location.rglob("*") if file.is_file()
            and file.name != "lock" and file.parent.name != CACHE_FOLDER] == []


def test_a_damaged_original_is_shown_as_far_as_it_goes_and_says_so(
    system: System, admin: Person, tmp_path: Path
) -> None:
    whole = picture(tmp_path, size=(400, 300)).read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) * 2 // 3])
    asset_id = upload(system, admin, tmp_path / "a.jpg")
    for _ in range(2):
        thumbnails.generate_thumbnails(system, asset_id)
        assert len(files_of(system, asset_id)) == 2
        assert "truncated" in (details_of(system, admin.auth, asset_id).damage or "")
    system.storage.put_object(asset_of(system, asset_id).original_path, whole)
    system.staging.forget(asset_of(system, asset_id).original_path)
    thumbnails.generate_thumbnails(system, asset_id)
    assert details_of(system, admin.auth, asset_id).damage is None


def test_a_process_that_dies_over_a_file_takes_nothing_along(
    system: System, admin: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset_id = upload(system, admin, picture(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(images, "make_previews", tasks.die_over)
        with pytest.raises(DecoderDied) as died:
            thumbnails.generate_thumbnails(system, asset_id)
    assert died.value.retryable
    assert announcements(system) == 0
    thumbnails.generate_thumbnails(system, asset_id)
    assert len(files_of(system, asset_id)) == 2


def test_a_worker_does_not_load_what_decodes() -> None:
    program = "import worker, sys; print({'PIL', 'numpy', 'rawpy', 'wand'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_pictures_under_an_old_name_make_room(system: System, admin: Person, tmp_path: Path) -> None:
    asset_id = upload(system, admin, picture(tmp_path))
    thumbnails.generate_thumbnails(system, asset_id)
    file, stored = files_of(system, asset_id)[AssetFileType.PREVIEW]
    old = file.path.replace("_preview", "-preview")
    system.storage.put_object(old, b"old")
    with system.database.write() as session:
        session.execute(update(AssetFile).where(AssetFile.id == file.id).values(path=old))
        session.execute(update(StoredObject).where(StoredObject.path == stored.path).values(path=old))
    system.storage.delete(file.path)
    thumbnails.generate_thumbnails(system, asset_id)
    assert files_of(system, asset_id)[AssetFileType.PREVIEW][0].path == file.path
    assert not system.storage.exists(old)
    assert len(stored_paths(system)) == 3


def test_transparency_is_told_of_the_thumbnail(system: System, admin: Person, tmp_path: Path) -> None:
    Image.new("RGBA", (300, 300), (255, 0, 0, 100)).save(tmp_path / "a.png")
    asset_id = upload(system, admin, tmp_path / "a.png")
    thumbnails.generate_thumbnails(system, asset_id)
    files = files_of(system, asset_id)
    assert files[AssetFileType.THUMBNAIL][0].is_transparent
    assert not files[AssetFileType.PREVIEW][0].is_transparent
