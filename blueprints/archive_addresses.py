"""Addresses of archives: what pages link to, and what curl, wget and browsers resume. Not routes of Immich's."""

from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, jsonify, request, url_for

from blueprints.delivery import deliver_archive
from blueprints.downloads import DEFAULT_NAME, DownloadArchive
from blueprints.http import Dto, body_of, current_system, iso, query_of, require
from services import archives, downloads
from services.archives import Archive
from services.downloads import ArchiveAddress
from services.permissions import Permission

bp = Blueprint("archive_addresses", __name__, url_prefix="/downloads")


class AddressQuery(Dto):
    expires: int
    signature: str


@bp.post("")
def new_address() -> tuple[Response, int]:
    who = require(Permission.ASSET_DOWNLOAD)
    body = body_of(DownloadArchive)
    archive, address = downloads.addressed(
        current_system(), who.user_id, body.asset_ids, body.archive_name or DEFAULT_NAME
    )
    size = None if archive.layout is None else archive.layout.size
    return jsonify(url=location_of(address), size=size, expiresAt=iso(address.expires_at)), 201


@bp.get("/<id:archive_id>/<name>")
def archive_at(archive_id: UUID, name: str) -> Response:
    """Who has the address may have the archive; the name is there for those who save by the address."""
    system, query = current_system(), query_of(AddressQuery)
    asked = downloads.archive_at(system, archive_id, query.expires, query.signature)
    archive = archives.archive_of(system, asked.user_id, asked.asset_ids, is_begun="Range" in request.headers)
    if not _continues(asked.etag, archive):
        # Other bytes than those that the client began with: it gets the whole, and notices.
        request.environ.pop("HTTP_RANGE", None)
    if "Range" not in request.headers and archive.layout is not None:
        downloads.note_begun(system, asked, archive.layout.etag)
    return deliver_archive(archive, asked.file_name, "application/zip")


def _continues(begun: str | None, archive: Archive) -> bool:
    """Whether a part goes on with the bytes that the address gave; who says what they have is judged by that."""
    return "If-Range" in request.headers or (archive.layout is not None and archive.layout.etag == begun)


def location_of(address: ArchiveAddress) -> str:
    """A path of this server, with the signature in its query."""
    path = url_for("archive_addresses.archive_at", archive_id=address.id, name=address.file_name)
    query = {"expires": int(address.expires_at.timestamp()), "signature": address.signature}
    return f"{path}?{urlencode(query)}"
