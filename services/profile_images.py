"""Profile images: small pictures of users that every user sees."""

from pathlib import Path
from uuid import UUID

from sqlalchemy import bindparam
from sqlalchemy.orm import Session, aliased

from config import MediaKind
from errors import BadRequest, MediaError, NotFound, StorageError
from media import crops, mime, workshop
from media.mime import MediaType
from models.base import utc_now
from models.objects import StoredObject
from models.users import User
from services import objects
from services.assets import Deliverable
from services.auth import Auth, Credentials, ask, question
from services.permissions import Permission
from services.system import System
from storage import core

_SHOWN = aliased(User)
# Asked together with who asks.
_IMAGE = question(
    lambda who: who
    .add_columns(_SHOWN.profile_image_path, StoredObject.size, StoredObject.sha1, StoredObject.created_at)
    .outerjoin(_SHOWN, (_SHOWN.id == bindparam("shown_id")) & _SHOWN.deleted_at.is_(None))
    .outerjoin(StoredObject, StoredObject.path == _SHOWN.profile_image_path)
)


def check_file_name(name: str) -> None:
    """Raises BadRequest, in Immich's words, where the extension is none of a picture."""
    if mime.asset_type_of(name) is not MediaType.IMAGE:
        raise BadRequest(f"Unsupported file type {name}")


def image_of(system: System, credentials: Credentials, user_id: UUID) -> Deliverable:
    """A user's profile image, for everybody who is signed in; one query, who asks included.

    Raises Unauthorized, Forbidden, and NotFound where there is no such user, or no image of theirs.
    """
    who, row = ask(system, credentials, _IMAGE, shown_id=user_id)
    who.demand(Permission.USER_PROFILE_IMAGE_READ)
    path, size, sha1, created_at = row
    if sha1 is None:
        raise NotFound("Not Found")
    return Deliverable(path, MediaKind.PROFILE, size, sha1.hex(), created_at, mime.content_type_of(path), None)


def set_image(system: System, auth: Auth, file: Path) -> User:
    """Keeps a small copy of a picture file as the user's profile image; the former one is removed.

    Object first, rows second. Raises BadRequest where the file is no picture that can be read, and
    StorageError where the store fails; then nothing has changed.
    """
    path = system.storage.new_path(core.profile_image_key(auth.user_id), MediaKind.PROFILE)
    try:
        with system.staging.upload_from_temp(system.storage, path, content_type="image/webp") as output:
            _shrink(file, output.path)
            objects.announce(system, path, output.path.stat().st_size)
        with system.transaction() as session:
            user = session.get_one(User, auth.user_id, with_for_update=True)
            objects.adopt(session, path, MediaKind.PROFILE, auth.user_id, output.digest)
            former = _replace(session, user, path)
    except StorageError:
        objects.abandon(system, [path])
        raise
    objects.remove_disowned(system, former)
    return user


def remove_image(system: System, auth: Auth) -> None:
    """Leaves the user without a profile image. Raises BadRequest (Immich's) where there is none."""
    with system.transaction() as session:
        user = session.get_one(User, auth.user_id, with_for_update=True)
        if not user.profile_image_path:
            raise BadRequest("Can't delete a missing profile Image")
        former = _replace(session, user, "")
    objects.remove_disowned(system, former)


def _shrink(file: Path, target: Path) -> None:
    try:
        workshop.run(crops.shrink, file, target)
    except MediaError as error:
        raise BadRequest(f"The profile image cannot be read: {error}") from error


def _replace(session: Session, user: User, path: str) -> list[str]:
    """Shows another image, or none, from now on; returns the path that was disowned."""
    former = [user.profile_image_path] if user.profile_image_path else []
    user.profile_image_path, user.profile_changed_at = path, utc_now()
    if former:
        objects.disown(session, former)
    return former
