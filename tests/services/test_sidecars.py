"""Sidecars: edits are written into them whole or not at all, and whatever they said before they still say."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from errors import UnsupportedMedia
from jobs.names import JobName
from media import dates
from media.exif import read_metadata
from media.exiftool import exiftool
from models.assets import Asset, AssetExif, AssetFile, AssetFileType
from models.base import utc_now
from models.jobs import Job
from models.objects import PendingObject, StoredObject
from services import edits, metadata, objects, sidecars, trash
from services.edits import Edit, NewDate, Position
from services.system import System
from tests.services.pictures import picture, upload
from tests.systems import Person, on_every_database

SIDECAR = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:own="http://example.com/own/"
 xmp:Rating="2" tiff:ImageDescription="Grandmother" exif:GPSLatitude="10,30.0S" exif:GPSLongitude="20,15.0E"
 own:Secret="kept"><dc:subject><rdf:Bag><rdf:li>family</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta>"""
DATE = dates.read_date("2020-02-03T04:05:06.789+05:30")
assert DATE is not None
EVERYTHING = Edit(
    date=NewDate(DATE), position=Position(12.3456789, -98.7654321), rating=5, description="A <new>\nday & 1.50"
)


@pytest.fixture
def photo(system: System, admin: Person, tmp_path: Path) -> UUID:
    """A photo with a sidecar, both read."""
    (tmp_path / "a.xmp").write_text(SIDECAR)
    asset_id = upload(system, admin, picture(tmp_path), tmp_path / "a.xmp")
    metadata.extract_metadata(system, asset_id)
    return asset_id


def rows_of(system: System, asset_id: UUID) -> tuple[Asset, AssetExif]:
    with system.database.read() as session:
        return session.get_one(Asset, asset_id), session.get_one(AssetExif, asset_id)


def sidecar_path(system: System, asset_id: UUID) -> str:
    with system.database.read() as session:
        file = select(AssetFile.path).where(AssetFile.asset_id == asset_id, AssetFile.type == AssetFileType.SIDECAR)
        return session.scalars(file).one()


@contextmanager
def staged(system: System, path: str) -> Iterator[Path]:
    with system.staging.stage_to_temp(system.storage, path) as file:
        yield file


def said_by(system: System, asset_id: UUID, *tags: str) -> dict[str, Any]:
    with staged(system, sidecar_path(system, asset_id)) as file:
        said = exiftool.read(file, tags)
    return {tag: said.get(tag) for tag in tags}


def bytes_at(system: System, path: str) -> bytes:
    with system.storage.read_stream(path) as stream:
        return stream.read()


def paths_of(system: System) -> set[str]:
    """Every object that has an owner, and every one that may be there without."""
    with system.database.read() as session:
        return {*session.scalars(select(StoredObject.path)), *session.scalars(select(PendingObject.path))}


def shown(system: System, asset_id: UUID) -> tuple[object, ...]:
    asset, exif = rows_of(system, asset_id)
    return (
        asset.file_created_at, asset.local_date_time, exif.date_time_original, exif.time_zone,
        exif.latitude, exif.longitude, exif.rating, exif.description,
    )  # fmt: skip


@on_every_database
def test_what_was_edited_is_written_and_read_again(system: System, admin: Person, photo: UUID) -> None:
    edits.edit_asset(system, admin.auth, photo, EVERYTHING)
    edited = shown(system, photo)
    sidecars.write_sidecar(system, photo)
    assert rows_of(system, photo)[1].locked_properties is None
    metadata.extract_metadata(system, photo)
    assert shown(system, photo) == edited
    assert edited[3:] == ("UTC+5:30", 12.3456789, -98.7654321, 5, "A <new>\nday & 1.50")


def test_everything_else_that_the_sidecar_said_it_still_says(system: System, admin: Person, photo: UUID) -> None:
    edits.edit_asset(system, admin.auth, photo, EVERYTHING)
    sidecars.write_sidecar(system, photo)
    assert said_by(system, photo, "Subject", "Secret", "Rating") == {"Subject": "family", "Secret": "kept", "Rating": 5}


def test_only_what_was_edited_is_written(system: System, admin: Person, photo: UUID) -> None:
    edits.edit_asset(system, admin.auth, photo, Edit(rating=4))
    sidecars.write_sidecar(system, photo)
    assert said_by(system, photo, "Rating", "ImageDescription", "DateTimeOriginal") == {
        "Rating": 4, "ImageDescription": "Grandmother", "DateTimeOriginal": None,
    }  # fmt: skip


@on_every_database
def test_an_asset_without_a_sidecar_gets_one(system: System, admin: Person, tmp_path: Path) -> None:
    asset_id = upload(system, admin, picture(tmp_path))
    metadata.extract_metadata(system, asset_id)
    edits.edit_asset(system, admin.auth, asset_id, EVERYTHING)
    edited = shown(system, asset_id)
    sidecars.write_sidecar(system, asset_id)
    path = sidecar_path(system, asset_id)
    assert f"/upload/{admin.id}/" in path
    assert path.endswith(".xmp")
    metadata.extract_metadata(system, asset_id)
    assert shown(system, asset_id) == edited


def test_the_original_is_never_touched(system: System, admin: Person, photo: UUID) -> None:
    path = rows_of(system, photo)[0].original_path
    before = bytes_at(system, path)
    edits.edit_asset(system, admin.auth, photo, EVERYTHING)
    sidecars.write_sidecar(system, photo)
    assert bytes_at(system, path) == before


def test_the_former_sidecar_goes_and_the_new_one_is_known(system: System, admin: Person, photo: UUID) -> None:
    before, former = paths_of(system), sidecar_path(system, photo)
    edits.edit_asset(system, admin.auth, photo, EVERYTHING)
    sidecars.write_sidecar(system, photo)
    assert paths_of(system) == before - {former} | {sidecar_path(system, photo)}
    assert not system.storage.exists(former)
    with system.database.read() as session:
        stored = session.get_one(StoredObject, sidecar_path(system, photo))
    assert stored.size == len(bytes_at(system, stored.path))


def test_stars_and_words_that_were_taken_away_do_not_come_back(system: System, admin: Person, photo: UUID) -> None:
    edits.edit_asset(system, admin.auth, photo, Edit(rating=None, description=""))
    sidecars.write_sidecar(system, photo)
    metadata.extract_metadata(system, photo)
    _, exif = rows_of(system, photo)
    assert (exif.rating, exif.description) == (None, "")


def test_a_rejected_photo_stays_rejected(system: System, admin: Person, photo: UUID) -> None:
    edits.edit_asset(system, admin.auth, photo, Edit(rating=-1))
    sidecars.write_sidecar(system, photo)
    metadata.extract_metadata(system, photo)
    assert rows_of(system, photo)[1].rating == -1


@on_every_database
def test_until_it_is_written_an_edit_is_safe_from_being_read_over(system: System, admin: Person, photo: UUID) -> None:
    edits.edit_asset(system, admin.auth, photo, EVERYTHING)
    edited = shown(system, photo)
    metadata.extract_metadata(system, photo)
    assert shown(system, photo) == edited


def test_an_edit_before_the_first_look_is_kept(system: System, admin: Person, tmp_path: Path) -> None:
    asset_id = upload(system, admin, picture(tmp_path))
    edits.edit_asset(system, admin.auth, asset_id, Edit(description="early"))
    metadata.extract_metadata(system, asset_id)
    _, exif = rows_of(system, asset_id)
    assert (exif.description, exif.make) == ("early", "Maker")


def test_what_is_edited_while_a_sidecar_is_written_is_written_next(
    system: System, admin: Person, photo: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    edits.edit_asset(system, admin.auth, photo, Edit(rating=3, description="first"))
    announce = objects.announce

    def edit_meanwhile(*arguments: Any) -> None:
        announce(*arguments)
        edits.edit_asset(system, admin.auth, photo, Edit(description="second"))

    monkeypatch.setattr(objects, "announce", edit_meanwhile)
    sidecars.write_sidecar(system, photo)
    monkeypatch.undo()
    assert rows_of(system, photo)[1].locked_properties == ["description"]
    assert said_by(system, photo, "Rating", "Description") == {"Rating": 3, "Description": "first"}
    sidecars.write_sidecar(system, photo)
    assert said_by(system, photo, "Rating", "Description") == {"Rating": 3, "Description": "second"}


def test_a_file_that_was_read_before_the_sidecar_was_exchanged_is_read_again(
    system: System, admin: Person, photo: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_meanwhile(*arguments: Any) -> Any:
        monkeypatch.undo()
        known = read_metadata(*arguments)
        edits.edit_asset(system, admin.auth, photo, Edit(description="meanwhile"))
        sidecars.write_sidecar(system, photo)
        return known

    monkeypatch.setattr("services.metadata.read_metadata", write_meanwhile)
    metadata.extract_metadata(system, photo)
    assert rows_of(system, photo)[1].description == "meanwhile"


@on_every_database
def test_two_writers_leave_one_sidecar(
    system: System, admin: Person, photo: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, former = paths_of(system), sidecar_path(system, photo)
    edits.edit_asset(system, admin.auth, photo, Edit(rating=3))
    announce = objects.announce

    def write_meanwhile(*arguments: Any) -> None:
        monkeypatch.undo()
        announce(*arguments)
        sidecars.write_sidecar(system, photo)

    monkeypatch.setattr(objects, "announce", write_meanwhile)
    sidecars.write_sidecar(system, photo)
    assert paths_of(system) == before - {former} | {sidecar_path(system, photo)}
    assert said_by(system, photo, "Rating") == {"Rating": 3}


class Killed(BaseException):
    """What no handler catches: the process is gone."""


@on_every_database
@pytest.mark.parametrize("moment", ["adopt", "disown"])
def test_a_crash_between_the_object_and_its_row_leaves_the_former_sidecar_and_no_orphan(
    system: System, admin: Person, photo: UUID, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    before, former = paths_of(system), sidecar_path(system, photo)
    content = bytes_at(system, former)
    edits.edit_asset(system, admin.auth, photo, EVERYTHING)

    def die(*arguments: object) -> None:
        raise Killed

    monkeypatch.setattr(objects, moment, die)
    with pytest.raises(Killed):
        sidecars.write_sidecar(system, photo)
    monkeypatch.undo()
    (orphan,) = paths_of(system) - before
    assert system.storage.exists(orphan)
    assert (sidecar_path(system, photo), bytes_at(system, former)) == (former, content)
    objects.sweep_pending(system, utc_now() + timedelta(days=1))
    assert not system.storage.exists(orphan)
    assert paths_of(system) == before
    # The job runs again, as its lease has lapsed.
    sidecars.write_sidecar(system, photo)
    assert said_by(system, photo, "Rating") == {"Rating": 5}


def test_a_sidecar_that_is_none_is_left_alone_and_the_edit_kept(
    system: System, admin: Person, tmp_path: Path
) -> None:
    (tmp_path / "a.xmp").write_bytes(b"notes of mine")
    asset_id = upload(system, admin, picture(tmp_path), tmp_path / "a.xmp")
    edits.edit_asset(system, admin.auth, asset_id, Edit(description="mine"))
    before = paths_of(system)
    with pytest.raises(UnsupportedMedia):
        sidecars.write_sidecar(system, asset_id)
    assert paths_of(system) == before
    assert bytes_at(system, sidecar_path(system, asset_id)) == b"notes of mine"
    metadata.extract_metadata(system, asset_id)
    assert rows_of(system, asset_id)[1].description == "mine"


def test_an_asset_that_goes_meanwhile_takes_its_new_sidecar_along(
    system: System, admin: Person, photo: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    edits.edit_asset(system, admin.auth, photo, EVERYTHING)
    announce = objects.announce

    def delete_meanwhile(*arguments: Any) -> None:
        announce(*arguments)
        trash.delete_assets(system, admin.auth, [photo], force=True)
        trash.remove_asset(system, photo)

    monkeypatch.setattr(objects, "announce", delete_meanwhile)
    sidecars.write_sidecar(system, photo)
    assert paths_of(system) == set()


def test_nothing_is_written_where_nothing_was_edited(system: System, photo: UUID) -> None:
    before = paths_of(system)
    sidecars.write_sidecar(system, photo)
    sidecars.write_sidecar(system, uuid4())
    assert paths_of(system) == before


def test_a_check_writes_what_is_unwritten_and_has_the_rest_read(
    system: System, admin: Person, photo: UUID, tmp_path: Path
) -> None:
    edited = upload(system, admin, picture(tmp_path, "b.jpg", colour="blue"))
    bare = upload(system, admin, picture(tmp_path, "c.jpg", colour="green"))
    edits.edit_asset(system, admin.auth, edited, Edit(rating=1))
    with system.database.write() as session:
        for job in session.scalars(select(Job)):
            session.delete(job)
    for asset_id in (photo, edited, bare, uuid4()):
        sidecars.check_sidecar(system, asset_id)
    with system.database.read() as session:
        jobs = {(job.name, job.data["id"]) for job in session.scalars(select(Job))}
        assert session.scalar(select(func.count()).where(Job.backfill.is_(False))) == 0
    assert jobs == {(JobName.ASSET_EXTRACT_METADATA, str(photo)), (JobName.SIDECAR_WRITE, str(edited))}


def test_a_date_without_a_zone_is_written_without_one(system: System, admin: Person, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    asset_id = upload(system, admin, tmp_path / "a.png")
    metadata.extract_metadata(system, asset_id)
    clock = dates.read_date("1999-12-31T23:59:59")
    assert clock is not None
    edits.edit_asset(system, admin.auth, asset_id, Edit(date=NewDate(clock)))
    sidecars.write_sidecar(system, asset_id)
    metadata.extract_metadata(system, asset_id)
    asset, exif = rows_of(system, asset_id)
    moment = datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert (asset.file_created_at, asset.local_date_time, exif.time_zone) == (moment, moment, None)
