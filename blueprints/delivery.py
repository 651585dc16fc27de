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


def deliver(item: Deliverable, *, cache_control: str = CACHE_FOR_A_DAY) -> Response:
    """The bytes of an object, whole or one range, under the request's preconditions.

    Costs no database query, and one read of the store at most.
    """
    verdict = judge(request.method, request.headers, Validators(item.etag, item.last_modified, item.size))
    response = Response(status=verdict.status)
    _describe(response, item, cache_control)
    if verdict.status == 304:
        return response
    if verdict.status == 416:
        response.headers["Content-Range"] = f"bytes */{item.size}"
    if verdict.status in (412, 416):
        response.content_type = "application/json"
        response.data = json.dumps({"message": HTTP_STATUS_CODES[verdict.status]})
        return response
    response.content_type = item.content_type
    wanted = verdict.byte_range or ByteRange(0, None)
    stop = item.size if wanted.stop is None else wanted.stop
    if verdict.status == 206:
        response.headers["Content-Range"] = f"bytes {wanted.start}-{stop - 1}/{item.size}"
    if request.method == "GET":
        _attach_body(response, item, verdict.byte_range, stop)
    response.content_length = stop - wanted.start
    return response


def _describe(response: Response, item: Deliverable, cache_control: str) -> None:
    headers = response.headers
    del headers["Content-Type"]
    headers["ETag"] = f'"{item.etag}"'
    headers["Last-Modified"] = http_date(item.last_modified)
    headers["Accept-Ranges"] = "bytes"
    headers["Cache-Control"] = cache_control
    if item.content_type == "image/svg+xml":
        # A drawing may carry scripts; it is shown, but nothing in it runs or reaches out.
        headers["Content-Security-Policy"] = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
    if item.file_name:
        headers["Content-Disposition"] = f"inline; filename*=UTF-8''{quote(item.file_name, safe='')}"


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
