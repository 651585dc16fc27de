"""deliver(): the one place that answers a request for bytes; docs/delivery.md is its picture."""

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

from flask import Response, json, request
from werkzeug.http import HTTP_STATUS_CODES, http_date

from blueprints.bodies import archived, relayed, sent_by_the_kernel
from blueprints.byteranges import MultipartByteranges, content_range
from blueprints.carriers import Asked, Carrier, carrier_of, is_plain, may_leave, reads_the_same_range
from blueprints.conditions import Validators, Verdict, judge
from blueprints.disposition import Disposition, content_disposition
from blueprints.http import current_system, give_up_on_silence
from blueprints.proxies import PROXIED
from config import MediaKind
from errors import IntegrityMismatch, NotFound, ObjectNotFound
from services import archives
from services.archives import Archive
from services.assets import Deliverable
from storage.backend import ReadStream
from storage.service import LocatedObject
from storage.types import ByteRange

# Immich's: a browser keeps a picture for a day and may show it while it asks again.
CACHE_FOR_A_DAY = "private, max-age=86400, no-transform, stale-while-revalidate=2592000, stale-if-error=2592000"
# Where deploy/nginx/bucketroll.conf takes over; nobody reaches these from outside.
ACCEL_DISK = "/_accel/disk/"
ACCEL_BUCKET = "/_accel/bucket"
ACCEL_THUMBNAILS = "/_accel/bucket/thumbs"
# What decides about a redirect besides the address.
_REDIRECT_VARIES = "Cookie, Authorization, x-api-key, Sec-Fetch-Mode, Range"

Headers = list[tuple[str, str]]


class _ByteResponse(Response):
    """A response that has no content type unless it is given one."""

    default_mimetype = None


def deliver(
    item: Deliverable, *, cache_control: str = CACHE_FOR_A_DAY, disposition: Disposition = "inline"
) -> Response:
    """The bytes of an object, whole or in ranges, under the request's preconditions.

    Costs no database query, and one read of the store at most for each range; none where the
    client or nginx is sent there. Raises NotFound, and StorageError where the store fails.
    """
    verdict = judge(request.method, request.environ, Validators(item.etag, item.last_modified, item.size))
    headers = _headers_of(item.etag, item.last_modified, cache_control)
    _describe(headers, item, disposition)
    if verdict.status not in (200, 206):
        return _without_bytes(verdict.status, headers, item.size)
    place = current_system().storage.locate(item.path)
    local = place.backend.local_path(place.key)
    carrier = _carrier_of(item, place, verdict)
    if carrier is Carrier.REDIRECT:
        return _redirect(item, place, disposition)
    if carrier is Carrier.ACCEL:
        return _accel(item, place, local, headers)
    return _proxy(item, place, local, verdict, headers)


def deliver_archive(archive: Archive, file_name: str, content_type: str) -> Response:
    """A zip archive, whole or one range of it, under the request's preconditions.

    An archive whose layout is not known yet is sent whole, without an ETag. Raises NotFound where
    the bytes of its first member are gone, and StorageError where the store fails.
    """
    headers = [("Cache-Control", "private, no-cache, no-transform"), ("X-Accel-Buffering", "no")]
    headers.append(("Content-Disposition", content_disposition("attachment", file_name)))
    if archive.layout is None:
        return _send_archive(archive, 200, [*headers, ("Accept-Ranges", "none"), ("Content-Type", content_type)])
    etag, size = archive.layout.etag, archive.layout.size
    headers += _headers_of(etag, None, None)
    # A POST asks for the same bytes as a GET, so it may go on where it broke off as well.
    method = "GET" if request.method == "POST" else request.method
    verdict = judge(method, request.environ, Validators(etag, None, size))
    if verdict.status not in (200, 206):
        return _without_bytes(verdict.status, headers, size)
    headers.append(("Content-Type", content_type))
    # Several ranges of an archive nobody asks for; they get all of it.
    if len(verdict.ranges) != 1:
        return _send_archive(archive, 200, headers)
    headers.append(("Content-Range", content_range(verdict.ranges[0], size)))
    return _send_archive(archive, 206, headers, verdict.ranges[0])


# --- What the answer says ------------------------------------------------------------------------------


def _headers_of(etag: str, last_modified: datetime | None, cache_control: str | None) -> Headers:
    headers = [("ETag", f'"{etag}"'), ("Accept-Ranges", "bytes")]
    if last_modified is not None:
        headers.append(("Last-Modified", http_date(last_modified)))
    if cache_control is not None:
        headers.append(("Cache-Control", cache_control))
    return headers


def _describe(headers: Headers, item: Deliverable, disposition: Disposition) -> None:
    if item.content_type == "image/svg+xml":
        # A drawing may carry scripts; it is shown, but nothing in it runs or reaches out.
        headers.append(("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'"))
    if item.file_name:
        headers.append(("Content-Disposition", content_disposition(disposition, item.file_name)))


def _without_bytes(status: int, headers: Headers, size: int) -> Response:
    """304, 412 or 416."""
    if status == 304:
        return _ByteResponse(status=304, headers=headers)
    if status == 416:
        headers.append(("Content-Range", f"bytes */{size}"))
    message = json.dumps({"message": HTTP_STATUS_CODES[status]})
    return _ByteResponse(message, status, headers, content_type="application/json")


# --- Who carries the bytes -----------------------------------------------------------------------------


def _carrier_of(item: Deliverable, place: LocatedObject, verdict: Verdict) -> Carrier:
    how = current_system().settings.delivery
    environ, origin = request.environ, place.backend.public_origin
    asked = Asked(
        method=request.method,
        length=sum(map(len, verdict.ranges)) if verdict.ranges else item.size,
        is_plain=is_plain(environ, verdict),
        through_nginx=PROXIED in environ and reads_the_same_range(environ),
        may_leave=origin is not None and may_leave(environ, _host(), origin),
    )
    return carrier_of(asked, item.kind, how)


def _host() -> str:
    return urlsplit(f"//{request.host}").hostname or ""


def _redirect(item: Deliverable, place: LocatedObject, disposition: Disposition) -> Response:
    """302 to the bucket, signed here; a browser keeps it for as long as the same URL would be given again."""
    named = {"content_disposition": content_disposition(disposition, item.file_name)} if item.file_name else {}
    url = place.backend.presign(
        place.key,
        method="HEAD" if request.method == "HEAD" else "GET",
        lifetime=current_system().settings.delivery.url_seconds,
        audience="public",
        content_type=item.content_type,
        cache_control="private, max-age=86400, no-transform",
        **named,
    )
    if url is None:
        raise NotFound("Not Found")
    return _ByteResponse(
        status=302,
        headers=[
            ("Location", url.url),
            ("Cache-Control", f"private, max-age={url.fresh_for}" if url.fresh_for else "private, no-store"),
            ("Vary", _REDIRECT_VARIES),
            ("Referrer-Policy", "no-referrer"),
        ],
    )


def _accel(item: Deliverable, place: LocatedObject, local: Path | None, headers: Headers) -> Response:
    """No bytes: nginx reads the file, or fetches the object by a signed URL that only it sees."""
    # nginx takes over what is said here and says itself which ranges it serves.
    headers = [header for header in headers if header[0] != "Accept-Ranges"]
    headers.append(("Content-Type", item.content_type))
    if local is not None:
        try:
            _check_size(local, item)
        except FileNotFoundError:
            raise NotFound("Not Found") from None
        headers.append(("X-Accel-Redirect", ACCEL_DISK + quote(place.key)))
        return _ByteResponse(status=200, headers=headers)
    lifetime = current_system().settings.delivery.url_seconds
    url = place.backend.presign(place.key, method="GET", lifetime=lifetime, audience="internal")
    if url is None:
        raise NotFound("Not Found")
    target = urlsplit(url.url)
    cached = item.kind is MediaKind.THUMBNAILS
    headers += (
        ("X-Accel-Redirect", ACCEL_THUMBNAILS if cached else ACCEL_BUCKET),
        ("X-Accel-Object", f"{target.path}?{target.query}"),
        ("X-Accel-Host", target.netloc),
        ("X-Accel-Key", item.etag),
    )
    return _ByteResponse(status=200, headers=headers)


# --- Bytes that this process sends -----------------------------------------------------------------------


def _proxy(
    item: Deliverable, place: LocatedObject, local: Path | None, verdict: Verdict, headers: Headers
) -> Response:
    parts = verdict.ranges or ((ByteRange(0, item.size),) if item.size else ())
    framing = None
    if len(parts) > 1:
        framing = MultipartByteranges(parts, item.size, item.content_type, secrets.token_hex(16))
        headers += (("Content-Type", framing.content_type), ("Content-Length", str(framing.content_length)))
    else:
        if verdict.ranges:
            headers.append(("Content-Range", content_range(parts[0], item.size)))
        headers += (("Content-Type", item.content_type), ("Content-Length", str(sum(map(len, parts)))))
    if request.method == "HEAD":
        return _answer(verdict.status, headers, None)
    try:
        return _answer(verdict.status, headers, _body_of(item, place, local, parts, framing))
    except (ObjectNotFound, FileNotFoundError):
        raise NotFound("Not Found") from None


def _body_of(
    item: Deliverable,
    place: LocatedObject,
    local: Path | None,
    parts: Sequence[ByteRange],
    framing: MultipartByteranges | None,
) -> Iterable[bytes]:
    if local is not None:
        _check_size(local, item)
    if not parts:
        return ()
    if local is not None and framing is None:
        body = sent_by_the_kernel(request.environ, local, parts[0].start)
        if body is not None:
            return body

    def open_part(part: ByteRange) -> ReadStream:
        return place.backend.read_stream(place.key, None if len(part) == item.size else part)

    gate = current_system().storage.gate if local is None else None
    return relayed(open_part, parts, item.size, framing, gate)


def _check_size(local: Path, item: Deliverable) -> None:
    """Other bytes than the promised ones are an error, before any is sent."""
    size = local.stat().st_size
    if size != item.size:
        raise IntegrityMismatch(f"{item.path} has {size} bytes instead of {item.size}")


def _send_archive(archive: Archive, status: int, headers: Headers, part: ByteRange | None = None) -> Response:
    system = current_system()
    body = archives.body_of(system, archive, part)
    headers.append(("Content-Length", str(body.size)))
    if request.method == "HEAD":
        body.close()
        return _answer(status, headers, None)
    gate = system.storage.gate if archives.is_in_bucket(system, archive) else None
    try:
        return _answer(status, headers, archived(body, gate))
    except ObjectNotFound:
        raise NotFound("The first file of the archive is no longer there; please begin anew") from None


def _answer(status: int, headers: Headers, body: Iterable[bytes] | None) -> Response:
    """The response with the body as it is: the server iterates and closes it, whatever becomes of the client."""
    response = _ByteResponse(status=status, headers=headers)
    if body is None:
        # HEAD: else the empty body would be counted, and say 0.
        response.automatically_set_content_length = False
        return response
    give_up_on_silence()
    response.response = body
    response.direct_passthrough = True
    return response
