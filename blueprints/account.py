"""A user's own page: password and API keys."""

from uuid import UUID

from flask import Response, request, url_for

from blueprints.html import check_form, page, page_blueprint, see_other, visitor
from blueprints.http import current_system
from blueprints.sign_in import MIN_PASSWORD, check_password
from errors import BadRequest, RequestError
from services import api_keys, logins
from services.api_keys import NewKey
from services.permissions import Permission

bp = page_blueprint("account", __name__, url_prefix="/account")

# What the official CLI needs for its commands, and nothing more.
FOR_UPLOADS = frozenset(
    {
        Permission.ASSET_UPLOAD,
        Permission.ASSET_STATISTICS,
        Permission.USER_READ,
        Permission.SERVER_ABOUT,
        Permission.ALBUM_READ,
        Permission.ALBUM_CREATE,
        Permission.ALBUM_ASSET_CREATE,
    }
)


@bp.get("")
def show() -> Response:
    return _account()


@bp.post("/keys")
def create_key() -> Response:
    """Answers with the page itself: the secret is shown this once, and stands in no address or cookie."""
    who = visitor()
    check_form()
    try:
        name, permissions = _key_name(), _chosen_permissions()
    except BadRequest as error:
        return _account(status=400, key_error=str(error))
    return _account(new_key=api_keys.create_key(current_system(), who, name, permissions))


@bp.post("/keys/<id:key_id>/delete")
def delete_key(key_id: UUID) -> Response:
    who = visitor()
    check_form()
    api_keys.delete_key(current_system(), who, key_id)
    return see_other(url_for(".show"))


@bp.post("/password")
def change_password() -> Response:
    who = visitor()
    check_form()
    old, new = request.form.get("old", ""), request.form.get("new", "")
    try:
        check_password(new)
        if new != request.form.get("again", ""):
            raise BadRequest("The new password was not typed the same twice.")
        logins.change_password(current_system(), who, old, new, request.remote_addr, end_other_sessions=True)
    except RequestError as error:
        return _account(status=error.status, password_error=str(error))
    return see_other(url_for(".show", changed="password"))


def _account(
    *,
    status: int = 200,
    new_key: NewKey | None = None,
    key_error: str | None = None,
    password_error: str | None = None,
) -> Response:
    # What was typed comes back only where it was wrong.
    typed = request.form if key_error else {}
    return page(
        "account.html",
        status=status,
        keys=api_keys.keys_of(current_system(), visitor()),
        new_key=new_key,
        key_error=key_error,
        password_error=password_error,
        name=typed.get("name", ""),
        access=typed.get("access", "all"),
        chosen=request.form.getlist("permissions") if key_error else sorted(FOR_UPLOADS),
        permissions=sorted(set(Permission) - {Permission.ALL}, key=lambda one: (one not in FOR_UPLOADS, one)),
        for_uploads=FOR_UPLOADS,
        min_password=MIN_PASSWORD,
        has_changed=request.args.get("changed") == "password",
    )


def _key_name() -> str:
    """Raises BadRequest where there is none."""
    name = request.form.get("name", "").strip()
    if not name:
        raise BadRequest("Give the key a name.")
    return name


def _chosen_permissions() -> list[Permission]:
    """Raises BadRequest where nothing is chosen, or what there is not."""
    if request.form.get("access") == "all":
        return [Permission.ALL]
    try:
        chosen = [Permission(one) for one in request.form.getlist("permissions")]
    except ValueError:
        raise BadRequest("That is not a permission.") from None
    if not chosen:
        raise BadRequest("Choose at least one permission.")
    return chosen
