"""What is wrong with a bucket is told in one sentence; each is a real answer of a server on loopback."""

import socket
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

import storage.s3
from config import S3Settings
from errors import (
    IntegrityMismatch,
    MountCheckFailed,
    ObjectNotFound,
    StorageDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from storage.s3 import S3AppStorageBackend
from storage.types import ByteRange, StorageKey
from tests.servers import S3Server, free_port
from tests.wire import canned

KEY = StorageKey("upload/x.jpg")
SECRET = "do-not-tell"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> S3Settings:
    monkeypatch.setattr(storage.s3, "ATTEMPTS", 1)
    monkeypatch.setattr(storage.s3, "PROBE_ATTEMPTS", 1)
    return S3Server("http://127.0.0.1:9", "photos", 0, "key", SECRET).settings("home")


def answer(code: str, **more: str) -> str:
    elements = "".join(f"<{name}>{value}</{name}>" for name, value in more.items())
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message>{elements}</Error>"


def sentence(settings: S3Settings) -> str:
    with pytest.raises(MountCheckFailed) as caught:
        S3AppStorageBackend(settings).probe()
    text = str(caught.value)
    assert SECRET not in text
    assert "\n" not in text
    assert text.endswith(".")
    return text


def sentence_for(
    settings: S3Settings, status: int, body: str, headers: Mapping[str, str] | None = None
) -> str:
    with canned(status, body, headers) as endpoint:
        return sentence(replace(settings, endpoint=endpoint)).replace(endpoint, "STORE")


def test_a_host_that_is_not_found(settings: S3Settings) -> None:
    text = sentence(replace(settings, endpoint="http://nonexistent.invalid:9000"))
    assert text == "The host of http://nonexistent.invalid:9000 was not found: check S3_ENDPOINT."


def test_a_bucket_as_host_that_is_not_found_hints_at_path_style(settings: S3Settings) -> None:
    text = sentence(replace(settings, endpoint="http://nonexistent.invalid", force_path_style=False))
    assert "photos.nonexistent.invalid" in text
    assert "S3_FORCE_PATH_STYLE=true" in text


def test_a_refused_connection(settings: S3Settings) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    assert sentence(replace(settings, endpoint=endpoint)).startswith(f"{endpoint} refused the connection")


def test_https_to_a_server_without_tls(settings: S3Settings) -> None:
    with canned(200, "") as endpoint:
        text = sentence(replace(settings, endpoint=endpoint.replace("http", "https")))
    assert "made no TLS connection: check its certificate, and https or http" in text


def test_a_server_that_hangs_up(settings: S3Settings) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.settimeout(0)
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(storage.s3, "READ_SECONDS", 0.2)
            assert "did not answer in time" in sentence(replace(settings, endpoint=endpoint))


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "InvalidAccessKeyId", "STORE does not know the access key: check S3_ACCESS_KEY_ID."),
        (403, "SignatureDoesNotMatch", "STORE found the signature wrong: check S3_SECRET_ACCESS_KEY."),
        (400, "ExpiredToken", "STORE says that the credentials have expired (ExpiredToken): renew them."),
        (
            403,
            "AccessDenied",
            "STORE denies these credentials to write objects in photos/home (AccessDenied): allow it in their policy.",
        ),
        (404, "NoSuchBucket", "STORE has no bucket photos: create it, or check S3_BUCKET."),
        (507, "XMinioStorageFull", "STORE has no room left for the bucket photos (XMinioStorageFull)."),
        (503, "SlowDown", "STORE could not write a test object just now (SlowDown): look at its own log."),
        (418, "Teapot", "STORE failed to write a test object in photos/home (Teapot)."),
    ],
)
def test_a_refusal_by_its_code(settings: S3Settings, status: int, code: str, expected: str) -> None:
    assert sentence_for(settings, status, answer(code)) == expected


def test_a_page_that_no_s3_server_wrote(settings: S3Settings) -> None:
    assert "STORE could not write" in sentence_for(settings, 502, "<html><body>Bad gateway</body></html>")


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (301, answer("PermanentRedirect", Endpoint="photos.elsewhere"), {"x-amz-bucket-region": "eu-west-1"}),
        (400, answer("AuthorizationHeaderMalformed", Region="eu-west-1"), {}),
        (400, answer("IllegalLocationConstraintException"), {"x-amz-bucket-region": "eu-west-1"}),
    ],
)
def test_the_wrong_region_is_told_with_the_right_one(
    settings: S3Settings, status: int, body: str, headers: Mapping[str, str]
) -> None:
    text = sentence_for(settings, status, body, headers)
    assert text == "The bucket photos is not in us-east-1: set S3_REGION=eu-west-1."


def test_a_redirect_without_a_region_names_the_other_address(settings: S3Settings) -> None:
    text = sentence_for(settings, 301, answer("PermanentRedirect", Endpoint="photos.store.example"))
    assert "at another address (photos.store.example)" in text
    assert "S3_REGION" in text
    assert "S3_FORCE_PATH_STYLE=false" in text


def test_a_proxy_that_redirects_to_https_is_told_by_where_it_leads(settings: S3Settings) -> None:
    text = sentence_for(settings, 301, "<html>Moved</html>", {"Location": "https://store.example/photos"})
    assert "at another address (https://store.example/photos)" in text


def test_a_path_taken_for_the_bucket_is_the_wrong_addressing_style(settings: S3Settings) -> None:
    virtual = replace(settings, force_path_style=False)
    with canned(404, answer("NoSuchBucket", BucketName="home")) as endpoint:
        text = sentence(replace(virtual, endpoint=endpoint.replace("127.0.0.1", "localhost")))
    assert "set S3_FORCE_PATH_STYLE=true" in text


@pytest.mark.parametrize("code", ["RequestTimeTooSkewed", "AccessDenied", "SignatureDoesNotMatch"])
@pytest.mark.parametrize(("minutes", "side"), [(20, "behind"), (-20, "ahead of")])
def test_clock_skew_is_told_in_seconds_whatever_the_code(
    settings: S3Settings, code: str, minutes: int, side: str
) -> None:
    then = datetime.now(UTC) + timedelta(minutes=minutes)
    text = sentence_for(settings, 403, answer(code), {"Date": format_datetime(then, usegmt=True)})
    found, _, rest = text.removeprefix("This machine's clock is ").partition(" seconds ")
    assert rest == f"{side} the clock of STORE: set it right."
    assert abs(int(found) - 1200) <= 5


def test_clock_skew_is_read_from_the_answer_before_its_date(settings: S3Settings) -> None:
    then = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = sentence_for(settings, 403, answer("RequestTimeTooSkewed", ServerTime=then))
    seconds = int(text.removeprefix("This machine's clock is ").split()[0])
    assert abs(seconds - 3600) <= 5


def test_an_address_with_a_password_is_told_without_it(settings: S3Settings) -> None:
    text = sentence(replace(settings, endpoint=f"http://user:{SECRET}@127.0.0.1:{free_port()}"))
    assert "http://127.0.0.1:" in text


def test_no_credentials_anywhere(settings: S3Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    text = sentence(replace(settings, access_key_id=None, secret_access_key=None))
    assert text.startswith("No S3 credentials were found: set S3_ACCESS_KEY_ID")


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (404, "NoSuchKey", ObjectNotFound),
        (404, "NoSuchBucket", StorageDenied),
        (403, "AccessDenied", StorageDenied),
        (401, "Unauthorized", StorageDenied),
        (403, "RequestTimeTooSkewed", StorageDenied),
        (500, "InternalError", StorageUnavailable),
        (503, "SlowDown", StorageUnavailable),
        (429, "TooManyRequests", StorageUnavailable),
        (400, "RequestTimeout", StorageUnavailable),
        (507, "XMinioStorageFull", StorageFull),
        (400, "BadDigest", IntegrityMismatch),
        (501, "NotImplemented", StorageError),
        (412, "PreconditionFailed", StorageError),
    ],
)
def test_each_answer_becomes_the_error_that_says_what_to_do(
    settings: S3Settings, status: int, code: str, expected: type[StorageError]
) -> None:
    with canned(status, answer(code)) as endpoint, pytest.raises(StorageError) as caught:
        S3AppStorageBackend(replace(settings, endpoint=endpoint)).put_object(KEY, b"x")
    assert type(caught.value) is expected


def test_a_store_that_ignores_ranges_is_not_believed(settings: S3Settings) -> None:
    with canned(200, "0123456789") as endpoint:
        backend = S3AppStorageBackend(replace(settings, endpoint=endpoint))
        with pytest.raises(StorageError, match="ignores ranges"):
            backend.read_stream(KEY, ByteRange(2, 4))
        with backend.read_stream(KEY, ByteRange(0)) as stream:
            assert stream.read() == b"0123456789"
