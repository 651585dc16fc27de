"""Jobs about videos: a frame becomes the pictures, and what browsers cannot play is encoded once."""

import io
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select

from errors import MediaError, ObjectNotFound
from jobs.names import JobName, QueueName
from media.ffmpeg import Source, SourceUnreadable
from media.probe import Probe, probe
from media.staging import Staging
from models.assets import AssetFileType, AssetVisibility
from models.jobs import Job
from services import derived, queues, thumbnails, videos
from services.system import System
from storage.types import SignedUrl
from tests.media.videos import H264, HEVC, make_video
from tests.services.pictures import upload
from tests.services.test_queues import run_next
from tests.services.test_thumbnails import announcements, asset_of, change, files_of, remove, stored_paths
from tests.systems import Person, on_every_database, on_local_disk, on_s3

ENCODED = AssetFileType.ENCODED_VIDEO


def hevc(folder: Path, name: str = "a.mov") -> Path:
    return make_video(folder / name, *HEVC, "-pix_fmt", "yuv420p", sound=("-c:a", "aac"))


def encode(system: System, asset_id: UUID) -> list[float]:
    """Runs the job; the shares done that it told."""
    told: list[float] = []
    videos.encode_video(system, asset_id, told.append)
    return told


def waiting(system: System) -> list[str]:
    with system.database.read() as session:
        return sorted(session.scalars(select(Job.name)))


def encoded_of(system: System, asset_id: UUID, folder: Path) -> Probe:
    """What the stored file says about itself."""
    with system.storage.read_stream(files_of(system, asset_id)[ENCODED][0].path) as stream:
        (folder / "encoded.mp4").write_bytes(stream.read())
    return probe(folder / "encoded.mp4")


def test_an_upload_of_a_video_wants_pictures_metadata_and_the_encoder(
    system: System, admin: Person, tmp_path: Path
) -> None:
    upload(system, admin, make_video(tmp_path / "a.mp4"))
    assert waiting(system) == [
        JobName.ASSET_ENCODE_VIDEO, JobName.ASSET_EXTRACT_METADATA, JobName.ASSET_GENERATE_THUMBNAILS
    ]  # fmt: skip


def test_a_video_gets_its_pictures_from_a_frame(system: System, admin: Person, tmp_path: Path) -> None:
    asset_id = upload(system, admin, make_video(tmp_path / "a.mkv", picture="color=red:s=640x480:r=5:d=0.4"))
    thumbnails.generate_thumbnails(system, asset_id)
    files = files_of(system, asset_id)
    assert files.keys() == {AssetFileType.PREVIEW, AssetFileType.THUMBNAIL}
    with system.storage.read_stream(files[AssetFileType.PREVIEW][0].path) as stream:
        shown = Image.open(io.BytesIO(stream.read()))
    assert (shown.format, shown.size) == ("JPEG", (640, 480))
    assert asset_of(system, asset_id).thumbhash
    assert announcements(system) == 0
    assert not list(system.settings.staging_location.rglob("*.bmp"))


def test_what_no_browser_plays_is_encoded(system: System, admin: Person, tmp_path: Path) -> None:
    asset_id = upload(system, admin, hevc(tmp_path))
    told = encode(system, asset_id)
    made = encoded_of(system, asset_id, tmp_path)
    assert (made.video.codec, made.audio and made.audio.codec) == ("h264", "aac")
    file, stored = files_of(system, asset_id)[ENCODED]
    name = str(asset_id)
    assert file.path.endswith(f"/encoded-video/{admin.id}/{name[:2]}/{name[2:4]}/{name}.mp4")
    assert (stored.kind, stored.owner_id) == ("encoded-video", admin.id)
    assert stored.size == (tmp_path / "encoded.mp4").stat().st_size
    assert announcements(system) == 0
    assert told
    assert all(0 <= share <= 1 for share in told)


def test_what_every_browser_plays_is_left_alone(system: System, admin: Person, tmp_path: Path) -> None:
    asset_id = upload(system, admin, make_video(tmp_path / "a.mp4", sound=("-c:a", "aac")))
    encode(system, asset_id)
    assert stored_paths(system) == [asset_of(system, asset_id).original_path]


def test_a_second_run_leaves_one_file(system: System, admin: Person, tmp_path: Path) -> None:
    asset_id = upload(system, admin, make_video(tmp_path / "a.mkv"))
    encode(system, asset_id)
    encode(system, asset_id)
    assert len(stored_paths(system)) == 2
    assert len(files_of(system, asset_id)) == 1
    assert announcements(system) == 0


def test_an_encoded_file_that_is_not_needed_any_more_goes(system: System, admin: Person, tmp_path: Path) -> None:
    asset_id = upload(system, admin, make_video(tmp_path / "a.mkv"))
    encode(system, asset_id)
    plain = make_video(tmp_path / "b.mp4")
    system.storage.put_object(asset_of(system, asset_id).original_path, plain.read_bytes())
    system.staging.forget(asset_of(system, asset_id).original_path)
    encode(system, asset_id)
    assert files_of(system, asset_id) == {}
    assert stored_paths(system) == [asset_of(system, asset_id).original_path]
    assert announcements(system) == 0


def test_streams_that_cannot_be_copied_are_encoded(
    system: System, admin: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.transcode.ACCEPTED_VIDEO", frozenset(("h264", "flv1")))
    asset_id = upload(system, admin, make_video(tmp_path / "a.flv", "-c:v", "flv"))
    encode(system, asset_id)
    monkeypatch.undo()
    assert encoded_of(system, asset_id, tmp_path).video.codec == "h264"


@on_every_database
@pytest.mark.parametrize("already_made", [False, True])
def test_an_asset_that_is_deleted_meanwhile_leaves_no_orphan(
    system: System, admin: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, already_made: bool
) -> None:
    asset_id = upload(system, admin, make_video(tmp_path / "a.mkv"))
    if already_made:
        encode(system, asset_id)
    real: Callable[..., None] = derived.attach

    def delete_first(*args: object) -> None:
        remove(system, asset_id)
        real(*args)

    monkeypatch.setattr(derived, "attach", delete_first)
    encode(system, asset_id)
    assert stored_paths(system) == []
    assert announcements(system) == 0


def test_an_asset_that_is_gone_is_no_error(system: System) -> None:
    assert encode(system, uuid4()) == []


@pytest.mark.parametrize("work", [thumbnails.generate_thumbnails, encode])
def test_a_broken_video_is_told_and_leaves_nothing_behind(
    system: System, admin: Person, tmp_path: Path, work: Callable[[System, UUID], object]
) -> None:
    (tmp_path / "a.mp4").write_bytes(b"video" * 1000)
    asset_id = upload(system, admin, tmp_path / "a.mp4")
    with pytest.raises(MediaError) as caught:
        work(system, asset_id)
    assert "http" not in str(caught.value)
    assert stored_paths(system) == [asset_of(system, asset_id).original_path]
    assert announcements(system) == 0


@pytest.mark.parametrize("work", [thumbnails.generate_thumbnails, encode])
def test_an_original_that_is_gone_is_told(
    system: System, admin: Person, tmp_path: Path, work: Callable[[System, UUID], object]
) -> None:
    asset_id = upload(system, admin, hevc(tmp_path))
    path = asset_of(system, asset_id).original_path
    system.storage.delete(path)
    system.staging.forget(path)
    with pytest.raises(ObjectNotFound):
        work(system, asset_id)


def test_a_hidden_video_gets_no_pictures_and_is_encoded(system: System, admin: Person, tmp_path: Path) -> None:
    asset_id = upload(system, admin, make_video(tmp_path / "a.mkv"))
    change(system, asset_id, visibility=AssetVisibility.HIDDEN)
    thumbnails.generate_thumbnails(system, asset_id)
    encode(system, asset_id)
    assert files_of(system, asset_id).keys() == {ENCODED}


@on_s3
def test_a_large_video_in_a_bucket_is_read_where_it_is(
    system: System, admin: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.staging.SMALL_SHARE", 2**40)
    asset_id = upload(system, admin, hevc(tmp_path))
    system.staging.forget(asset_of(system, asset_id).original_path)

    def refuse(*args: object) -> None:
        raise AssertionError("staged")

    monkeypatch.setattr(Staging, "stage_to_temp", refuse)
    thumbnails.generate_thumbnails(system, asset_id)
    encode(system, asset_id)
    assert len(files_of(system, asset_id)) == 3


@on_s3
def test_a_video_that_is_staged_already_is_not_read_again(
    system: System, admin: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset_id = upload(system, admin, hevc(tmp_path))
    read: list[Source] = []

    def noted(source: Source) -> Probe:
        read.append(source)
        return probe(source)

    monkeypatch.setattr(videos, "probe", noted)
    thumbnails.generate_thumbnails(system, asset_id)
    assert [type(source) for source in read if isinstance(source, SignedUrl)] == []


@on_s3
def test_a_store_that_ffmpeg_cannot_read_is_read_by_our_own_client(
    system: System, admin: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("media.staging.SMALL_SHARE", 2**40)
    asset_id = upload(system, admin, hevc(tmp_path))
    system.staging.forget(asset_of(system, asset_id).original_path)

    def unreadable(source: Source) -> Probe:
        if isinstance(source, SignedUrl):
            raise SourceUnreadable("a certificate")
        return probe(source)

    monkeypatch.setattr(videos, "probe", unreadable)
    thumbnails.generate_thumbnails(system, asset_id)
    assert len(files_of(system, asset_id)) == 2
    assert "a certificate" in caplog.text
    assert "Signature" not in caplog.text


def test_playback_is_the_encoded_file_once_there_is_one(
    system: System, client: FlaskClient, admin: Person, tmp_path: Path
) -> None:
    source = hevc(tmp_path)
    original = source.read_bytes()
    asset_id = upload(system, admin, source)
    address = f"/api/assets/{asset_id}/video/playback"
    before = client.get(address, headers=admin.headers)
    assert (before.data, before.content_type) == (original, "video/quicktime")
    encode(system, asset_id)
    after = client.get(address, headers=admin.headers)
    with system.storage.read_stream(files_of(system, asset_id)[ENCODED][0].path) as stream:
        assert (after.data, after.content_type) == (stream.read(), "video/mp4")
    assert after.headers["ETag"] != before.headers["ETag"]
    part = client.get(address, headers={**admin.headers, "Range": "bytes=4-7"})
    assert (part.status_code, part.data) == (206, b"ftyp")
    assert client.get(f"/api/assets/{asset_id}/original", headers=admin.headers).data == original


@on_local_disk
def test_starting_the_queue_fills_it_with_videos(system: System, admin: Person, tmp_path: Path) -> None:
    made = upload(system, admin, make_video(tmp_path / "a.mkv"))
    encode(system, made)
    missing = upload(system, admin, make_video(tmp_path / "b.mkv", *H264, "-g", "2"))
    for force, wanted in ((False, {missing}), (True, {made, missing})):
        with system.database.write() as session:
            for row in session.scalars(select(Job)):
                session.delete(row)
        queues.start(system, QueueName.VIDEO_CONVERSION, force=force)
        run_next(system, QueueName.VIDEO_CONVERSION)
        with system.database.read() as session:
            assert {UUID(data["id"]) for data in session.scalars(select(Job.data))} == wanted
