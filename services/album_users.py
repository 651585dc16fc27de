"""With whom an album is shared."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from errors import BadRequest
from models.albums import AlbumRole, AlbumUser
from models.users import User
from services.albums import ANY_ROLE, OWNER_ONLY, AlbumView, album_to_change, view_of
from services.auth import Auth
from services.permissions import Permission
from services.system import System


@dataclass(frozen=True, slots=True)
class Guest:
    """Someone who is to see an album; `role` is editor or viewer."""

    user_id: UUID
    role: AlbumRole


def share_album(system: System, auth: Auth, album_id: UUID, guests: Sequence[Guest]) -> AlbumView:
    """Raises BadRequest where the user is not the owner, or a guest unknown or there already."""
    with system.transaction() as session:
        album_to_change(session, auth, album_id, OWNER_ONLY, Permission.ALBUM_SHARE)
        add_guests(session, album_id, guests)
        return view_of(session, auth, album_id)


def add_guests(session: Session, album_id: UUID, guests: Sequence[Guest]) -> None:
    """In the caller's transaction. Raises BadRequest where a guest is unknown or there already."""
    wanted = {guest.user_id for guest in guests}
    known = set(session.scalars(select(User.id).where(User.id.in_(wanted), User.deleted_at.is_(None))))
    members = set(session.scalars(select(AlbumUser.user_id).where(AlbumUser.album_id == album_id)))
    for guest in guests:
        if guest.user_id not in known:
            raise BadRequest("User not found")
        if guest.user_id in members:
            raise BadRequest("User already added")
        members.add(guest.user_id)
        session.add(AlbumUser(album_id=album_id, user_id=guest.user_id, role=_guest_role(guest.role)))


def change_role(system: System, auth: Auth, album_id: UUID, user_id: UUID, role: AlbumRole) -> None:
    """Raises BadRequest where the user is not the owner, or `user_id` no guest."""
    with system.transaction() as session:
        album_to_change(session, auth, album_id, OWNER_ONLY, Permission.ALBUM_SHARE)
        _guest(session, album_id, user_id).role = _guest_role(role)


def remove_guest(system: System, auth: Auth, album_id: UUID, user_id: UUID) -> None:
    """The owner sends guests away, guests leave by themselves. Raises BadRequest for anything else."""
    roles = ANY_ROLE if user_id == auth.user_id else OWNER_ONLY
    with system.transaction() as session:
        album_to_change(session, auth, album_id, roles, Permission.ALBUM_SHARE)
        session.delete(_guest(session, album_id, user_id))


def _guest(session: Session, album_id: UUID, user_id: UUID) -> AlbumUser:
    member = session.get(AlbumUser, (album_id, user_id))
    if member is None:
        raise BadRequest("Album not shared with user")
    if member.role is AlbumRole.OWNER:
        raise BadRequest("The owner of an album stays its owner")
    return member


def _guest_role(role: AlbumRole) -> AlbumRole:
    if role is AlbumRole.OWNER:
        raise BadRequest("An album has one owner")
    return role
