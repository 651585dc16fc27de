"""Who asks: credentials from a request become an Auth, or an Unauthorized."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, null, select

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


# Built once, as every request asks one of these; both give the same columns: id, expiry, permissions, user, admin.
_BY_SESSION = (
    select(UserSession.id, UserSession.expires_at, null(), User.id, User.is_admin)
    .select_from(UserSession)
    .join(User, User.id == UserSession.user_id)
    .where(UserSession.token == bindparam("token"), User.deleted_at.is_(None))
)
_BY_API_KEY = (
    select(ApiKey.id, null(), ApiKey.permissions, User.id, User.is_admin)
    .select_from(ApiKey)
    .join(User, User.id == ApiKey.user_id)
    .where(ApiKey.key == bindparam("token"), User.deleted_at.is_(None))
)
_WHO_COLUMNS = 5


@dataclass(frozen=True, slots=True)
class Question:
    """What a request asks the database, together with who asks: one statement for each way to sign in."""

    by_session: Select[*tuple[Any, ...]]
    by_api_key: Select[*tuple[Any, ...]]


def question(extend: Callable[[Select[*tuple[Any, ...]]], Select[*tuple[Any, ...]]]) -> Question:
    """A Question whose statements `extend` has added columns and outer joins to; `User` is the one who asks."""
    return Question(by_session=extend(_BY_SESSION), by_api_key=extend(_BY_API_KEY))


_WHO_ALONE = question(lambda who: who)


def authenticate(system: System, credentials: Credentials) -> Auth:
    """The user behind the credentials, in one query. Raises Unauthorized in Immich's words."""
    return ask(system, credentials, _WHO_ALONE)[0]


def ask(
    system: System, credentials: Credentials, asked: Question, **parameters: object
) -> tuple[Auth, Sequence[Any]]:
    """Who asks, and the columns that the question added, in one query. Raises Unauthorized in Immich's words."""
    if credentials.share_key is not None:
        # No link has been shared by this server, so no key opens one.
        raise Unauthorized("Invalid share key")
    if credentials.session_token is not None:
        row = system.database.one(asked.by_session, {"token": token_hash(credentials.session_token), **parameters})
        if row is None or (row[1] is not None and row[1] <= utc_now()):
            raise Unauthorized("Invalid user token")
        return Auth(user_id=row[3], is_admin=row[4], session_id=row[0]), row[_WHO_COLUMNS:]
    if credentials.api_key is not None:
        row = system.database.one(asked.by_api_key, {"token": token_hash(credentials.api_key), **parameters})
        if row is None:
            raise Unauthorized("Invalid API key")
        who = Auth(user_id=row[3], is_admin=row[4], permissions=frozenset(row[2]), api_key_id=row[0])
        return who, row[_WHO_COLUMNS:]
    raise Unauthorized("Authentication required")
