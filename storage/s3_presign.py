"""AWS's Signature Version 4 for URLs that are given away and for GETs of our own, as pure functions.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from urllib.parse import parse_qs, quote, urlsplit

from storage.types import SignedUrl

_ALGORITHM = "AWS4-HMAC-SHA256"
_NO_BODY = sha256(b"").hexdigest()
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The credentials that sign; those of a role have a token and end at `expires_at`, seconds since the epoch."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """Where a bucket answers: `origin` and `path` stand before each key, `host` is what clients send as Host."""

    origin: str
    host: str
    path: str
    region: str


@dataclass(frozen=True, slots=True)
class Validity:
    """When a URL counts as signed (seconds since the epoch), for how long it lives and stays the same (seconds)."""

    signed_at: int
    lifetime: int
    fresh_for: int


def site_of(url: str, key: str) -> Site:
    """The site to which a presigned URL leads; `key` is what it was signed for, and needs no quoting."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    if parts.port not in (None, _DEFAULT_PORTS[parts.scheme]):
        host = f"{host}:{parts.port}"
    region = parse_qs(parts.query)["X-Amz-Credential"][0].split("/")[-3]
    return Site(f"{parts.scheme}://{parts.netloc}", host, parts.path.removesuffix(key), region)


def validity_at(now: float, lifetime: int, expires_at: int | None) -> Validity:
    """The validity of a URL given out `now`: the same for a whole window of half a lifetime.

    Whoever takes a fresh URL out of a cache finds at least half of its life before it, also
    where its life is cut because the credentials expire.
    """
    window = max(1, lifetime // 2)
    signed_at = int(now) // window * window
    lives = lifetime if expires_at is None else min(lifetime, expires_at - signed_at)
    return Validity(signed_at, max(1, lives), max(0, int(signed_at + lives // 2 - now)))


def presigned(
    site: Site,
    keys: SigningKeys,
    *,
    method: str,
    key: str,
    lifetime: int,
    now: float,
    query: Mapping[str, str],
    headers: Mapping[str, str],
) -> SignedUrl:
    """The URL at which the method is allowed for the key, up to `lifetime` seconds from `now` on.

    `query` and `headers`, by lower-case names, are signed too; whoever uses the URL sends the headers so.
    """
    valid = validity_at(now, lifetime, keys.expires_at)
    timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(valid.signed_at))
    scope = f"{timestamp[:8]}/{site.region}/s3/aws4_request"
    signed = {"host": site.host, **headers}
    names = sorted(signed)
    parameters = {
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{keys.access_key}/{scope}",
        "X-Amz-Date": timestamp,
        "X-Amz-Expires": str(valid.lifetime),
        "X-Amz-SignedHeaders": ";".join(names),
        **query,
    }
    if keys.token is not None:
        parameters["X-Amz-Security-Token"] = keys.token
    path = site.path + quote(key)
    sorted_query = "&".join([f"{name}={quote(parameters[name], safe='')}" for name in sorted(parameters)])
    lines = "".join([f"{name}:{' '.join(signed[name].split())}\n" for name in names])
    request = f"{method}\n{path}\n{sorted_query}\n{lines}\n{';'.join(names)}\nUNSIGNED-PAYLOAD"
    text = f"{_ALGORITHM}\n{timestamp}\n{scope}\n{sha256(request.encode()).hexdigest()}"
    signing_key = _signing_key(keys.secret_key, timestamp[:8], site.region)
    signature = hmac.digest(signing_key, text.encode(), "sha256").hex()
    return SignedUrl(f"{site.origin}{path}?{sorted_query}&X-Amz-Signature={signature}", valid.fresh_for)


def signed_get(site: Site, keys: SigningKeys, *, key: str, now: float) -> tuple[str, dict[str, str]]:
    """The request target and the headers of a GET for the key, to be sent at once; more headers may be added.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    """
    timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    scope = f"{timestamp[:8]}/{site.region}/s3/aws4_request"
    headers = {"host": site.host, "x-amz-content-sha256": _NO_BODY, "x-amz-date": timestamp}
    if keys.token is not None:
        headers["x-amz-security-token"] = keys.token
    path, names = site.path + quote(key), ";".join(headers)
    lines = "".join([f"{name}:{value}\n" for name, value in headers.items()])
    request = f"GET\n{path}\n\n{lines}\n{names}\n{_NO_BODY}"
    text = f"{_ALGORITHM}\n{timestamp}\n{scope}\n{sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(_signing_key(keys.secret_key, timestamp[:8], site.region), text.encode(), "sha256").hex()
    headers["authorization"] = (
        f"{_ALGORITHM} Credential={keys.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return path, headers


@lru_cache(maxsize=16)
def _signing_key(secret_key: str, day: str, region: str) -> bytes:
    """The key of one day and region: four of the five HMACs of a signature."""
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
