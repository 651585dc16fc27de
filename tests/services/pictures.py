"""Uploads of generated pictures, for tests of what jobs make of them."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from PIL import Image

from media.staging import digest_of
from services import uploads
from services.system import System
from services.uploads import NewAsset, ReceivedFile
from tests.systems import Person

CREATED, MODIFIED = datetime(2024, 5, 1, 10, tzinfo=UTC), datetime(2024, 4, 1, 10, tzinfo=UTC)


def upload(system: System, person: Person, source: Path, sidecar: Path | None = None) -> UUID:
    """The id of a new asset with the bytes of the file; the file is gone afterwards."""
    new = NewAsset(file_name=source.name, file_created_at=CREATED, file_modified_at=MODIFIED)
    beside = None if sidecar is None else _received(sidecar)
    return uploads.store(system, person.auth, new, _received(source), beside).asset_id


def picture(folder: Path, name: str = "a.jpg", size: tuple[int, int] = (60, 40), colour: str = "red") -> Path:
    path = folder / name
    exif = Image.Exif()
    exif[0x10F] = "Maker"
    exif.get_ifd(0x8769)[0x9003] = "2022:03:31 11:31:56"
    exif.get_ifd(0x8769)[0x9011] = "+02:00"
    Image.new("RGB", size, colour).save(path, exif=exif)
    return path


def _received(path: Path) -> ReceivedFile:
    return ReceivedFile(path, path.name, digest_of(path))
