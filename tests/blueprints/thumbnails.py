"""Thumbnails for tests that are not about how they are made."""

from uuid import UUID

from config import MediaKind
from media.staging import Digest
from models.assets import AssetFile, AssetFileType
from services import objects
from services.system import System
from storage import core
from tests.blueprints.forms import hex_of
from tests.systems import Person


def give_thumbnail(system: System, owner: Person, asset_id: str, kind: AssetFileType, data: bytes) -> None:
    """What the thumbnail job leaves behind, without making a picture."""
    make = {AssetFileType.PREVIEW: core.preview_key, AssetFileType.THUMBNAIL: core.thumbnail_key}[kind]
    path = system.storage.new_path(make(owner.id, UUID(asset_id)), MediaKind.THUMBNAILS)
    objects.announce(system, path, len(data))
    system.storage.put_object(path, data)
    with system.database.write() as session:
        digest = Digest(len(data), bytes.fromhex(hex_of(data)), 0)
        objects.adopt(session, path, MediaKind.THUMBNAILS, owner.id, digest)
        session.add(AssetFile(asset_id=UUID(asset_id), type=kind, path=path))
