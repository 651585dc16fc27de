"""The arguments of requests to S3, made from settings and values."""

import re
from collections.abc import Mapping
from typing import Any, TypedDict

from config import S3Settings, ServerSideEncryption
from storage.types import ByteRange

_RESPONSE_HEADERS = {
    "content_type": "response-content-type",
    "content_disposition": "response-content-disposition",
    "cache_control": "response-cache-control",
}
_WRITE_HEADERS = {
    "ContentType": "content-type",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class Place(TypedDict):
    """Where an object lies."""

    Bucket: str
    Key: str


def encryption(settings: S3Settings) -> dict[str, Any]:
    """The encryption to ask for with every write; none leaves it to the bucket."""
    if settings.sse is None:
        return {}
    if settings.sse is not ServerSideEncryption.KMS:
        return {"ServerSideEncryption": "AES256"}
    key_id = {"SSEKMSKeyId": settings.sse_kms_key_id} if settings.sse_kms_key_id else {}
    return {"ServerSideEncryption": "aws:kms", **key_id}


def write_options(
    settings: S3Settings, content_type: str | None = None, metadata: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The arguments of whatever begins an object."""
    options = encryption(settings)
    if content_type is not None:
        options["ContentType"] = content_type
    if metadata:
        options["Metadata"] = dict(metadata)
    return options


def write_headers(settings: S3Settings, content_type: str | None) -> dict[str, str]:
    """What `write_options` asks for, as the headers of a PUT."""
    return {_WRITE_HEADERS[name]: value for name, value in write_options(settings, content_type).items()}


def response_query(headers: Mapping[str, str]) -> dict[str, str]:
    """The query that makes a store answer with `content_type`, `content_disposition`, `cache_control`."""
    return {_RESPONSE_HEADERS[name]: value for name, value in headers.items()}


class Range(TypedDict, total=False):
    """Which bytes of an object; all where it is empty."""

    Range: str


def range_of(byte_range: ByteRange | None) -> Range:
    """HTTP's form of a range, in which the last byte is named."""
    if byte_range is None:
        return {}
    last = "" if byte_range.stop is None else byte_range.stop - 1
    return {"Range": f"bytes={byte_range.start}-{last}"}


def span_of(answer: Mapping[str, Any], wanted: ByteRange | None) -> tuple[int, int]:
    """Start and stop of the bytes that come with the answer to a GET of a range; its own headers tell.

    Raises ValueError where they are not the bytes that were wanted, cut at the object's end.
    """
    start, stop = (0, None) if wanted is None else (wanted.start, wanted.stop)
    length: int | None = answer.get("ContentLength")
    told: str | None = answer.get("ContentRange")
    if length is not None and told is None and (start, stop) == (0, None):
        return 0, length
    parsed = _CONTENT_RANGE.fullmatch(told or "")
    if parsed is None:
        raise ValueError(f"{length} bytes of an unknown range")
    first, behind = int(parsed[1]), int(parsed[2]) + 1
    ends = [end for end in (stop, None if parsed[3] == "*" else int(parsed[3])) if end is not None]
    if first != start or behind - first != length or behind != min(ends, default=behind):
        raise ValueError(f"{length} bytes as {told}")
    return first, behind
