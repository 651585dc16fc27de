"""Signing in and out, and changing one's password."""

from dataclasses import dataclass

from sqlalchemy import delete, select

from errors import BadRequest, Unauthorized
from models.users import User, UserSession
from services import passwords, sessions
from services.auth import Auth
from services.sessions import Device
from services.system import System
from services.throttle import guarded_attempt


@dataclass(frozen=True, slots=True)
class Login:
    """A user who has just signed in; `token` is shown this once."""

    user: User
    token: str


def log_in(system: System, email: str, password: str, client: str | None, device: Device) -> Login:
    """Signs a device in; `client` is the address of who asks.

    Raises Unauthorized for a wrong e-mail address or password, without telling which, and
    TooManyRequests after too many of them.
    """
    with guarded_attempt(system, email, client):
        user = _user_by_password(system, email, password)
    with system.transaction() as session:
        return Login(user, sessions.begin_session(session, user.id, device))


def log_out(system: System, auth: Auth) -> None:
    """Ends the session that asks; who asks with an API key has none to end."""
    if auth.session_id is None:
        return
    with system.transaction() as session:
        session.execute(delete(UserSession).where(UserSession.id == auth.session_id))


def change_password(
    system: System, auth: Auth, old: str, new: str, client: str | None, *, end_other_sessions: bool
) -> User:
    """Raises BadRequest where `old` is wrong or `new` cannot be kept, and TooManyRequests."""
    hashed = passwords.hash_password(new)
    with system.database.read() as session:
        known = session.get_one(User, auth.user_id)
    with guarded_attempt(system, known.email, client):
        if not passwords.is_password(old, known.password):
            raise BadRequest("Wrong password")
    with system.transaction() as session:
        user = session.get_one(User, auth.user_id)
        user.password, user.should_change_password = hashed, False
        if end_other_sessions:
            sessions.end_sessions_of(session, auth.user_id, keep=auth.session_id)
    return user


def _user_by_password(system: System, email: str, password: str) -> User:
    with system.database.read() as session:
        user = session.scalar(select(User).where(User.email == email, User.deleted_at.is_(None)))
    if not passwords.is_password(password, user.password if user else None) or user is None:
        raise Unauthorized("Incorrect email or password")
    return user
