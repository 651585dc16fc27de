"""Every error that Bucketroll raises on purpose, named for what the caller does next."""

from collections.abc import Sequence


class AppError(Exception):
    """Base of all errors raised on purpose; `status` is what an HTTP client is told.

    `retryable` says that the same call may succeed later without a change.
    """

    status = 500
    retryable = False


class ConfigError(AppError):
    """The environment is wrong; `problems` lists every mistake found, one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class StorageError(AppError):
    """Something about stored bytes."""


class ObjectNotFound(StorageError):
    """No object lies under the key."""

    status = 404


class InvalidKey(StorageError):
    """The text cannot be a storage key."""

    status = 400


class UnmanagedPath(StorageError):
    """The stored path lies under no media location of ours."""


class IntegrityMismatch(StorageError):
    """The bytes are not the bytes that were promised."""


class StorageUnavailable(StorageError):
    """The store does not answer, or not now."""

    status = 503
    retryable = True


class StoreBusy(StorageUnavailable):
    """So many bodies of the store are on their way to clients that one more has to come again."""

    def __init__(self) -> None:
        super().__init__("Too many downloads at once; please try again")


class StorageFull(StorageUnavailable):
    """The store or the staging disk has no room left."""

    status = 507


class DatabaseUnavailable(AppError):
    """The database does not answer, or is locked for too long."""

    status = 503
    retryable = True


class StorageDenied(StorageError):
    """The store refuses our credentials, or the action."""

    status = 503


class MountCheckFailed(StorageError):
    """A media location cannot be used as it is; the message is one sentence for its owner."""

    status = 503


class MediaError(AppError):
    """A file could not be read as media."""


class UnsupportedMedia(MediaError):
    """No decoder of ours reads this file."""

    status = 415


class ToolFailed(MediaError):
    """An external program ended with an error; `stderr` is the tail of what it said."""

    def __init__(self, tool: str, code: int, stderr: str) -> None:
        super().__init__(f"{tool} ended with code {code}: {stderr}")
        self.tool, self.code, self.stderr = tool, code, stderr

    def __reduce__(self) -> tuple[type["ToolFailed"], tuple[str, int, str]]:
        # Errors travel between processes, by what they were made of.
        return ToolFailed, (self.tool, self.code, self.stderr)


class DecoderDied(MediaError):
    """The process that read a file ended without an answer: killed for want of memory, or crashed."""

    retryable = True


class ToolTimeout(MediaError):
    """An external program took longer than it may."""

    retryable = True


class RequestError(AppError):
    """The client asked for something it cannot have; the message is shown to it."""

    status = 400


class BadRequest(RequestError):
    """The request is malformed."""


class ValidationFailed(BadRequest):
    """Fields of the request are wrong; `errors` lists them as Immich does.

    Each entry is `{"path": [field, ...], "message": text}`.
    """

    def __init__(self, errors: Sequence[dict[str, object]]) -> None:
        super().__init__("Validation failed")
        self.errors = list(errors)


class Unauthorized(RequestError):
    """Who asks is not known."""

    status = 401


class Forbidden(RequestError):
    """Who asks is known and may not."""

    status = 403


class NotFound(RequestError):
    """What is asked for does not exist."""

    status = 404


class Conflict(RequestError):
    """What is asked for contradicts what is there."""

    status = 409


class TooManyRequests(RequestError):
    """Slow down; `retry_after` is in seconds."""

    status = 429

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class QuotaExceeded(RequestError):
    """The owner's quota has no room for the upload (Immich answers 400)."""

    def __init__(self) -> None:
        super().__init__("Quota has been exceeded!")
