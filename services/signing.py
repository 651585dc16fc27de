"""Signatures of this installation: what it once gave out is known again, and nothing else."""

import hmac
import secrets

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

from models.system import SystemMetadata
from services.system import System

_KEY = "signing-key"
_SECRET = select(SystemMetadata.value).where(SystemMetadata.key == bindparam("key"))


def sign(system: System, message: str) -> str:
    """The signature of a message, as 64 hex digits; the secret is made at the first."""
    return _signed(_secret_of(system) or _new_secret(system), message)


def is_signed(system: System, message: str, signature: str) -> bool:
    """Whether a signature was made here for this very message; in constant time."""
    secret = _secret_of(system)
    return secret is not None and hmac.compare_digest(_signed(secret, message).encode(), signature.encode())


def _signed(secret: str, message: str) -> str:
    return hmac.new(bytes.fromhex(secret), message.encode(), "sha256").hexdigest()


def _secret_of(system: System) -> str | None:
    row = system.database.one(_SECRET, {"key": _KEY})
    return None if row is None else str(row[0]["secret"])


def _new_secret(system: System) -> str:
    secret = secrets.token_hex(32)
    try:
        with system.database.write() as session:
            session.add(SystemMetadata(key=_KEY, value={"secret": secret}))
    except IntegrityError:  # another process was faster
        return _secret_of(system) or secret
    return secret
