"""The metadata job: what the file says goes into the asset's rows, as Immich has it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from PIL import Image
from sqlalchemy import select, update

from media import tools
from models.assets import Asset, AssetExif
from services import metadata
from services.system import System
from storage.backend import ReadStream
from storage.types import ByteRange
from tests.media.videos import make_rotated, make_video
from tests.services.pictures import CREATED, MODIFIED, picture, upload
from tests.systems import Person, on_every_database, on_s3

SIDECAR = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmp:Rating="4" exif:GPSLatitude="10,30.0S" exif:GPSLongitude="20,15.0E"
 tiff:ImageDescription="Grandmother"/></rdf:RDF></x:xmpmeta>"""


def rows_of(system: System, asset_id: UUID) -> tuple[Asset, AssetExif]:
    with system.database.read() as session:
        row = session.execute(
            select(Asset, AssetExif).join(AssetExif, AssetExif.asset_id == Asset.id).where(Asset.id == asset_id)
        ).one()
        return row[0], row[1]


def path_of(system: System, asset_id: UUID) -> str:
    with system.database.read() as session:
        return session.get_one(Asset, asset_id).original_path


def test_a_photo_tells_what_it_knows(system: System, admin: Person, tmp_path: Path) -> None:
    source = picture(tmp_path)
    size = source.stat().st_size
    asset_id = upload(system, admin, source)
    metadata.extract_metadata(system, asset_id)
    asset, exif = rows_of(system, asset_id)
    assert (asset.width, asset.height, exif.make, exif.file_size_in_byte) == (60, 40, "Maker", size)
    assert asset.file_created_at == exif.date_time_original == datetime(2022, 3, 31, 9, 31, 56, tzinfo=UTC)
    assert asset.local_date_time == datetime(2022, 3, 31, 11, 31, 56, tzinfo=UTC)
    assert (exif.time_zone, exif.modify_date) == ("UTC+2", MODIFIED)


def test_without_a_date_the_older_of_the_files_own_counts(system: System, admin: Person, tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    asset_id = upload(system, admin, tmp_path / "a.png")
    metadata.extract_metadata(system, asset_id)
    asset, exif = rows_of(system, asset_id)
    assert min(CREATED, MODIFIED) == MODIFIED
    assert asset.file_created_at == asset.local_date_time == exif.date_time_original == MODIFIED
    assert exif.time_zone is None


def test_the_sidecar_is_read_too(system: System, admin: Person, tmp_path: Path) -> None:
    (tmp_path / "a.xmp").write_text(SIDECAR)
    asset_id = upload(system, admin, picture(tmp_path), tmp_path / "a.xmp")
    metadata.extract_metadata(system, asset_id)
    _, exif = rows_of(system, asset_id)
    assert (exif.rating, exif.description, exif.make) == (4, "Grandmother", "Maker")
    assert (exif.latitude, exif.longitude) == (-10.5, 20.25)


def test_a_second_run_reads_anew_and_keeps_the_place_name(system: System, admin: Person, tmp_path: Path) -> None:
    asset_id = upload(system, admin, picture(tmp_path))
    metadata.extract_metadata(system, asset_id)
    with system.database.write() as session:
        session.execute(update(AssetExif).values(make="wrong", city="Lisbon"))
    metadata.extract_metadata(system, asset_id)
    _, exif = rows_of(system, asset_id)
    assert (exif.make, exif.city) == ("Maker", "Lisbon")


def test_a_video_is_measured_as_it_is_shown(system: System, admin: Person, tmp_path: Path) -> None:
    source = make_rotated(tmp_path / "a.mp4", 90, make_video(tmp_path / "lying.mp4"))
    asset_id = upload(system, admin, source)
    metadata.extract_metadata(system, asset_id)
    asset, exif = rows_of(system, asset_id)
    assert (asset.duration, asset.width, asset.height) == (500, 48, 64)
    assert (exif.exif_image_width, exif.exif_image_height, exif.orientation, exif.fps) == (64, 48, "6", 10)


def test_a_video_is_dated_in_utc_or_by_its_place(system: System, admin: Person, tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4")
    there = tmp_path / "b.mp4"
    tools.run(["exiftool", "-api", "QuickTimeUTC=1", "-CreateDate=2024:07:01 12:00:00+00:00",
               "-Keys:GPSCoordinates=39, -108", "-o", there, video], timeout=20)  # fmt: skip
    tools.run(["exiftool", "-api", "QuickTimeUTC=1", "-CreateDate=2024:07:01 12:00:00+00:00",
               "-overwrite_original", video], timeout=20)  # fmt: skip
    for source, hours, zone in ((video, 0, "UTC+0"), (there, -6, "America/Denver")):
        asset_id = upload(system, admin, source)
        metadata.extract_metadata(system, asset_id)
        asset, exif = rows_of(system, asset_id)
        assert asset.file_created_at == datetime(2024, 7, 1, 12, tzinfo=UTC)
        assert (asset.local_date_time - asset.file_created_at, exif.time_zone) == (timedelta(hours=hours), zone)


@on_s3
def test_a_large_video_in_a_bucket_is_read_by_its_headers(
    system: System, admin: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_video(tmp_path / "a.mp4", "-c:v", "mpeg4", "-q:v", "1", picture="testsrc2=s=640x480:r=25:d=8")
    size = source.stat().st_size
    asset_id = upload(system, admin, source)
    path = path_of(system, asset_id)
    system.staging.forget(path)
    monkeypatch.setattr("media.staging.SMALL_SHARE", 2**40)
    read: list[int] = []
    read_stream = system.storage.read_stream

    def counted(path: str, byte_range: ByteRange | None = None) -> ReadStream:
        assert byte_range is not None
        read.append((byte_range.stop or 0) - byte_range.start)
        return read_stream(path, byte_range)

    monkeypatch.setattr(system.storage, "read_stream", counted)
    metadata.extract_metadata(system, asset_id)
    asset, exif = rows_of(system, asset_id)
    assert (asset.duration, asset.width, exif.file_size_in_byte, exif.fps) == (8000, 640, size, 25)
    assert len(read) <= 3
    assert sum(read) < size / 2
    # Nothing of it is left in staging.
    with system.staging.if_staged(system.storage, path) as staged:
        assert staged is None


def test_a_video_in_another_container_is_read_too(system: System, admin: Person, tmp_path: Path) -> None:
    asset_id = upload(system, admin, make_video(tmp_path / "a.avi", "-c:v", "mpeg4"))
    system.staging.forget(path_of(system, asset_id))
    metadata.extract_metadata(system, asset_id)
    assert rows_of(system, asset_id)[0].duration == 500


def test_a_video_that_nobody_could_show_is_no_error(system: System, admin: Person, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + b"\xff" * 500)
    asset_id = upload(system, admin, tmp_path / "a.mp4")
    metadata.extract_metadata(system, asset_id)
    asset, exif = rows_of(system, asset_id)
    assert (asset.duration, exif.file_size_in_byte) == (None, 512)


def test_an_asset_that_is_gone_is_no_error(system: System) -> None:
    metadata.extract_metadata(system, uuid4())


@on_every_database
@pytest.mark.parametrize("data", [b"\0", b"\xff\xd8\xff", b"hello" * 1000])
def test_a_file_that_is_no_picture_has_metadata_all_the_same(
    system: System, admin: Person, tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "a.jpg").write_bytes(data)
    asset_id = upload(system, admin, tmp_path / "a.jpg")
    metadata.extract_metadata(system, asset_id)
    asset, exif = rows_of(system, asset_id)
    assert (asset.width, exif.file_size_in_byte) == (None, len(data))


@on_every_database
def test_absurd_metadata_does_not_break_the_database(system: System, admin: Person, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x10F], exif[0x110] = b"Ma\0ker\xed\xa0\x80", "\0"
    exif.get_ifd(0x8769).update({0x9003: "0000:00:00 00:00:00", 0x8827: 65535, 0x829A: (1 << 31, 1)})
    Image.new("RGB", (9, 9)).save(tmp_path / "a.jpg", exif=exif)
    asset_id = upload(system, admin, tmp_path / "a.jpg")
    metadata.extract_metadata(system, asset_id)
    assert rows_of(system, asset_id)[0].width == 9
