"""Who asks: credentials from a request become an Auth, or an Unauthorized."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from errors import Forbidden, Unauthorized
from models.base import utc_now
from models.users import ApiKey, User, UserSession
from services.permissions import Permission
from services.system import System


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request brought along, in Immich's order of precedence; at most one is tried."""

    share_key: str | None = None
    session_token: str | None = None
    api_key: str | None = None


@dataclass(frozen=True, slots=True)
class Auth:
    """A known user; `permissions` None means all of them (a session)."""

    user_id: UUID
    is_admin: bool
    permissions: frozenset[str] | None = None
    session_id: UUID | None = None
    api_key_id: UUID | None = None

    def allows(self, permission: Permission) -> bool:
        return self.permissions is None or not self.permissions.isdisjoint((Permission.ALL, permission))

    def demand(self, permission: Permission) -> None:
        """Raises Forbidden, in Immich's words, where the API key lacks the permission."""
        if not self.allows(permission):
            raise Forbidden(f"Missing required permission: {permission}")


def token_hash(token: str) -> bytes:
    """SHA-256, as Immich keeps session tokens and API keys: they are random, so no salt is needed.

    The look-up compares hashes, so its timing tells nothing about a stored token.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def authenticate(system: System, credentials: Credentials) -> Auth:
    """The user behind the credentials, in one query. Raises Unauthorized in Immich's words."""
    if credentials.share_key is not None:
        # No link has been shared by this server, so no key opens one.
        raise Unauthorized("Invalid share key")
    with system.database.read() as session:
        if credentials.session_token is not None:
            return _by_session(session, credentials.session_token, utc_now())
        if credentials.api_key is not None:
            return _by_api_key(session, credentials.api_key)
    raise Unauthorized("Authentication required")


def _by_session(session: Session, token: str, now: datetime) -> Auth:
    row = session.execute(
        select(UserSession.id, UserSession.expires_at, User.id, User.is_admin)
        .join(User, User.id == UserSession.user_id)
        .where(UserSession.token == token_hash(token), User.deleted_at.is_(None))
    ).one_or_none()
    if row is None or (row[1] is not None and row[1] <= now):
        raise Unauthorized("Invalid user token")
    return Auth(user_id=row[2], is_admin=row[3], session_id=row[0])


def _by_api_key(session: Session, secret: str) -> Auth:
    row = session.execute(
        select(ApiKey.id, ApiKey.permissions, User.id, User.is_admin)
        .join(User, User.id == ApiKey.user_id)
        .where(ApiKey.key == token_hash(secret), User.deleted_at.is_(None))
    ).one_or_none()
    if row is None:
        raise Unauthorized("Invalid API key")
    return Auth(user_id=row[2], is_admin=row[3], permissions=frozenset(row[1]), api_key_id=row[0])
