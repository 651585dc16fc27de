"""Sign-up of the first admin, login, logout and who is signed in: /api/auth."""

from typing import Any

from flask import Blueprint, Response, jsonify, request
from pydantic import Field

from blueprints.cookies import clear_login_cookies, set_login_cookies
from blueprints.fields import Email
from blueprints.http import Dto, body_of, current_system, require, signed_in
from blueprints.shapes import user_admin_json
from services import logins, users
from services.permissions import Permission
from services.sessions import device_of

bp = Blueprint("auth", __name__, url_prefix="/api/auth")


class SignUp(Dto):
    email: Email
    password: str
    name: str


class Credentials(Dto):
    email: Email
    password: str


class PasswordChange(Dto):
    password: str
    new_password: str = Field(min_length=8)
    invalidate_sessions: bool = False


@bp.post("/admin-sign-up")
def sign_up_admin() -> tuple[dict[str, Any], int]:
    body = body_of(SignUp)
    return user_admin_json(users.sign_up_admin(current_system(), body.email, body.password, body.name)), 201


@bp.post("/login")
def log_in() -> Response:
    body = body_of(Credentials)
    device = device_of(request.headers.get("User-Agent", ""))
    login = logins.log_in(current_system(), body.email, body.password, request.remote_addr, device)
    response = jsonify(
        accessToken=login.token,
        userId=str(login.user.id),
        userEmail=login.user.email,
        name=login.user.name,
        isAdmin=login.user.is_admin,
        profileImagePath=login.user.profile_image_path,
        shouldChangePassword=login.user.should_change_password,
        isOnboarded=True,
    )
    response.status_code = 201
    set_login_cookies(response, login.token)
    return response


@bp.post("/logout")
def log_out() -> Response:
    logins.log_out(current_system(), signed_in())
    response = jsonify(successful=True, redirectUri="/auth/login?autoLaunch=0")
    clear_login_cookies(response)
    return response


@bp.post("/validateToken")
def validate_token() -> dict[str, Any]:
    signed_in()
    return {"authStatus": True}


@bp.get("/status")
def status() -> dict[str, Any]:
    user = users.user_of(current_system(), signed_in().user_id)
    return {"pinCode": False, "password": bool(user.password), "isElevated": False}


@bp.post("/change-password")
def change_password() -> dict[str, Any]:
    who = require(Permission.AUTH_CHANGE_PASSWORD)
    body = body_of(PasswordChange)
    user = logins.change_password(
        current_system(),
        who,
        body.password,
        body.new_password,
        request.remote_addr,
        end_other_sessions=body.invalidate_sessions,
    )
    return user_admin_json(user)
