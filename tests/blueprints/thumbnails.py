"""Thumbnails for tests that are not about how they are made."""

from uuid import UUID, uuid4

from config import MediaKind
from media.staging import Digest
from models.assets import AssetFile, AssetFileType
from models.people import Person as SeenPerson
from models.users import User
from services import objects
from services.system import System
from storage import core
from storage.types import StorageKey
from tests.blueprints.forms import hex_of
from tests.systems import Person


def give_thumbnail(system: System, owner: Person, asset_id: str, kind: AssetFileType, data: bytes) -> None:
    """What the thumbnail job leaves behind, without making a picture."""
    make = {AssetFileType.PREVIEW: core.preview_key, AssetFileType.THUMBNAIL: core.thumbnail_key}[kind]
    path = _keep(system, owner, make(owner.id, UUID(asset_id)), MediaKind.THUMBNAILS, data)
    with system.database.write() as session:
        session.add(AssetFile(asset_id=UUID(asset_id), type=kind, path=path))


def give_faces(system: System, owner: Person, data: bytes) -> UUID:
    """A new person of the user's with a thumbnail, and a profile image of the user; the person's id."""
    person_id = uuid4()
    face = _keep(system, owner, core.person_thumbnail_key(owner.id, person_id), MediaKind.THUMBNAILS, data)
    image = _keep(system, owner, core.profile_image_key(owner.id), MediaKind.PROFILE, data)
    with system.database.write() as session:
        session.add(SeenPerson(id=person_id, owner_id=owner.id, thumbnail_path=face))
        session.get_one(User, owner.id).profile_image_path = image
    return person_id


def _keep(system: System, owner: Person, key: StorageKey, kind: MediaKind, data: bytes) -> str:
    """Keeps an object as services do; its path."""
    path = system.storage.new_path(key, kind)
    objects.announce(system, path, len(data))
    system.storage.put_object(path, data)
    with system.database.write() as session:
        objects.adopt(session, path, kind, owner.id, Digest(len(data), bytes.fromhex(hex_of(data)), 0))
    return path
