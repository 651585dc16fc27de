"""Sessions: devices that are signed in."""

import secrets
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from models.users import UserSession
from services.access import no_access
from services.auth import Auth, token_hash
from services.permissions import Permission
from services.system import System

_SYSTEMS = (("Android", "Android"), ("iPhone", "iOS"), ("iPad", "iOS"), ("Windows", "Windows"),
            ("Mac OS X", "macOS"), ("CrOS", "Chrome OS"), ("Linux", "Linux"))
# In this order: Edge and Opera also call themselves Chrome, and Chrome calls itself Safari.
_BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"),
             ("Chrome/", "Chrome"), ("CriOS/", "Chrome"), ("Safari/", "Safari"))


@dataclass(frozen=True, slots=True)
class Device:
    """What signed in, in words for the list of sessions."""

    type: str
    os: str


def device_of(user_agent: str) -> Device:
    """The device behind a User-Agent header: the browser or the program's own name, and the system."""
    own_name = user_agent.partition("/")[0].partition(" ")[0][:64]
    kind = next((name for mark, name in _BROWSERS if mark in user_agent), own_name)
    return Device(kind, next((name for mark, name in _SYSTEMS if mark in user_agent), ""))


def begin_session(session: Session, user_id: UUID, device: Device) -> str:
    """Signs a device in, in the caller's transaction; the token is given this once."""
    token = secrets.token_urlsafe(32)
    session.add(UserSession(token=token_hash(token), user_id=user_id, device_type=device.type, device_os=device.os))
    return token


def sessions_of(system: System, user_id: UUID) -> list[UserSession]:
    """The user's signed-in devices, the newest first."""
    query = select(UserSession).where(UserSession.user_id == user_id).order_by(UserSession.created_at.desc())
    with system.database.read() as session:
        return list(session.scalars(query))


def end_session(system: System, auth: Auth, session_id: UUID) -> None:
    """Signs one of the user's devices out. Raises BadRequest (Immich's) where it is not the user's."""
    ours = (UserSession.id == session_id) & (UserSession.user_id == auth.user_id)
    with system.transaction() as session:
        if session.scalar(delete(UserSession).where(ours).returning(UserSession.id)) is None:
            raise no_access(Permission.SESSION_DELETE)


def end_other_sessions(system: System, auth: Auth) -> None:
    """Signs all the user's devices out but the one that asks."""
    with system.transaction() as session:
        end_sessions_of(session, auth.user_id, keep=auth.session_id)


def end_sessions_of(session: Session, user_id: UUID, *, keep: UUID | None = None) -> None:
    """Signs a user's devices out, in the caller's transaction, all but `keep`."""
    query = delete(UserSession).where(UserSession.user_id == user_id)
    session.execute(query if keep is None else query.where(UserSession.id != keep))
