"""Passwords: hashed with bcrypt, as Immich keeps them."""

from functools import cache

import bcrypt

from errors import BadRequest

# Immich's cost.
COST = 10
# bcrypt reads no further; what lies behind would be ignored without a word.
MAX_BYTES = 72


def hash_password(password: str) -> str:
    """The bcrypt hash of a password. Raises BadRequest where bcrypt cannot keep all of it."""
    try:
        data = password.encode()
    except UnicodeEncodeError:
        raise BadRequest("The password is not valid text") from None
    if not 1 <= len(data) <= MAX_BYTES:
        raise BadRequest(f"The password must be 1 to {MAX_BYTES} bytes long")
    return bcrypt.hashpw(data, bcrypt.gensalt(COST)).decode()


def is_password(password: str, hashed: str | None) -> bool:
    """Whether the password is the hashed one; without a hash the answer takes as long and is no."""
    data = password.encode(errors="surrogatepass")
    matches = bcrypt.checkpw(data[:MAX_BYTES], (hashed or _decoy(COST)).encode())
    return matches and bool(hashed) and len(data) <= MAX_BYTES


@cache
def _decoy(cost: int) -> str:
    return bcrypt.hashpw(b"", bcrypt.gensalt(cost)).decode()
