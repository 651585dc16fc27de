"""Who carries the bytes of a response: a decision as pure functions, told as a table in docs/delivery.md."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from blueprints.conditions import Verdict
from config import DeliveryMode, DeliverySettings, MediaKind

# HTTP stacks take these along to wherever a redirect leads: they would leak, and stores answer 400.
_CREDENTIALS = frozenset({
    "HTTP_AUTHORIZATION", "HTTP_X_API_KEY", "HTTP_X_IMMICH_USER_TOKEN", "HTTP_X_IMMICH_SESSION_TOKEN",
    "HTTP_X_IMMICH_SHARE_KEY", "HTTP_X_IMMICH_SHARE_SLUG",
})  # fmt: skip
# Validators are ours: neither the store nor nginx could judge them.
_CONDITIONS = frozenset({
    "HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE", "HTTP_IF_RANGE",
})  # fmt: skip
# What a script fetched has to come from this origin, or the browser keeps it from the script.
_SCRIPTED = frozenset({"cors", "same-origin", "websocket"})
# A range that everyone reads alike.
_PLAIN_RANGE = re.compile(r"bytes=(?:\d{1,18}-\d{0,18}|-\d{1,18})", re.ASCII)
# Small, many, and drawn on canvases: they come from this origin.
_STAYS_HERE = frozenset({MediaKind.THUMBNAILS, MediaKind.PROFILE})


class Carrier(StrEnum):
    """`redirect`: the client fetches from the bucket. `accel`: nginx fetches. `proxy`: this process sends."""

    REDIRECT = "redirect"
    ACCEL = "accel"
    PROXY = "proxy"


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a request bears on who carries the bytes.

    `length`: bytes that are to be sent. `is_plain`: no precondition, and no range or a plain one.
    `may_leave`: nothing is leaked and nothing breaks where the client fetches from the bucket itself.
    """

    method: str
    length: int
    is_plain: bool
    through_nginx: bool
    may_leave: bool


def carrier_of(asked: Asked, kind: MediaKind, how: DeliverySettings) -> Carrier:
    """Who carries the bytes of an object of the kind, under the settings."""
    if not asked.is_plain:
        return Carrier.PROXY
    if asked.may_leave and _is_worth_a_redirect(asked, kind, how):
        return Carrier.REDIRECT
    # HEAD has no bytes: what is known here is all of the answer.
    return Carrier.ACCEL if how.accel and asked.through_nginx and asked.method == "GET" else Carrier.PROXY


def _is_worth_a_redirect(asked: Asked, kind: MediaKind, how: DeliverySettings) -> bool:
    if how.mode is DeliveryMode.AUTO:
        return asked.method == "GET" and kind not in _STAYS_HERE and asked.length >= how.redirect_bytes
    return how.mode is DeliveryMode.REDIRECT


def is_plain(environ: Mapping[str, Any], verdict: Verdict) -> bool:
    """Whether whoever serves the object by itself will answer as this server has judged."""
    if not environ.keys().isdisjoint(_CONDITIONS):
        return False
    if "HTTP_RANGE" not in environ:
        return True
    return len(verdict.ranges) == 1 and _PLAIN_RANGE.fullmatch(environ["HTTP_RANGE"]) is not None


def reads_the_same_range(environ: Mapping[str, Any]) -> bool:
    """Whether a proxy is nginx with our site configuration, and has the same range before it as we have."""
    return bool(environ.get("HTTP_X_ACCEL_RANGE") == f"[{environ.get('HTTP_RANGE', '')}]")


def may_leave(environ: Mapping[str, Any], host: str, public_origin: str) -> bool:
    """Whether a request may be sent on to the bucket at `public_origin`, which clients reach.

    `environ` is the request's, with `wsgi.url_scheme` and `host` (without port) as the client sees them.
    """
    if not environ.keys().isdisjoint(_CREDENTIALS):
        return False
    if environ.get("HTTP_SEC_FETCH_MODE") in _SCRIPTED or _refuses_redirects(environ.get("QUERY_STRING", "")):
        return False
    bucket = urlsplit(public_origin)
    if environ["wsgi.url_scheme"] == "https" and bucket.scheme != "https":
        return False  # mixed content: browsers refuse it
    # Cookies know no ports: on the same host the bucket would get ours.
    return "HTTP_COOKIE" not in environ or bucket.hostname != host


def _refuses_redirects(query: str) -> bool:
    return any(part in ("redirect=false", "redirect=0") for part in query.split("&"))
