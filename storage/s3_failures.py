"""What went wrong at an S3 store: the kind, the error it becomes and a sentence for the owner."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Any
from urllib.parse import urlsplit

from config import S3Settings
from errors import (
    IntegrityMismatch,
    ObjectNotFound,
    StorageDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
)


class FailureKind(Enum):
    """Why a request to a store failed, by what has to be changed."""

    ABSENT = auto()
    HOST_NOT_FOUND = auto()
    REFUSED = auto()
    TIMEOUT = auto()
    TLS = auto()
    BROKEN_OFF = auto()
    BUSY = auto()
    FULL = auto()
    NO_CREDENTIALS = auto()
    UNKNOWN_ACCESS_KEY = auto()
    WRONG_SECRET = auto()
    EXPIRED_TOKEN = auto()
    CLOCK_SKEW = auto()
    DENIED = auto()
    NO_BUCKET = auto()
    WRONG_REGION = auto()
    WRONG_STYLE = auto()
    DAMAGED = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class S3Failure:
    """A failure and its one detail: the right region, the skew in words, or the store's error code."""

    kind: FailureKind
    detail: str = ""


_ERRORS: Mapping[FailureKind, type[StorageError]] = {
    FailureKind.ABSENT: ObjectNotFound,
    FailureKind.HOST_NOT_FOUND: StorageUnavailable,
    FailureKind.REFUSED: StorageUnavailable,
    FailureKind.TIMEOUT: StorageUnavailable,
    FailureKind.TLS: StorageUnavailable,
    FailureKind.BROKEN_OFF: StorageUnavailable,
    FailureKind.BUSY: StorageUnavailable,
    FailureKind.FULL: StorageFull,
    FailureKind.DAMAGED: IntegrityMismatch,
    FailureKind.OTHER: StorageError,
}

_KINDS_BY_CODE: Mapping[str, FailureKind] = {
    "InvalidAccessKeyId": FailureKind.UNKNOWN_ACCESS_KEY,
    "SignatureDoesNotMatch": FailureKind.WRONG_SECRET,
    "ExpiredToken": FailureKind.EXPIRED_TOKEN,
    "InvalidToken": FailureKind.EXPIRED_TOKEN,
    "TokenRefreshRequired": FailureKind.EXPIRED_TOKEN,
    "RequestTimeTooSkewed": FailureKind.CLOCK_SKEW,
    "QuotaExceeded": FailureKind.FULL,
    "InsufficientCapacity": FailureKind.FULL,
    "XMinioStorageFull": FailureKind.FULL,
    "BadDigest": FailureKind.DAMAGED,
    "RequestTimeout": FailureKind.BUSY,
    "SlowDown": FailureKind.BUSY,
    "NotImplemented": FailureKind.OTHER,
}

_REDIRECTIONS = {
    "PermanentRedirect",
    "TemporaryRedirect",
    "Redirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
}

# Stores refuse a signature that is older or newer than this, by various codes.
_SKEW_ALLOWED_SECONDS = 15 * 60


def failure_of_answer(answer: Mapping[str, Any], settings: S3Settings) -> S3Failure:
    """The failure that an error answer tells of, as botocore has parsed it."""
    error, meta = answer.get("Error", {}), answer.get("ResponseMetadata", {})
    status = int(meta.get("HTTPStatusCode", 0))
    headers = meta.get("HTTPHeaders", {})
    code = str(error.get("Code", status))
    if code == "NoSuchBucket":
        return _no_bucket(error, settings)
    if code in _REDIRECTIONS or status in (301, 302, 307):
        return _elsewhere(code, error, headers, settings)
    skew = _skew_of(error, headers)
    if code == "RequestTimeTooSkewed" or (status == 403 and abs(skew) > _SKEW_ALLOWED_SECONDS):
        return S3Failure(FailureKind.CLOCK_SKEW, _skew_text(skew))
    return S3Failure(_KINDS_BY_CODE.get(code) or _kind_of_status(status), code)


def error_of(failure: S3Failure, subject: str) -> StorageError:
    """The error to raise for a failure with `subject`, the key or action that it concerns."""
    if failure.kind is FailureKind.ABSENT:
        return ObjectNotFound(f"No object {subject}")
    kind = failure.kind.name.lower().replace("_", " ")
    return _ERRORS.get(failure.kind, StorageDenied)(f"{subject}: {kind} ({failure.detail})")


def sentence_of(failure: S3Failure, action: str, settings: S3Settings) -> str:
    """One sentence that tells what is wrong and what to change; it holds no secret.

    `action` is what was tried: write, read, delete.
    """
    place, bucket, detail = _place(settings), settings.bucket, failure.detail
    where = f"{bucket}/{settings.prefix}".rstrip("/")
    sentences = {
        FailureKind.HOST_NOT_FOUND: f"The host of {place} was not found: check S3_ENDPOINT{_style_hint(settings)}.",
        FailureKind.REFUSED: f"{place} refused the connection: check host and port of S3_ENDPOINT, and that it runs.",
        FailureKind.TIMEOUT: f"{place} did not answer in time: check S3_ENDPOINT and the firewalls on the way.",
        FailureKind.TLS: f"{place} made no TLS connection: check its certificate, and https or http in S3_ENDPOINT.",
        FailureKind.BROKEN_OFF: f"{place} broke off the connection: check that an S3 server answers at S3_ENDPOINT.",
        FailureKind.BUSY: f"{place} could not {action} a test object just now ({detail}): look at its own log.",
        FailureKind.FULL: f"{place} has no room left for the bucket {bucket} ({detail}).",
        FailureKind.NO_CREDENTIALS: "No S3 credentials were found: set S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY,"
        " or give the machine an IAM role.",
        FailureKind.UNKNOWN_ACCESS_KEY: f"{place} does not know the access key: check S3_ACCESS_KEY_ID.",
        FailureKind.WRONG_SECRET: f"{place} found the signature wrong: check S3_SECRET_ACCESS_KEY.",
        FailureKind.EXPIRED_TOKEN: f"{place} says that the credentials have expired ({detail}): renew them.",
        FailureKind.CLOCK_SKEW: f"This machine's clock is {detail} the clock of {place}: set it right.",
        FailureKind.DENIED: f"{place} denies these credentials to {action} objects in {where} ({detail}):"
        " allow it in their policy.",
        FailureKind.NO_BUCKET: f"{place} has no bucket {bucket}: create it, or check S3_BUCKET.",
        FailureKind.WRONG_REGION: f"The bucket {bucket} is not in {settings.region}: set S3_REGION={detail}.",
        FailureKind.WRONG_STYLE: f"{place} has the bucket {bucket} at another address ({detail}):"
        f" check S3_REGION and S3_ENDPOINT, or set S3_FORCE_PATH_STYLE={str(not settings.force_path_style).lower()}.",
        FailureKind.DAMAGED: f"{place} gives back other bytes than were written to {where}.",
    }
    return sentences.get(failure.kind, f"{place} failed to {action} a test object in {where} ({detail}).")


def _no_bucket(error: Mapping[str, Any], settings: S3Settings) -> S3Failure:
    named = error.get("BucketName", settings.bucket)
    if named != settings.bucket and not settings.force_path_style:
        return S3Failure(FailureKind.WRONG_STYLE, f"it took {named} for the bucket")
    return S3Failure(FailureKind.NO_BUCKET, settings.bucket)


def _elsewhere(
    code: str, error: Mapping[str, Any], headers: Mapping[str, str], settings: S3Settings
) -> S3Failure:
    region = error.get("Region") or headers.get("x-amz-bucket-region")
    if region and region != settings.region:
        return S3Failure(FailureKind.WRONG_REGION, region)
    return S3Failure(FailureKind.WRONG_STYLE, error.get("Endpoint") or headers.get("location") or code)


def _skew_of(error: Mapping[str, Any], headers: Mapping[str, str]) -> float:
    """The seconds by which the store's clock is ahead of ours."""
    now = datetime.now(UTC)
    try:
        if "ServerTime" in error:
            return (datetime.fromisoformat(error["ServerTime"]) - now).total_seconds()
        return (parsedate_to_datetime(headers["date"]) - now).total_seconds()
    except (KeyError, ValueError, TypeError):
        return 0.0  # no date, none that is one, or one without its zone


def _skew_text(seconds: float) -> str:
    return f"{abs(round(seconds))} seconds {'behind' if seconds > 0 else 'ahead of'}"


def _kind_of_status(status: int) -> FailureKind:
    if status == 404:
        return FailureKind.ABSENT
    if status in (401, 403):
        return FailureKind.DENIED
    if status == 507:
        return FailureKind.FULL
    if status == 429 or status >= 500:
        return FailureKind.BUSY
    return FailureKind.OTHER


def _place(settings: S3Settings) -> str:
    if settings.endpoint is None:
        return f"AWS in {settings.region}"
    url = urlsplit(settings.endpoint)
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}"


def _style_hint(settings: S3Settings) -> str:
    if settings.endpoint is None or settings.force_path_style:
        return ""
    host = urlsplit(settings.endpoint).hostname
    return f", or set S3_FORCE_PATH_STYLE=true if the store does not answer at {settings.bucket}.{host}"
