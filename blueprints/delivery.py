"""deliver(): the one place that answers a request for bytes."""

from collections.abc import Iterator
from urllib.parse import quote

from flask import Response, json, request
from werkzeug.http import HTTP_STATUS_CODES, http_date
from werkzeug.wsgi import wrap_file

from blueprints.conditions import Validators, judge
from blueprints.http import current_system
from errors import NotFound, ObjectNotFound
from services.assets import Deliverable
from storage.backend import ReadStream
from storage.types import ByteRange

CHUNK_BYTES = 256 * 1024
# Immich's: a browser keeps a picture for a day and may show it while it asks again.
CACHE_FOR_A_DAY = "private, max-age=86400, no-transform, stale-while-revalidate=2592000, stale-if-error=2592000"


class _ByteResponse(Response):
    """A response that has no content type unless it is given one."""

    default_mimetype = None


def deliver(item: Deliverable, *, cache_control: str = CACHE_FOR_A_DAY) -> Response:
    """The bytes of an object, whole or one range, under the request's preconditions.

    Costs no database query, and one read of the store at most.
    """
    verdict = judge(request.method, request.environ, Validators(item.etag, item.last_modified, item.size))
    headers = _headers_of(item, cache_control)
    if verdict.status == 304:
        return _ByteResponse(status=304, headers=headers)
    if verdict.status in (412, 416):
        return _refusal(verdict.status, headers, item)
    # Whoever asks for several ranges gets the whole.
    byte_range = verdict.ranges[0] if len(verdict.ranges) == 1 else None
    first, stop = 0, item.size
    if byte_range is not None:
        first, stop = byte_range.start, byte_range.stop or item.size
        headers.append(("Content-Range", f"bytes {first}-{stop - 1}/{item.size}"))
    headers += (("Content-Type", item.content_type), ("Content-Length", str(stop - first)))
    response = _ByteResponse(status=206 if byte_range else 200, headers=headers)
    if request.method == "GET":
        _attach_body(response, item, byte_range, stop)
    else:
        # Else an empty body would be counted, and say 0.
        response.automatically_set_content_length = False
    return response


def _headers_of(item: Deliverable, cache_control: str) -> list[tuple[str, str]]:
    headers = [
        ("ETag", f'"{item.etag}"'),
        ("Last-Modified", http_date(item.last_modified)),
        ("Accept-Ranges", "bytes"),
        ("Cache-Control", cache_control),
    ]
    if item.content_type == "image/svg+xml":
        # A drawing may carry scripts; it is shown, but nothing in it runs or reaches out.
        headers.append(("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'"))
    if item.file_name:
        headers.append(("Content-Disposition", f"inline; filename*=UTF-8''{quote(item.file_name, safe='')}"))
    return headers


def _refusal(status: int, headers: list[tuple[str, str]], item: Deliverable) -> Response:
    if status == 416:
        headers.append(("Content-Range", f"bytes */{item.size}"))
    message = json.dumps({"message": HTTP_STATUS_CODES[status]})
    return _ByteResponse(message, status, headers, content_type="application/json")


def _attach_body(response: Response, item: Deliverable, byte_range: ByteRange | None, stop: int) -> None:
    storage = current_system().storage
    try:
        path = storage.local_path(item.path)
        if path is None:
            stream = storage.read_stream(item.path, byte_range)
            # A generator that never starts runs no `finally`: the server closes the response on every path.
            response.call_on_close(stream.close)
            response.response = _chunks(stream)
            return
        file = path.open("rb")
    except (ObjectNotFound, FileNotFoundError):
        raise NotFound("Not Found") from None
    response.call_on_close(file.close)
    if byte_range is not None:
        file.seek(byte_range.start)
    if stop == item.size:
        # The server may hand the open file to the kernel (sendfile).
        response.response = wrap_file(request.environ, file, CHUNK_BYTES)
        response.direct_passthrough = True
    else:
        response.response = _chunks(file, stop - file.tell())


def _chunks(stream: ReadStream, left: int | None = None) -> Iterator[bytes]:
    while left is None or left > 0:
        data = stream.read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left))
        if not data:
            return
        if left is not None:
            left -= len(data)
        yield data
