"""The pages before anyone is signed in: creating the admin, signing in, signing out."""

from flask import Response, request, url_for

from blueprints.cookies import clear_login_cookies, set_login_cookies
from blueprints.html import check_form, local_path_or_home, page, page_blueprint, see_other, visitor
from blueprints.http import current_system
from errors import BadRequest, RequestError, Unauthorized
from services import logins, users
from services.emails import normal_email
from services.sessions import device_of

bp = page_blueprint("sign_in", __name__)

MIN_PASSWORD = 8


@bp.get("/auth/login")
def show_login() -> Response:
    if not users.is_initialized(current_system()):
        return see_other(url_for(".show_sign_up"))
    return page("login.html", next=request.args.get("next", ""))


@bp.post("/auth/login")
def log_in() -> Response:
    check_form()
    email, password, target = (request.form.get(name, "") for name in ("email", "password", "next"))
    try:
        return _signed_in(email, password, local_path_or_home(target))
    except RequestError as error:
        return page("login.html", status=error.status, error=str(error), email=email, next=target)


@bp.get("/auth/register")
def show_sign_up() -> Response:
    if users.is_initialized(current_system()):
        return see_other(url_for(".show_login"))
    return page("sign_up.html", min_password=MIN_PASSWORD)


@bp.post("/auth/register")
def sign_up() -> Response:
    check_form()
    email, name, password = (request.form.get(field, "") for field in ("email", "name", "password"))
    try:
        check_password(password)
        users.sign_up_admin(current_system(), email_of(email), password, name.strip() or email)
        return _signed_in(email, password, url_for("pages.library"))
    except RequestError as error:
        return page("sign_up.html", status=error.status, error=str(error), email=email, name=name,
                    min_password=MIN_PASSWORD)  # fmt: skip


@bp.post("/auth/logout")
def log_out() -> Response:
    response = see_other(url_for(".show_login"))
    clear_login_cookies(response)
    try:
        who = visitor()
    except Unauthorized:
        return response
    check_form()
    logins.log_out(current_system(), who)
    return response


def email_of(text: str) -> str:
    """A typed address in its one spelling. Raises BadRequest."""
    try:
        return normal_email(text)
    except ValueError:
        raise BadRequest("That is not an e-mail address.") from None


def check_password(password: str) -> None:
    """Raises BadRequest where a new password is too short."""
    if len(password) < MIN_PASSWORD:
        raise BadRequest(f"The password needs at least {MIN_PASSWORD} characters.")


def _signed_in(email: str, password: str, target: str) -> Response:
    """Raises Unauthorized and TooManyRequests as logins.log_in does."""
    try:
        address = email_of(email)
    except BadRequest:
        raise Unauthorized("Incorrect email or password") from None
    device = device_of(request.headers.get("User-Agent", ""))
    login = logins.log_in(current_system(), address, password, request.remote_addr, device)
    response = see_other(target)
    set_login_cookies(response, login.token)
    return response
