"""Managed objects in an S3 bucket; what imports boto3 stands here."""

import logging
import os
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from io import BufferedWriter, BytesIO
from pathlib import Path
from time import time
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast
from uuid import uuid4

import boto3
from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore import exceptions as boto
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import where
from botocore.response import StreamingBody
from botocore.utils import get_environ_proxies
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError, SSLError, TimeoutError

from config import ChecksumMode, S3Settings
from errors import InvalidKey, MountCheckFailed, ObjectNotFound, StorageError
from storage.backend import MOUNT_FILE, AppStorageBackend, Audience, HttpMethod, ReadStream, is_listed
from storage.s3_failures import FailureKind, S3Failure, error_of, failure_of_answer, sentence_of
from storage.s3_lean import LeanReader
from storage.s3_presign import SigningKeys, Site, presigned, site_of
from storage.s3_requests import Place, encryption, range_of, response_query, span_of, write_headers, write_options
from storage.s3_streams import Body, ObjectStream, PartWriter
from storage.types import ByteRange, ObjectHead, SignedUrl, StorageKey

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef, GetObjectOutputTypeDef

MIB = 1024 * 1024

# CopyObject takes no more than this at once; larger objects are copied part by part.
SINGLE_COPY_LIMIT = 5 * 1024 * MIB
COPY_PART_SIZE = 512 * MIB
MULTIPART_THRESHOLD = 16 * MIB
UPLOAD = TransferConfig(
    multipart_threshold=MULTIPART_THRESHOLD, multipart_chunksize=16 * MIB, max_concurrency=4
)

ATTEMPTS = 4
CONNECT_SECONDS = 5
READ_SECONDS: float = 60
# A body that stalls is asked for anew before a proxy in front of us gives up (nginx: 60 s).
STALL_SECONDS: float = 20
# A probe that fails should say so soon.
PROBE_ATTEMPTS = 2


# What goes beyond the pool is closed after use; that is no fault, and need not be told each time.
logging.getLogger("urllib3.connectionpool").addFilter(lambda record: "pool is full" not in record.msg)


class S3AppStorageBackend(AppStorageBackend):
    """One bucket, or one prefix of it: a key lies at `<prefix>/<key>` (RFC, Key mapping)."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._base = f"{settings.prefix}/" if settings.prefix else ""
        self._sites: dict[Audience, Site] = {}
        # A token for each open stream: sets change under the interpreter's own lock, which survives a fork.
        self._open: set[object] = set()

    def exists(self, key: StorageKey) -> bool:
        try:
            self.head(key)
        except ObjectNotFound:
            return False
        return True

    def head(self, key: StorageKey) -> ObjectHead:
        """One HEAD; where that is a 404, a GET tells a missing object from a missing bucket."""
        with self._translated(key):
            try:
                answer = self._client.head_object(**self._place(key))
            except ClientError as error:
                if _status_of(error) != 404:
                    raise
                self._client.get_object(**self._place(key), Range="bytes=0-0")["Body"].close()
                answer = self._client.head_object(**self._place(key))  # it came in between
        return ObjectHead(answer["ContentLength"], answer["LastModified"], answer["ETag"].strip('"'))

    @property
    def open_streams(self) -> int:
        """How many streams of objects are open, each with a connection of its own."""
        return len(self._open)

    def read_stream(self, key: StorageKey, byte_range: ByteRange | None = None) -> ReadStream:
        """One GET, and more only where its body breaks off; closing before the end drops the connection."""
        with self._translated(key):
            try:
                answer = self._read_leanly(key, byte_range) or self._client.get_object(
                    **self._place(key), **range_of(byte_range)
                )
            except ClientError as error:
                if byte_range is not None and _status_of(error) == 416:
                    return BytesIO()
                raise
        start, stop = _span_of(answer, byte_range, key)
        etag, token = answer.get("ETag", ""), object()
        self._open.add(token)
        return ObjectStream(
            answer["Body"],
            start,
            stop,
            reopen=lambda rest: self._rest(key, rest, etag),
            translated=lambda: self._translated(key),
            on_close=lambda: self._open.discard(token),
        )

    def _read_leanly(self, key: StorageKey, byte_range: ByteRange | None) -> "GetObjectOutputTypeDef | None":
        """The answer as the S3 library would give it; None where that has to be asked."""
        if byte_range is None and self._settings.checksums is ChecksumMode.WHEN_SUPPORTED:
            return None  # of whole objects it compares the checksum that the store keeps
        reader = _reader_of(os.getpid(), self._settings, self._sites.get("internal") or self._learn_site("internal"))
        if reader is None:
            return None
        answer = reader.get(_signing_keys(self._settings), self._base + key, byte_range)
        if answer is None:
            return None
        headers = answer.headers
        length = int(headers["content-length"]) if headers.get("content-length", "").isdecimal() else None
        found = {
            "ETag": headers.get("etag", ""),
            "ContentLength": length,
            "ContentRange": headers.get("content-range"),
            "Body": StreamingBody(cast("IO[bytes]", answer), cast("int", length)),
        }
        return cast("GetObjectOutputTypeDef", found)

    def _rest(self, key: StorageKey, rest: ByteRange, etag: str) -> Body:
        """The body of what is left of an object, in one attempt; StorageError where it is no longer the same."""
        if not etag:
            raise StorageError(f"{key} broke off, and without an ETag nobody can tell whether it is still the same")
        client = _client_of(self._settings, self._settings.endpoint, attempts=1)
        with self._translated(key):
            try:
                answer = client.get_object(**self._place(key), **range_of(rest), IfMatch=etag)
            except ClientError as error:
                if _status_of(error) in (412, 416):
                    raise StorageError(f"{key} changed while it was read") from error
                raise
        if _span_of(answer, rest, key) != (rest.start, rest.stop) or answer.get("ETag") != etag:
            answer["Body"].close()
            raise StorageError(f"{key} changed while it was read")
        return answer["Body"]

    @contextmanager
    def write_stream(self, key: StorageKey, *, content_type: str | None = None) -> Iterator[BinaryIO]:
        """A multipart upload in parts of 8 MiB, or one put where the bytes are fewer."""
        parts = PartWriter(
            self._client, self._place(key), write_options(self._settings, content_type), lambda: self._translated(key)
        )
        with BufferedWriter(parts) as file:
            try:
                yield file
                file.flush()
                parts.finish()
            except BaseException:
                with suppress(StorageError):  # what cannot be aborted now, the sweep aborts
                    parts.abort()
                raise

    def put_object(
        self,
        key: StorageKey,
        data: bytes,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        options = write_options(self._settings, content_type, metadata)
        with self._translated(key):
            self._client.put_object(**self._place(key), **options, Body=data)

    def upload_file(
        self,
        path: Path,
        key: StorageKey,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """One put up to 16 MiB, above that four parts at a time; the local file stays."""
        options = write_options(self._settings, content_type, metadata)
        with self._translated(key):
            if path.stat().st_size < MULTIPART_THRESHOLD:
                with path.open("rb") as file:
                    self._client.put_object(**self._place(key), **options, Body=file)
                return
            self._client.upload_file(
                str(path), self._settings.bucket, self._base + key, ExtraArgs=options, Config=UPLOAD
            )

    def copy_object(self, source: StorageKey, target: StorageKey) -> None:
        """One HEAD and one copy, or parts where the object is larger than one copy may be."""
        size = self.head(source).size
        if source == target:
            return
        bucket = self._settings.bucket
        original: CopySourceTypeDef = {"Bucket": bucket, "Key": self._base + source}
        with self._translated(source):
            if size <= SINGLE_COPY_LIMIT:
                self._client.copy_object(**self._place(target), **encryption(self._settings), CopySource=original)
                return
            # A copy by parts is a new upload: what a single copy takes along is named again.
            head = self._client.head_object(**self._place(source))
            self._client.copy(
                original,
                bucket,
                self._base + target,
                ExtraArgs=write_options(self._settings, head.get("ContentType"), head["Metadata"]),
                Config=TransferConfig(
                    multipart_threshold=SINGLE_COPY_LIMIT, multipart_chunksize=min(COPY_PART_SIZE, SINGLE_COPY_LIMIT)
                ),
            )

    def move_object(self, source: StorageKey, target: StorageKey) -> None:
        self.copy_object(source, target)
        if source != target:
            self.delete_object(source)

    def delete_object(self, key: StorageKey) -> None:
        with suppress(ObjectNotFound), self._translated(key):
            self._client.delete_object(**self._place(key))

    def ensure_prefix(self, prefix: StorageKey) -> None:
        """Nothing: a prefix is there as soon as an object has it."""

    def list_keys(self, prefix: StorageKey | None = None) -> Iterator[tuple[StorageKey, ObjectHead]]:
        below = f"{self._base}{prefix}/" if prefix else self._base
        pages = iter(
            self._client.get_paginator("list_objects_v2").paginate(Bucket=self._settings.bucket, Prefix=below)
        )
        while True:
            with self._translated(below):
                page = next(pages, None)
            if page is None:
                return
            for found in page.get("Contents", ()):
                name = found["Key"].removeprefix(self._base)
                with suppress(InvalidKey):  # made by others, such as `folder/`
                    if is_listed(name):
                        head = ObjectHead(found["Size"], found["LastModified"], found["ETag"].strip('"'))
                        yield StorageKey(name), head

    def local_path(self, key: StorageKey) -> Path | None:
        return None

    def presign(
        self, key: StorageKey, *, method: HttpMethod, lifetime: int, audience: Audience = "public", **headers: str
    ) -> SignedUrl:
        """A PUT has to send the headers that are signed: content type and encryption."""
        writes = method == "PUT"
        with self._translated(key):
            return presigned(
                self._sites.get(audience) or self._learn_site(audience),
                _signing_keys(self._settings),
                method=method,
                key=self._base + key,
                lifetime=lifetime,
                now=time(),
                query={} if writes else response_query(headers),
                headers=write_headers(self._settings, headers.get("content_type")) if writes else {},
            )

    @property
    def public_origin(self) -> str | None:
        if not self._settings.is_public:
            return None
        return (self._sites.get("public") or self._learn_site("public")).origin

    def abort_stale_uploads(self, older_than: timedelta) -> int:
        """Abort multipart uploads: their parts are billed and in no list of objects."""
        oldest = datetime.now(UTC) - older_than
        with self._translated(self._base):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._settings.bucket, Prefix=self._base
            )
            stale = [
                (upload["Key"], upload["UploadId"])
                for page in pages
                for upload in page.get("Uploads", ())
                if upload["Initiated"] < oldest
            ]
        aborted = 0
        for name, upload_id in stale:
            with suppress(ObjectNotFound), self._translated(name):  # ended since it was listed
                self._client.abort_multipart_upload(Bucket=self._settings.bucket, Key=name, UploadId=upload_id)
                aborted += 1
        return aborted

    def probe(self) -> None:
        place = self._place(StorageKey(f"{MOUNT_FILE}-{uuid4().hex}"))
        data = uuid4().bytes
        client = _new_client(self._settings, self._settings.endpoint, PROBE_ATTEMPTS)
        with self._diagnosed("write"):
            client.put_object(**place, **encryption(self._settings), Body=data)
        try:
            with self._diagnosed("read"):
                same = client.get_object(**place)["Body"].read() == data
        finally:
            with self._diagnosed("delete"):
                client.delete_object(**place)
        if not same:
            raise MountCheckFailed(sentence_of(S3Failure(FailureKind.DAMAGED), "read", self._settings))

    def _learn_site(self, audience: Audience) -> Site:
        """Where the bucket answers, found once: botocore knows each region's and each style's addresses."""
        endpoint = self._settings.public_endpoint if audience == "public" else self._settings.endpoint
        client = _client_of(self._settings, endpoint, ATTEMPTS)
        place = {"Bucket": self._settings.bucket, "Key": "key"}
        site = site_of(client.generate_presigned_url("get_object", Params=place), "key")
        self._sites[audience] = site
        return site

    @property
    def _client(self) -> "S3Client":
        return _client_of(self._settings, self._settings.endpoint, ATTEMPTS)

    def _place(self, key: StorageKey) -> Place:
        return {"Bucket": self._settings.bucket, "Key": self._base + key}

    @contextmanager
    def _translated(self, subject: str) -> Iterator[None]:
        """botocore's errors as storage errors: the one place for every call."""
        try:
            yield
        except (BotoCoreError, ClientError, S3UploadFailedError, HTTPError) as error:
            raise error_of(_failure_of(error, self._settings), subject) from error

    @contextmanager
    def _diagnosed(self, action: str) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError, HTTPError) as error:
            failure = _failure_of(error, self._settings)
            raise MountCheckFailed(sentence_of(failure, action, self._settings)) from error


_making = threading.Lock()


def _forget_lock() -> None:
    # A lock that another thread held at the moment of a fork is never given back in the child.
    global _making
    _making = threading.Lock()


os.register_at_fork(after_in_child=_forget_lock)


def _client_of(settings: S3Settings, endpoint: str | None, attempts: int) -> "S3Client":
    """This process's client: sockets of a parent process are not for its children."""
    with _making:
        return _kept_client(os.getpid(), settings, endpoint, attempts)


@lru_cache
def _kept_client(pid: int, settings: S3Settings, endpoint: str | None, attempts: int) -> "S3Client":
    return _new_client(settings, endpoint, attempts)


def _new_client(settings: S3Settings, endpoint: str | None, attempts: int) -> "S3Client":
    client = _session(os.getpid()).client(
        "s3",
        region_name=settings.region,
        endpoint_url=endpoint,
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=settings.secret_access_key,
        config=Config(
            signature_version="s3v4",
            s3={
                "addressing_style": "path" if settings.force_path_style else "virtual",
                "use_accelerate_endpoint": settings.use_accelerate,
                "us_east_1_regional_endpoint": "regional",
            },
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=settings.connections,
            request_checksum_calculation=settings.checksums.value,
            response_checksum_validation=settings.checksums.value,
        ),
    )
    client.meta.events.register_last("before-parameter-build.s3", _stay)
    return client


def _stay(context: dict[str, Any], **_: object) -> None:
    # botocore would follow a bucket to its region: each request twice, presigned URLs still for the
    # wrong one, and a recursion without end where a proxy redirects all that it is asked.
    context.setdefault("s3_redirect", {})["redirected"] = True


@lru_cache
def _reader_of(pid: int, settings: S3Settings, site: Site) -> LeanReader | None:
    """This process's reader of a site; None where only the S3 library knows the way there."""
    if get_environ_proxies(site.origin):
        return None
    bundle = _session(pid)._session.get_config_variable("ca_bundle")
    return LeanReader(
        site,
        ca_certs=bundle or where(),
        connections=settings.connections,
        connect_seconds=CONNECT_SECONDS,
        read_seconds=READ_SECONDS,
    )


@lru_cache
def _session(pid: int) -> boto3.session.Session:
    """A session parses S3's description once; the clients made of it share that."""
    return boto3.session.Session()


def _span_of(answer: "GetObjectOutputTypeDef", wanted: ByteRange | None, key: StorageKey) -> tuple[int, int]:
    """Start and stop of the body of an answer, once it is known to be what was wanted."""
    try:
        start, stop = span_of(answer, wanted)
    except ValueError as error:
        answer["Body"].close()
        raise StorageError(f"The store ignores ranges: it sent {error} for {key}") from None
    if start < stop:
        answer["Body"].set_socket_timeout(STALL_SECONDS)
    return start, stop


def _signing_keys(settings: S3Settings) -> SigningKeys:
    """The keys that are set, or those of boto3's own chain, renewed where they are about to expire."""
    if settings.access_key_id and settings.secret_access_key:
        return SigningKeys(settings.access_key_id, settings.secret_access_key)
    credentials = _session(os.getpid()).get_credentials()
    if credentials is None:
        raise boto.NoCredentialsError
    credentials.get_frozen_credentials()
    # Another thread may renew them between these two: then new keys are given the end of the old ones, which
    # is safe. botocore tells the end to nobody but itself.
    expires: datetime | None = getattr(credentials, "_expiry_time", None)
    frozen = credentials.get_frozen_credentials()
    if not frozen.access_key or not frozen.secret_key:
        raise boto.NoCredentialsError
    return SigningKeys(
        frozen.access_key, frozen.secret_key, frozen.token, None if expires is None else int(expires.timestamp())
    )


def _status_of(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _failure_of(error: Exception, settings: S3Settings) -> S3Failure:
    if isinstance(error, S3UploadFailedError) and isinstance(error.__context__, ClientError):
        error = error.__context__
    if isinstance(error, ClientError):
        return failure_of_answer(error.response, settings)
    if isinstance(error, boto.EndpointConnectionError):
        return S3Failure(_unreached(error.kwargs.get("error")), "no connection")
    for kinds, kind in _KINDS_OF_EXCEPTIONS:
        if isinstance(error, kinds):
            return S3Failure(kind, type(error).__name__)
    return S3Failure(FailureKind.OTHER, type(error).__name__)


def _unreached(error: object) -> FailureKind:
    if isinstance(error, NameResolutionError | socket.gaierror):
        return FailureKind.HOST_NOT_FOUND
    cause = error.__cause__ if isinstance(error, NewConnectionError) else None
    return FailureKind.REFUSED if isinstance(cause, ConnectionRefusedError) else FailureKind.TIMEOUT


_KINDS_OF_EXCEPTIONS: Sequence[tuple[tuple[type[Exception], ...], FailureKind]] = (
    ((boto.SSLError, SSLError), FailureKind.TLS),
    ((boto.ConnectTimeoutError, boto.ReadTimeoutError, TimeoutError), FailureKind.TIMEOUT),
    ((boto.FlexibleChecksumError,), FailureKind.DAMAGED),
    (
        (
            boto.NoCredentialsError,
            boto.PartialCredentialsError,
            boto.CredentialRetrievalError,
            boto.TokenRetrievalError,
        ),
        FailureKind.NO_CREDENTIALS,
    ),
    ((boto.HTTPClientError, boto.IncompleteReadError, HTTPError), FailureKind.BROKEN_OFF),
)
