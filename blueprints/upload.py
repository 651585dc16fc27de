"""POST /api/assets and its checksum check: uploads from Immich clients and from our own pages."""

import binascii
from base64 import b64decode
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Annotated, Any
from uuid import UUID

from flask import Blueprint, Response, jsonify, request
from pydantic import AfterValidator, AwareDatetime, BeforeValidator
from werkzeug.exceptions import BadRequest as BadRequestError

from blueprints import http, multipart
from blueprints.http import Dto, body_of, current_system, give_up_on_silence, require
from errors import BadRequest, QuotaExceeded
from media.staging import StagedFile
from models.assets import AssetVisibility
from services import uploads
from services.permissions import Permission
from services.uploads import KnownAsset, NewAsset, ReceivedFile, UploadResult, UploadStatus

bp = Blueprint("upload", __name__, url_prefix="/api/assets")

SHA1_BYTES = 20
# A client that is still sending when it is answered is listened to for so long (seconds).
DRAIN_SECONDS = 60
MAX_SIDECAR_BYTES = 16 * 1024 * 1024


def _within_calendar(moment: datetime) -> datetime:
    if not 2 <= moment.year <= 9998:
        raise ValueError("the year is out of range")
    return moment


def _lenient_duration(value: Any) -> int | None:
    """Milliseconds; older clients send text such as 0:00:00.000000, which says nothing."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10 else None


Moment = Annotated[AwareDatetime, AfterValidator(_within_calendar)]


class AssetMediaCreate(Dto):
    file_created_at: Moment
    file_modified_at: Moment
    filename: str | None = None
    is_favorite: bool = False
    visibility: AssetVisibility = AssetVisibility.TIMELINE
    duration: Annotated[int | None, BeforeValidator(_lenient_duration)] = None
    live_photo_video_id: UUID | None = None


class BulkUploadCheckItem(Dto):
    id: str
    checksum: str


class BulkUploadCheck(Dto):
    assets: list[BulkUploadCheckItem]


@bp.post("")
def upload_asset() -> Response:
    who = require(Permission.ASSET_UPLOAD)
    give_up_on_silence()
    system = current_system()
    promised = checksum_of(request.headers.get("x-immich-checksum", ""))
    if promised is not None and (known := uploads.known_asset(system, who, promised)):
        return _answer(UploadResult(known.asset_id, UploadStatus.DUPLICATE))
    with ExitStack() as stack:
        form = _Form(stack, room=uploads.room_left(system, who))
        fields = multipart.read_form(request.stream, request.headers.get("Content-Type", ""), form.open_file)
        dto = http.validated(AssetMediaCreate, fields)
        file = form.received("assetData", dto.filename)
        if file is None:
            raise BadRequest("File is required")
        if promised is not None and promised != file.digest.sha1:
            raise BadRequest("The file does not have the checksum that was sent with it")
        return _answer(uploads.store(system, who, _new_asset(dto, file), file, form.received("sidecarData")))


@bp.post("/bulk-upload-check")
def bulk_upload_check() -> Response:
    who = require(Permission.ASSET_UPLOAD)
    asked = [(item.id, checksum_of(item.checksum)) for item in body_of(BulkUploadCheck).assets]
    known = uploads.known_checksums(current_system(), who, [checksum for _, checksum in asked if checksum])
    return jsonify(results=[_check_result(name, known.get(checksum or b"")) for name, checksum in asked])


def checksum_of(text: str) -> bytes | None:
    """A SHA-1 as clients write it: 28 characters are base64, else hex; None where it is neither."""
    try:
        found = b64decode(text, validate=True) if len(text) == 28 else bytes.fromhex(text)
    except (binascii.Error, ValueError):
        return None
    return found if len(found) == SHA1_BYTES else None


@bp.after_request
def hear_out(response: Response) -> Response:
    """Many clients read no answer before they have sent all, so what is left of the body is read away."""
    if request.method == "POST" and not response.is_streamed:
        stream, deadline = request.stream, monotonic() + DRAIN_SECONDS

        def drain() -> None:
            try:
                while monotonic() < deadline and stream.read(multipart.READ_BYTES):
                    pass
            except (BadRequestError, OSError):
                return

        response.call_on_close(drain)
    return response


@dataclass
class _Form:
    """The files of one form, received into staging; the stack removes them."""

    stack: ExitStack
    room: int | None
    files: dict[str, tuple[str, StagedFile]] = field(default_factory=dict)

    def open_file(self, name: str, file_name: str) -> multipart.Sink:
        shown = base_name(file_name)
        if name == "assetData" and "." in shown:
            uploads.check_file_name(shown)
        if name in self.files:
            raise BadRequest(f"More than one {name}")
        staged = self.stack.enter_context(current_system().staging.new_file())
        self.files[name] = (shown, staged)
        if name == "assetData":
            return Limited(staged, self.room, QuotaExceeded())
        return Limited(staged, MAX_SIDECAR_BYTES, BadRequest(f"{name} is too large"))

    def received(self, name: str, file_name: str | None = None) -> ReceivedFile | None:
        if name not in self.files:
            return None
        sent_name, staged = self.files[name]
        return ReceivedFile(staged.path, base_name(file_name or "") or sent_name, staged.digest)


@dataclass
class Limited:
    """Writes through, until there is no room left."""

    staged: StagedFile
    room: int | None
    error: Exception

    def write(self, data: bytes) -> None:
        if self.room is not None and self.staged.size + len(data) > self.room:
            raise self.error
        self.staged.write(data)


def base_name(name: str) -> str:
    """The last part of a file name, whatever path a client sent before it."""
    return name.replace("\\", "/").rpartition("/")[2].strip()


def _new_asset(dto: AssetMediaCreate, file: ReceivedFile) -> NewAsset:
    return NewAsset(
        file_name=file.name,
        file_created_at=dto.file_created_at,
        file_modified_at=dto.file_modified_at,
        is_favorite=dto.is_favorite,
        visibility=dto.visibility,
        duration=dto.duration,
        live_photo_video_id=dto.live_photo_video_id,
    )


def _answer(result: UploadResult) -> Response:
    response = jsonify(id=str(result.asset_id), status=result.status)
    response.status_code = 201 if result.status is UploadStatus.CREATED else 200
    return response


def _check_result(name: str, known: KnownAsset | None) -> dict[str, Any]:
    if known is None:
        return {"id": name, "action": "accept"}
    return {
        "id": name,
        "action": "reject",
        "reason": "duplicate",
        "assetId": str(known.asset_id),
        "isTrashed": known.is_trashed,
    }


