"""Who asks: credentials from a request become an Auth, or an Unauthorized."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import bindparam, select

from errors import Forbidden, Unauthorized
from models.base import Database, utc_now
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


# Built once: every request asks one of these.
_SESSION_USER = (
    select(UserSession.id, UserSession.expires_at, User.id, User.is_admin)
    .join(User, User.id == UserSession.user_id)
    .where(UserSession.token == bindparam("token"), User.deleted_at.is_(None))
)
_API_KEY_USER = (
    select(ApiKey.id, ApiKey.permissions, User.id, User.is_admin)
    .join(User, User.id == ApiKey.user_id)
    .where(ApiKey.key == bindparam("key"), User.deleted_at.is_(None))
)


def authenticate(system: System, credentials: Credentials) -> Auth:
    """The user behind the credentials, in one query. Raises Unauthorized in Immich's words."""
    if credentials.share_key is not None:
        # No link has been shared by this server, so no key opens one.
        raise Unauthorized("Invalid share key")
    if credentials.session_token is not None:
        return _by_session(system.database, credentials.session_token)
    if credentials.api_key is not None:
        return _by_api_key(system.database, credentials.api_key)
    raise Unauthorized("Authentication required")


def _by_session(database: Database, token: str) -> Auth:
    row = database.one(_SESSION_USER, {"token": token_hash(token)})
    if row is None:
        raise Unauthorized("Invalid user token")
    session_id, expires_at, user_id, is_admin = row
    if expires_at is not None and expires_at <= utc_now():
        raise Unauthorized("Invalid user token")
    return Auth(user_id=user_id, is_admin=is_admin, session_id=session_id)


def _by_api_key(database: Database, secret: str) -> Auth:
    row = database.one(_API_KEY_USER, {"key": token_hash(secret)})
    if row is None:
        raise Unauthorized("Invalid API key")
    api_key_id, permissions, user_id, is_admin = row
    return Auth(user_id=user_id, is_admin=is_admin, permissions=frozenset(permissions), api_key_id=api_key_id)
