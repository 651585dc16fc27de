"""Users: the first administrator, and the people that administrators add."""

from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID
from zlib import crc32

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from errors import BadRequest, Forbidden
from models.base import utc_now
from models.users import User
from services import passwords, sessions
from services.auth import Auth
from services.changes import UNSET, Unset, apply_changes
from services.locks import take_turns
from services.system import System


class AvatarColor(StrEnum):
    PRIMARY = "primary"
    PINK = "pink"
    RED = "red"
    YELLOW = "yellow"
    BLUE = "blue"
    GREEN = "green"
    PURPLE = "purple"
    ORANGE = "orange"
    GRAY = "gray"
    AMBER = "amber"


class UserStatus(StrEnum):
    """A deleted user can be restored."""

    ACTIVE = "active"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChanges:
    """What is to be different about a user; UNSET leaves as it is. `email` is a normal_email."""

    email: str | Unset = UNSET
    name: str | Unset = UNSET
    password: str | Unset = UNSET
    is_admin: bool | Unset = UNSET
    should_change_password: bool | Unset = UNSET
    avatar_color: AvatarColor | Unset | None = UNSET
    storage_label: str | Unset | None = UNSET
    quota_size_in_bytes: int | Unset | None = UNSET


def is_initialized(system: System) -> bool:
    """Whether somebody has signed up as the first administrator."""
    with system.database.read() as session:
        return session.scalar(select(exists(select(User.id)))) or False


def sign_up_admin(system: System, email: str, password: str, name: str) -> User:
    """The first user of all, an administrator. Raises BadRequest where there is a user already.

    Of two at once, one is let in.
    """
    taken = BadRequest("The server already has an admin")
    if is_initialized(system):
        # Asked before the password is hashed: anyone may call this, and hashing is slow on purpose.
        raise taken
    hashed = passwords.hash_password(password)
    with system.transaction() as session:
        take_turns(session, "users")
        if session.scalar(select(exists(select(User.id)))):
            raise taken
        user = User(
            email=email,
            password=hashed,
            name=name,
            is_admin=True,
            should_change_password=False,
            storage_label="admin",
            avatar_color=_color_for(email),
        )
        session.add(user)
    return user


def create_user(system: System, email: str, changes: UserChanges) -> User:
    """A new user. Raises BadRequest where the address or the storage label is taken."""
    user = User(email=email, avatar_color=_color_for(email))
    apply_changes(user, _hashed(changes))
    with system.transaction() as session:
        take_turns(session, "users")
        _refuse_taken(session, user)
        session.add(user)
    return user


def user_of(system: System, user_id: UUID, *, with_deleted: bool = False) -> User:
    """Raises BadRequest (Immich's) where there is no such user."""
    with system.database.read() as session:
        return _get(session, user_id, with_deleted=with_deleted)


def all_users(system: System, *, with_deleted: bool = False) -> list[User]:
    """Every user, the oldest first."""
    query = select(User).order_by(User.created_at, User.id)
    if not with_deleted:
        query = query.where(User.deleted_at.is_(None))
    with system.database.read() as session:
        return list(session.scalars(query))


def update_user(system: System, auth: Auth, user_id: UUID, changes: UserChanges) -> User:
    """The user with the changes made; a new password ends the other sessions of somebody else.

    Raises BadRequest where an address or label is taken, and Forbidden where nobody would be
    left to administrate or administrators change their own standing.
    """
    changes = _hashed(changes)
    with system.transaction() as session:
        take_turns(session, "users")
        user = _get(session, user_id)
        if changes.is_admin not in (UNSET, user.is_admin) and user_id == auth.user_id:
            raise Forbidden("Only another admin can change your admin status")
        apply_changes(user, changes)
        _refuse_taken(session, user)
        _keep_an_admin(session)
        if changes.password is not UNSET and user_id != auth.user_id:
            sessions.end_sessions_of(session, user_id)
    return user


def reset_password(system: System, email: str, password: str) -> User:
    """A new password for whoever lost theirs, signed out everywhere. Raises BadRequest for an unknown address."""
    hashed = passwords.hash_password(password)
    with system.transaction() as session:
        user = session.scalar(select(User).where(User.email == email))
        if user is None:
            raise BadRequest("User not found")
        user.password, user.should_change_password = hashed, False
        sessions.end_sessions_of(session, user.id)
    return user


def delete_user(system: System, auth: Auth, user_id: UUID) -> User:
    """The user, signed out everywhere and hidden until restored; nothing of theirs is removed.

    Raises Forbidden for oneself and for the last administrator.
    """
    if user_id == auth.user_id:
        raise Forbidden("You cannot delete your own account")
    with system.transaction() as session:
        take_turns(session, "users")
        user = _get(session, user_id)
        user.status, user.deleted_at = UserStatus.DELETED, utc_now()
        _keep_an_admin(session)
        sessions.end_sessions_of(session, user_id)
    return user


def restore_user(system: System, user_id: UUID) -> User:
    """The user as before the deletion, but signed out. Restoring who was not deleted changes nothing."""
    with system.transaction() as session:
        user = _get(session, user_id, with_deleted=True)
        user.status, user.deleted_at = UserStatus.ACTIVE, None
    return user


def _get(session: Session, user_id: UUID, *, with_deleted: bool = False) -> User:
    user = session.get(User, user_id)
    if user is None or (user.deleted_at is not None and not with_deleted):
        raise BadRequest("User not found")
    return user


def _hashed(changes: UserChanges) -> UserChanges:
    """The changes with the password hashed, before a transaction begins: hashing is slow on purpose."""
    if changes.password is UNSET:
        return changes
    return replace(changes, password=passwords.hash_password(changes.password))


def _refuse_taken(session: Session, user: User) -> None:
    with session.no_autoflush:
        others = select(User.id).where(User.id != user.id) if user.id else select(User.id)
        if session.scalar(select(exists(others.where(User.email == user.email)))):
            raise BadRequest("Email already in use by another account")
        label = user.storage_label
        if label and session.scalar(select(exists(others.where(User.storage_label == label)))):
            raise BadRequest("Storage label already in use by another account")


def _keep_an_admin(session: Session) -> None:
    session.flush()
    admins = select(func.count()).select_from(User).where(User.is_admin, User.deleted_at.is_(None))
    if not session.scalar(admins):
        raise Forbidden("The last admin cannot be removed")


def _color_for(email: str) -> AvatarColor:
    colors = tuple(AvatarColor)
    return colors[crc32(email.encode()) % len(colors)]
