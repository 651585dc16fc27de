"""The cookies that keep a browser signed in, under Immich's names."""

from flask import Response, request

from blueprints.http import ACCESS_COOKIE

# 400 days: browsers keep no cookie longer.
_MAX_AGE = 400 * 24 * 3600
_TYPE_COOKIE = "immich_auth_type"
_MARK_COOKIE = "immich_is_authenticated"


def set_login_cookies(response: Response, token: str) -> None:
    """Signs the browser in; scripts of a page can read only that somebody is signed in."""
    for name, value, is_hidden in (
        (ACCESS_COOKIE, token, True),
        (_TYPE_COOKIE, "password", True),
        (_MARK_COOKIE, "true", False),
    ):
        response.set_cookie(
            name, value, max_age=_MAX_AGE, httponly=is_hidden, secure=request.is_secure, samesite="Lax"
        )


def clear_login_cookies(response: Response) -> None:
    for name in (ACCESS_COOKIE, _TYPE_COOKIE, _MARK_COOKIE):
        response.delete_cookie(name, secure=request.is_secure, samesite="Lax")
