"""API keys: what scripts and clients sign in with; a key never gives more than its maker may do."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from errors import BadRequest, Forbidden
from models.users import ApiKey
from services.auth import Auth, token_hash
from services.permissions import Permission
from services.system import System


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key with the secret that opens it; `secret` is shown this once."""

    key: ApiKey
    secret: str


def create_key(system: System, auth: Auth, name: str, permissions: Sequence[Permission]) -> NewKey:
    """Raises BadRequest for permissions that the maker does not have."""
    _refuse_more_than(auth, permissions)
    secret = secrets.token_urlsafe(32)
    key = ApiKey(name=name, key=token_hash(secret), user_id=auth.user_id, permissions=_listed(permissions))
    with system.transaction() as session:
        session.add(key)
    return NewKey(key, secret)


def keys_of(system: System, auth: Auth) -> list[ApiKey]:
    """The user's keys, the newest first."""
    query = select(ApiKey).where(ApiKey.user_id == auth.user_id).order_by(ApiKey.created_at.desc())
    with system.database.read() as session:
        return list(session.scalars(query))


def key_of(system: System, auth: Auth, key_id: UUID) -> ApiKey:
    """One of the user's keys. Raises BadRequest where it is not."""
    with system.database.read() as session:
        return _get(session, auth, key_id)


def asking_key(system: System, auth: Auth) -> ApiKey:
    """The key that asks. Raises Forbidden where a session asks."""
    if auth.api_key_id is None:
        raise Forbidden("Not authenticated with API Key")
    return key_of(system, auth, auth.api_key_id)


def update_key(
    system: System, auth: Auth, key_id: UUID, name: str | None, permissions: Sequence[Permission] | None
) -> ApiKey:
    """Renames a key or changes its permissions; None leaves as it is. Raises BadRequest as create_key does."""
    _refuse_more_than(auth, permissions or ())
    with system.transaction() as session:
        key = _get(session, auth, key_id)
        if name is not None:
            key.name = name
        if permissions is not None:
            key.permissions = _listed(permissions)
    return key


def rotate_key(system: System, auth: Auth, key_id: UUID) -> NewKey:
    """The same key with a new secret; the old one opens nothing any more.

    Raises BadRequest where the key may do more than who asks: its secret would be a way up.
    """
    secret = secrets.token_urlsafe(32)
    with system.transaction() as session:
        key = _get(session, auth, key_id)
        _refuse_more_than(auth, key.permissions)
        key.key = token_hash(secret)
    return NewKey(key, secret)


def delete_key(system: System, auth: Auth, key_id: UUID) -> None:
    """Raises BadRequest where it is not one of the user's keys."""
    ours = (ApiKey.id == key_id) & (ApiKey.user_id == auth.user_id)
    with system.transaction() as session:
        if session.scalar(delete(ApiKey).where(ours).returning(ApiKey.id)) is None:
            raise BadRequest("API Key not found")


def _get(session: Session, auth: Auth, key_id: UUID) -> ApiKey:
    key = session.scalar(select(ApiKey).where(ApiKey.id == key_id, ApiKey.user_id == auth.user_id))
    if key is None:
        raise BadRequest("API Key not found")
    return key


def _refuse_more_than(auth: Auth, permissions: Iterable[str]) -> None:
    if auth.permissions is None or Permission.ALL in auth.permissions:
        return
    if not auth.permissions.issuperset(permissions):
        raise BadRequest("Cannot grant permissions you do not have")


def _listed(permissions: Iterable[Permission]) -> list[str]:
    return [permission.value for permission in dict.fromkeys(permissions)]
