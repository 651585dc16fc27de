"""Profile images of oneself and the other users: /api/users/profile-image and /api/users/{id}/profile-image."""

from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

from flask import Blueprint, Response, jsonify, request

from blueprints import multipart
from blueprints.delivery import deliver
from blueprints.http import credentials_of_request, current_system, give_up_on_silence, iso, no_content, require
from blueprints.upload import Limited, base_name, hear_out
from errors import BadRequest
from media.staging import StagedFile
from services import profile_images
from services.permissions import Permission

bp = Blueprint("profile_images", __name__, url_prefix="/api/users")
bp.after_request(hear_out)

# Far more than any photo of a face.
MAX_BYTES = 64 * 1024 * 1024
# What Immich's file server says where nobody tells it otherwise.
CACHE_AND_ASK = "public, max-age=0"


@bp.post("/profile-image")
def set_profile_image() -> tuple[Response, int]:
    who = require(Permission.USER_PROFILE_IMAGE_UPDATE)
    give_up_on_silence()
    with ExitStack() as stack:
        user = profile_images.set_image(current_system(), who, _received(stack))
    return jsonify(
        userId=str(user.id),
        profileImagePath=user.profile_image_path,
        profileChangedAt=iso(user.profile_changed_at),
    ), 201


@bp.delete("/profile-image")
def remove_profile_image() -> Response:
    profile_images.remove_image(current_system(), require(Permission.USER_PROFILE_IMAGE_DELETE))
    return no_content()


@bp.get("/<id:user_id>/profile-image")
def view_profile_image(user_id: UUID) -> Response:
    found = profile_images.image_of(current_system(), credentials_of_request(), user_id)
    return deliver(found, cache_control=CACHE_AND_ASK)


def _received(stack: ExitStack) -> Path:
    """The form's file in staging, removed by the stack. Raises BadRequest where there is none, or too much of it."""
    files: list[StagedFile] = []

    def open_file(name: str, file_name: str) -> multipart.Sink:
        if name != "file" or files:
            raise BadRequest(f"Unexpected field - {name}")
        profile_images.check_file_name(base_name(file_name))
        files.append(stack.enter_context(current_system().staging.new_file()))
        return Limited(files[0], MAX_BYTES, BadRequest("The profile image is too large"))

    multipart.read_form(request.stream, request.headers.get("Content-Type", ""), open_file)
    if not files:
        raise BadRequest("File is required")
    return files[0].path
