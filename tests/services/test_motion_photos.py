"""The video inside a motion photo becomes a hidden asset, once, whatever happens; live pairs find each other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from errors import StorageUnavailable
from jobs import ledger, registry
from jobs.names import JobName
from media.staging import digest_of
from models.albums import AlbumAsset
from models.assets import Asset, AssetStatus, AssetType, AssetVisibility
from models.jobs import Job
from models.users import User
from services import handlers, metadata, motion_photos, trash
from services.live_photos import pair_up
from services.system import System
from storage.service import AppStorageService
from tests.media.motion_photos import KINDS, apple_still, apple_video, google
from tests.media.videos import H264, make_video
from tests.rows import add_album, add_asset
from tests.services.pictures import upload
from tests.services.test_thumbnails import announcements, asset_of, stored_paths
from tests.systems import MakeUser, Person, on_every_database, on_local_disk

assert handlers


@pytest.fixture
def video(tmp_path: Path) -> bytes:
    return make_video(tmp_path / "inside.mp4").read_bytes()


def look_into(system: System, *asset_ids: UUID) -> None:
    for asset_id in asset_ids:
        metadata.extract_metadata(system, asset_id)


def video_of(system: System, photo_id: UUID) -> Asset:
    video_id = asset_of(system, photo_id).live_photo_video_id
    assert video_id is not None
    return asset_of(system, video_id)


def videos_in(system: System) -> list[Asset]:
    with system.database.read() as session:
        return list(session.scalars(select(Asset).where(Asset.type == AssetType.VIDEO)))


def usage_of(system: System, person: Person) -> int:
    with system.database.read() as session:
        return session.get_one(User, person.id).quota_usage_in_bytes


def jobs_for(system: System, asset_id: UUID) -> set[str]:
    with system.database.read() as session:
        return {job.name for job in session.scalars(select(Job)) if job.data.get("id") == str(asset_id)}


@pytest.mark.parametrize("name", KINDS)
def test_the_video_is_kept_as_immich_keeps_it(
    system: System, client: FlaskClient, admin: Person, tmp_path: Path, video: bytes, name: str
) -> None:
    photo_id = upload(system, admin, KINDS[name](tmp_path / name, video))
    before = usage_of(system, admin)
    look_into(system, photo_id)
    found = video_of(system, photo_id)
    assert (found.type, found.visibility, found.owner_id) == (AssetType.VIDEO, AssetVisibility.HIDDEN, admin.id)
    assert found.original_file_name == f"{Path(name).stem}.mp4"
    shown = str(found.id)
    assert found.original_path.endswith(f"/encoded-video/{admin.id}/{shown[:2]}/{shown[2:4]}/{shown}-MP.mp4")
    (tmp_path / "whole").write_bytes(video)
    assert found.checksum == digest_of(tmp_path / "whole").sha1
    assert usage_of(system, admin) - before == len(video)
    assert jobs_for(system, found.id) == {JobName.ASSET_EXTRACT_METADATA, JobName.ASSET_ENCODE_VIDEO}
    played = client.get(f"/api/assets/{found.id}/video/playback", headers=admin.headers)
    assert (played.data, played.content_type) == (video, "video/mp4")
    assert announcements(system) == 0


def test_a_second_look_makes_no_second_video(system: System, admin: Person, tmp_path: Path, video: bytes) -> None:
    photo_id = upload(system, admin, google(tmp_path / "a.jpg", video))
    look_into(system, photo_id)
    first, usage = video_of(system, photo_id), usage_of(system, admin)
    look_into(system, photo_id)
    with system.database.write() as session:
        session.execute(update(Asset).where(Asset.id == photo_id).values(live_photo_video_id=None))
    look_into(system, photo_id)
    assert video_of(system, photo_id).id == first.id
    assert usage_of(system, admin) == usage
    assert len(videos_in(system)) == 1
    assert len(stored_paths(system)) == 2


def test_a_video_that_was_uploaded_by_itself_is_hidden_and_linked(
    system: System, admin: Person, tmp_path: Path, video: bytes
) -> None:
    (tmp_path / "b.mp4").write_bytes(video)
    video_id = upload(system, admin, tmp_path / "b.mp4")
    photo_id = upload(system, admin, google(tmp_path / "a.jpg", video))
    look_into(system, photo_id)
    assert video_of(system, photo_id).id == video_id
    assert video_of(system, photo_id).visibility is AssetVisibility.HIDDEN


def test_each_owner_has_a_video_of_their_own(
    system: System, admin: Person, make_user: MakeUser, tmp_path: Path, video: bytes
) -> None:
    owners = (admin, make_user("b@example.com"))
    photos = [upload(system, person, google(tmp_path / "a.jpg", video)) for person in owners]
    look_into(system, *photos)
    assert len({video_of(system, photo_id).owner_id for photo_id in photos}) == 2


def test_a_pair_that_the_client_linked_stays(system: System, admin: Person, tmp_path: Path, video: bytes) -> None:
    other = upload(system, admin, make_video(tmp_path / "b.mp4", *H264, "-g", "1"))
    photo_id = upload(system, admin, google(tmp_path / "a.jpg", video))
    with system.database.write() as session:
        session.execute(update(Asset).where(Asset.id == photo_id).values(live_photo_video_id=other))
    look_into(system, photo_id)
    assert video_of(system, photo_id).id == other
    assert len(videos_in(system)) == 1


@pytest.mark.parametrize("inside", [b"", b"nonsense" * 100, b"\0\0\0\x18ftypmp42" + bytes(5000)])
def test_what_is_no_video_is_left_where_it_is(
    system: System, admin: Person, tmp_path: Path, inside: bytes
) -> None:
    photo_id = upload(system, admin, google(tmp_path / "a.jpg", inside))
    look_into(system, photo_id)
    assert asset_of(system, photo_id).live_photo_video_id is None
    assert asset_of(system, photo_id).width == 60
    assert videos_in(system) == []
    assert len(stored_paths(system)) == 1


def test_a_store_that_fails_is_asked_again_and_leaves_nothing(
    system: System, admin: Person, tmp_path: Path, video: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo_id = upload(system, admin, google(tmp_path / "a.jpg", video))

    def fail(*args: object, **kwargs: object) -> None:
        raise StorageUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(AppStorageService, "upload_file", fail)
        with pytest.raises(StorageUnavailable):
            look_into(system, photo_id)
    assert videos_in(system) == []
    look_into(system, photo_id)
    assert len(videos_in(system)) == 1
    assert announcements(system) == 0


@on_every_database
def test_two_looks_at_the_same_time_make_one_video(
    system: System, admin: Person, tmp_path: Path, video: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo_id = upload(system, admin, google(tmp_path / "a.jpg", video))
    real: Callable[..., None] = motion_photos._keep

    def keep_after_another(*args: object) -> None:
        monkeypatch.setattr(motion_photos, "_keep", real)
        look_into(system, photo_id)
        real(*args)

    monkeypatch.setattr(motion_photos, "_keep", keep_after_another)
    look_into(system, photo_id)
    assert len(videos_in(system)) == 1
    assert video_of(system, photo_id).id == videos_in(system)[0].id
    assert len(stored_paths(system)) == 2
    assert announcements(system) == 0


def test_the_video_goes_with_its_photo_and_gives_its_room_back(
    system: System, admin: Person, tmp_path: Path, video: bytes
) -> None:
    photo_id = upload(system, admin, google(tmp_path / "a.jpg", video))
    look_into(system, photo_id)
    trash.delete_assets(system, admin.auth, [photo_id], force=True)
    while held := ledger.claim(system.database, "worker", registry.queues()):
        registry.perform(system, held.name, held.data, lambda done: None)
        ledger.finish(system.database, held)
    assert stored_paths(system) == []
    assert usage_of(system, admin) == 0


# --- Pairs that were uploaded in two ------------------------------------------------------------------


def add_half(system: System, owner: Person, kind: AssetType, cid: str | None, **fields: Any) -> UUID:
    return add_asset(system, owner.id, type=kind, exif={"live_photo_cid": cid}, **fields)


def test_two_halves_find_each_other_by_their_id(system: System, admin: Person, tmp_path: Path) -> None:
    video_id = upload(system, admin, apple_video(tmp_path / "b.mov", "PAIR-1"))
    look_into(system, video_id)
    assert asset_of(system, video_id).visibility is AssetVisibility.TIMELINE
    photo_id = upload(system, admin, apple_still(tmp_path / "a.jpg", "PAIR-1"))
    look_into(system, photo_id)
    assert video_of(system, photo_id).id == video_id
    assert asset_of(system, video_id).visibility is AssetVisibility.HIDDEN


@on_local_disk
@pytest.mark.parametrize("last", [AssetType.IMAGE, AssetType.VIDEO])
@on_every_database
def test_whichever_half_comes_last_finds_the_other(system: System, admin: Person, last: AssetType) -> None:
    photo_id = add_half(system, admin, AssetType.IMAGE, "PAIR-2")
    video_id = add_half(system, admin, AssetType.VIDEO, "PAIR-2")
    album_id = add_album(system, admin.id, video_id)
    pair_up(system, photo_id if last is AssetType.IMAGE else video_id)
    assert video_of(system, photo_id).id == video_id
    assert video_of(system, photo_id).visibility is AssetVisibility.HIDDEN
    with system.database.read() as session:
        assert session.scalars(select(AlbumAsset).where(AlbumAsset.album_id == album_id)).all() == []


@on_local_disk
def test_no_pair_is_made_of_what_does_not_belong_together(
    system: System, admin: Person, make_user: MakeUser
) -> None:
    stranger = make_user("stranger@example.com")
    photo_id = add_half(system, admin, AssetType.IMAGE, "PAIR-3")
    add_half(system, stranger, AssetType.VIDEO, "PAIR-3")
    add_half(system, admin, AssetType.VIDEO, "PAIR-4")
    add_half(system, admin, AssetType.VIDEO, "PAIR-3", status=AssetStatus.DELETED)
    add_half(system, admin, AssetType.IMAGE, "PAIR-3")
    without_id = add_half(system, admin, AssetType.VIDEO, None)
    for asset_id in (photo_id, without_id):
        pair_up(system, asset_id)
    assert asset_of(system, photo_id).live_photo_video_id is None
