"""The metadata job: what the file says goes into the asset's rows, as Immich has it."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from PIL import Image
from sqlalchemy import select, update

from models.assets import Asset, AssetExif
from services import metadata
from services.system import System
from tests.services.pictures import CREATED, MODIFIED, picture, upload
from tests.systems import Person, on_every_database

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
