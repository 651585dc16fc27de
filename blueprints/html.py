"""What every page shares: who is signed in, tokens in forms, the content policy, errors as pages."""

import hmac
import secrets
from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, g, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from blueprints import http
from blueprints.http import ACCESS_COOKIE, current_system, refuse_cross_site
from blueprints.server import human_size
from errors import AppError, Forbidden, Unauthorized
from models.users import User
from services import auth, users
from services.auth import Auth, Credentials

# For forms of visitors who have no session yet.
FORM_COOKIE = "bucketroll_form"
FORM_FIELD = "form_token"
# A form is read into memory whole, by whoever sends one.
FORM_BYTES = 500_000


def content_policy(origins: Iterable[str]) -> str:
    """Everything comes from this server, and nothing inline; pictures and videos also from the buckets."""
    media = " ".join(("blob:", *origins))
    return "; ".join(
        (
            "default-src 'self'",
            f"img-src 'self' data: {media}",
            f"media-src 'self' {media}",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def visitor() -> Auth:
    """Who looks at the page: a session in the cookie, and nothing else. Raises Unauthorized."""
    if "visitor" not in g:
        token = request.cookies.get(ACCESS_COOKIE)
        g.visitor = auth.authenticate(current_system(), Credentials(session_token=token or None))
    who: Auth = g.visitor
    return who


def visiting_admin() -> Auth:
    """Raises Unauthorized, or Forbidden for those who are no administrators."""
    who = visitor()
    if not who.is_admin:
        raise Forbidden("This page is for administrators.")
    return who


def check_form() -> None:
    """Raises Forbidden where a posted form is not one that this server gave to this browser."""
    refuse_cross_site()
    sent = request.form.get(FORM_FIELD, "")
    if not hmac.compare_digest(sent.encode(), _token_of(_form_secret()).encode()):
        raise Forbidden("This form is no longer valid. Please load the page again.")


def form_token() -> str:
    """What the forms of this page carry: only who knows the browser's secret can say it."""
    return _token_of(_form_secret())


def _form_secret() -> str:
    """The session's token; where there is no session, a random one in a cookie of its own."""
    try:
        visitor()
    except Unauthorized:
        if "form_secret" not in g:
            g.form_secret = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(32)
        secret: str = g.form_secret
        return secret
    return request.cookies[ACCESS_COOKIE]


def _token_of(secret: str) -> str:
    return hmac.new(secret.encode(), b"bucketroll form", "sha256").hexdigest()


def page(template: str, *, status: int = 200, **values: Any) -> Response:
    """A page from a template."""
    response = make_response(render_template(template, **values), status)
    # Pages show who one is and carry secrets of forms: neither proxies nor the back button keep them.
    response.headers["Cache-Control"] = "private, no-store"
    return response


def see_other(location: str) -> Response:
    """Post, redirect, get: loading the next page again posts nothing again."""
    response = make_response(redirect(location, 303))
    response.headers["Cache-Control"] = "private, no-store"
    return response


def local_path_or_home(target: str) -> str:
    """Where to go after signing in: a path of this server, whatever a link claims."""
    parts = urlsplit(target)
    is_ours = target.startswith("/") and not target.startswith("//") and "\\" not in target
    return target if is_ours and target.isprintable() and not parts.netloc else url_for("pages.library")


def page_blueprint(name: str, module: str, url_prefix: str | None = None) -> Blueprint:
    """A blueprint that answers in HTML, errors too."""
    blueprint = Blueprint(name, module, url_prefix=url_prefix)
    blueprint.before_request(_limit_form)
    blueprint.register_error_handler(AppError, _on_error)
    blueprint.register_error_handler(HTTPException, _on_http_error)
    blueprint.after_request(_finish)
    return blueprint


def install(app: Flask, *blueprints: Blueprint) -> None:
    """Prepares the templates, and registers blueprints that answer in HTML."""
    app.jinja_env.globals["form_token"] = form_token
    app.jinja_env.globals["form_field"] = FORM_FIELD
    app.jinja_env.globals["signed_in_user"] = _signed_in_user
    app.jinja_env.filters["day"] = day
    app.jinja_env.filters["moment"] = moment
    app.jinja_env.filters["human_size"] = human_size
    app.jinja_env.filters["base64"] = lambda data: b64encode(data).decode()
    for blueprint in blueprints:
        app.register_blueprint(blueprint)


def day(taken: datetime) -> str:
    """`Wed 1 May 2024`, in the photo's own time."""
    return f"{taken:%a} {taken.day} {taken:%B} {taken.year}"


def moment(taken: datetime) -> str:
    """`Wed 1 May 2024, 10:00`, in the photo's own time."""
    return f"{day(taken)}, {taken:%H:%M}"


def _signed_in_user() -> User | None:
    try:
        return users.user_of(current_system(), visitor().user_id)
    except Unauthorized:
        return None


def _limit_form() -> None:
    request.max_content_length = FORM_BYTES


def _on_error(error: AppError) -> Response:
    if isinstance(error, Unauthorized):
        target = request.full_path.rstrip("?") if request.method == "GET" else None
        return see_other(url_for("sign_in.show_login", next=None if target == "/" else target))
    if error.status >= 500:
        http.logger.error("%s %s: %s", request.method, request.path, error)
    return page("error.html", status=error.status, message=str(error))


def _on_http_error(error: HTTPException) -> Response:
    return page("error.html", status=error.code or 500, message=error.description or error.name)


def _finish(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = content_policy(current_system().storage.public_origins)
    response.headers["Referrer-Policy"] = "same-origin"
    if "form_secret" in g and FORM_COOKIE not in request.cookies:
        response.set_cookie(FORM_COOKIE, g.form_secret, httponly=True, secure=request.is_secure, samesite="Strict")
    return response
