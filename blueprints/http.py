"""What every view shares: the system, who asks, parsed bodies, Immich's error shape."""

import logging
import secrets
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from flask import Flask, Response, current_app, g, jsonify, request
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from pydantic.alias_generators import to_camel
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import BadRequest as HttpBadRequest
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from errors import AppError, BadRequest, DatabaseUnavailable, Forbidden, TooManyRequests, ValidationFailed
from services import auth
from services.auth import Auth, Credentials
from services.permissions import Permission
from services.system import System

logger = logging.getLogger(__name__)

EXTENSION = "bucketroll"
ACCESS_COOKIE = "immich_access_token"
# JSON bodies are small; 65,000 ids in one album call are the largest that clients send.
MAX_JSON_BYTES = 16 * 1024 * 1024
_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Dto(BaseModel):
    """A request body or query in Immich's camelCase; unknown fields are ignored, as Immich does."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)

    @field_validator("*")
    @classmethod
    def _is_storable(cls, value: Any) -> Any:
        """No database keeps NUL in a text, and lone surrogates are no characters."""
        for text in value if isinstance(value, list) else (value,):
            if isinstance(text, str) and ("\0" in text or not _is_encodable(text)):
                raise ValueError("text with NUL or unpaired surrogates")
        return value


D = TypeVar("D", bound=Dto)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def system_of(app: Flask) -> System:
    """The system that an application runs on."""
    system: System = app.extensions[EXTENSION]
    return system


def current_system() -> System:
    """The system of the application that handles this request or command."""
    return system_of(current_app)


def require(permission: Permission) -> Auth:
    """The signed-in user, allowed to do this. Raises Unauthorized or Forbidden."""
    who = signed_in()
    who.demand(permission)
    return who


def require_admin(permission: Permission) -> Auth:
    """The signed-in administrator. Raises Unauthorized or Forbidden."""
    who = require(permission)
    if not who.is_admin:
        raise Forbidden("Forbidden")
    return who


def signed_in() -> Auth:
    """The signed-in user, whatever the permissions; authenticated once a request."""
    if "auth" not in g:
        g.auth = auth.authenticate(current_system(), credentials_of_request())
    who: Auth = g.auth
    return who


def credentials_of_request() -> Credentials:
    """Every way to say who one is, in Immich's order (IMMICH.md 5.3)."""
    args, headers = request.args, request.headers
    share = args.get("key") or headers.get("x-immich-share-key")
    share = share or args.get("slug") or headers.get("x-immich-share-slug")
    token = (
        headers.get("x-immich-user-token")
        or headers.get("x-immich-session-token")
        or args.get("sessionKey")
        or _bearer(headers.get("Authorization", ""))
    )
    if token is None and (token := request.cookies.get(ACCESS_COOKIE)):
        refuse_cross_site()
    return Credentials(share, token or None, headers.get("x-api-key") or args.get("apiKey"))


def _bearer(header: str) -> str | None:
    kind, _, token = header.partition(" ")
    return token.strip() or None if kind.lower() == "bearer" else None


def refuse_cross_site() -> None:
    """A cookie travels with every request, so one that changes something must come from our own pages."""
    if request.method not in _UNSAFE:
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    foreign = site not in (None, "same-origin", "none")
    if foreign or (origin is not None and urlsplit(origin).netloc != request.host):
        raise Forbidden("Cross-site request refused")


def body_of(kind: type[D]) -> D:
    """The JSON body as a Dto. Raises ValidationFailed with Immich's list of errors."""
    request.max_content_length = MAX_JSON_BYTES
    if not request.is_json:
        return validated(kind, {})
    try:
        data = request.get_json()
    except (HttpBadRequest, RecursionError):
        # Python's parser gives up on deep nesting with a RecursionError.
        raise BadRequest("The body is not JSON") from None
    return validated(kind, data)


def query_of(kind: type[D]) -> D:
    """The query as a Dto; a repeated field becomes a list. Raises ValidationFailed."""
    lists = request.args.to_dict(flat=False)
    return validated(kind, {name: values[0] if len(values) == 1 else values for name, values in lists.items()})


def validated(kind: type[D], data: Any) -> D:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise ValidationFailed(
            [
                {"code": one["type"], "path": list(one["loc"]), "message": f"Invalid input: {one['msg']}"}
                for one in error.errors(include_url=False, include_context=False, include_input=False)
            ]
        ) from None


class InvalidUuid(HttpBadRequest):
    """A path segment that should be an id and is not (Immich answers 400, not 404)."""

    description = "Validation failed"

    def __init__(self) -> None:
        super().__init__()
        self.errors = [{"code": "invalid_format", "format": "uuid", "path": ["id"], "message": "Invalid UUID"}]


class IdConverter(BaseConverter):
    """`<id:asset_id>`: a UUID in its canonical text form."""

    def to_python(self, value: str) -> UUID:
        try:
            found = UUID(value)
        except ValueError:
            raise InvalidUuid from None
        if str(found) != value.lower():
            raise InvalidUuid
        return found

    def to_url(self, value: Any) -> str:
        return str(value)


def iso(moment: datetime) -> str:
    """A moment as Immich writes it: UTC with milliseconds and Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)


def give_up_on_silence() -> None:
    """From now on a client that neither takes nor sends a byte for too long is gone.

    Its thread and its connection to the store are free then, instead of parked for ever.
    """
    socket = request.environ.get("gunicorn.socket")
    if socket is not None:
        socket.settimeout(current_system().settings.delivery.idle_seconds)


def no_content() -> Response:
    return Response(status=204)


def install(app: Flask) -> None:
    """Error shapes, id converter, correlation ids and JSON ETags of the whole application."""
    app.url_map.converters["id"] = IdConverter
    app.register_error_handler(AppError, _on_app_error)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(OperationalError, _on_database_error)
    app.register_error_handler(Exception, _on_unexpected_error)
    app.after_request(_finish)


def _on_app_error(error: AppError) -> Response:
    body: dict[str, Any] = {"message": str(error)}
    if isinstance(error, ValidationFailed):
        body["errors"] = error.errors
    if error.status >= 500:
        logger.error("%s %s: %s", request.method, request.path, error)
    response = jsonify(body)
    response.status_code = error.status
    if isinstance(error, TooManyRequests):
        response.headers["Retry-After"] = str(error.retry_after)
    elif error.retryable:
        response.headers["Retry-After"] = "5"
    return response


def _on_http_error(error: HTTPException) -> Response:
    message = error.description or error.name
    if error.code == 404 or error.code == 405:
        message = f"Cannot {request.method} {request.path}"
    body: dict[str, Any] = {"message": message}
    if isinstance(error, InvalidUuid):
        body["errors"] = error.errors
    response = jsonify(body)
    # Immich knows no 405: a method without a route is a route that does not exist.
    response.status_code = 404 if error.code == 405 else error.code or 500
    return response


def _on_database_error(error: OperationalError) -> Response:
    logger.error("%s %s: the database does not answer: %s", request.method, request.path, error.orig)
    return _on_app_error(DatabaseUnavailable("The database does not answer; please try again"))


def _on_unexpected_error(error: Exception) -> Response:
    logger.exception("%s %s failed", request.method, request.path)
    response = jsonify({"message": "Internal server error"})
    response.status_code = 500
    return response


def _finish(response: Response) -> Response:
    response.headers["X-Correlation-ID"] = secrets.token_hex(4)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if response.is_json and response.status_code == 200 and request.method in ("GET", "HEAD"):
        response.add_etag()
        response.make_conditional(request)
    return response


