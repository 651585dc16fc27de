"""Our signer against botocore's for the same instant, and how long its URLs live and stay the same."""

import datetime
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import botocore.auth
import botocore.session
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, RefreshableCredentials

import storage.s3
from config import ChecksumMode, S3Settings, ServerSideEncryption
from errors import StorageDenied
from storage.backend import Audience, HttpMethod
from storage.s3 import S3AppStorageBackend
from storage.s3_presign import SigningKeys, Site, Validity, presigned, signed_get, validity_at
from storage.types import SignedUrl, StorageKey
from tests.contracts.storage import ODD_NAMES
from tests.servers import S3Server

HOUR = 3600
# The start of a window of three hours, and a moment in it.
START = 1_790_000_000 // (3 * HOUR) * (3 * HOUR)
NOW = START + 4321.75

KEY = StorageKey("upload/u/ab/cd/abcd.jpg")
SETTINGS = replace(S3Server("http://127.0.0.1:9000", "photos", 0, "key/1", "se+cret/1").settings("home"), region="eu-1")
AWS: dict[str, Any] = {"endpoint": None, "public_endpoint": None, "checksums": ChecksumMode.WHEN_SUPPORTED}

STYLES = {
    "path": SETTINGS,
    "a host without a port": replace(SETTINGS, public_endpoint="https://S3.example.org"),
    "the port of the scheme": replace(SETTINGS, public_endpoint="https://s3.example.org:443"),
    "another port": replace(SETTINGS, public_endpoint="https://s3.example.org:8443"),
    "IPv6": replace(SETTINGS, public_endpoint="http://[::1]:9000"),
    "virtual host": replace(SETTINGS, public_endpoint="https://s3.example.org", force_path_style=False),
    "no prefix": replace(SETTINGS, prefix=""),
    "AWS": replace(SETTINGS, **AWS, region="eu-central-1", force_path_style=False),
    "AWS by path": replace(SETTINGS, **AWS, region="eu-central-1"),
    "AWS, first region": replace(SETTINGS, **AWS, region="us-east-1", force_path_style=False),
    "AWS in China": replace(SETTINGS, **AWS, region="cn-north-1", force_path_style=False),
    "AWS accelerated": replace(SETTINGS, **AWS, region="eu-west-1", force_path_style=False, use_accelerate=True),
    "AWS, dotted bucket": replace(SETTINGS, **AWS, region="eu-west-1", force_path_style=False, bucket="my.photos"),
}
HEADERS = {
    "content_type": "image/jpeg",
    "content_disposition": "attachment; filename=\"it's +1.jpg\"; filename*=UTF-8''gr%C3%B6%C3%9Fe%20~.jpg",
    "cache_control": "private, max-age=86400, no-transform",
}
ARGUMENTS = {
    "content_type": "ResponseContentType",
    "content_disposition": "ResponseContentDisposition",
    "cache_control": "ResponseCacheControl",
}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is NOW for us, and the start of the window for botocore."""
    instant = datetime.datetime.fromtimestamp(START, datetime.UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: instant)
    monkeypatch.setattr(storage.s3, "time", lambda: NOW)


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[botocore.session.Session]:
    """The session of which clients are made in this test; its credentials may be set."""
    inner = botocore.session.Session()
    session = boto3.session.Session(botocore_session=inner)
    monkeypatch.setattr(storage.s3, "_session", lambda _: session)
    storage.s3._kept_client.cache_clear()
    yield inner
    storage.s3._kept_client.cache_clear()


def parts(url: str) -> tuple[str, str, str, list[str]]:
    """A URL with its parameters in one order; botocore's is another than ours, and the signature knows none."""
    split = urlsplit(url)
    return split.scheme, split.netloc, split.path, sorted(split.query.split("&"))


def by_botocore(settings: S3Settings, operation: str, key: str, lifetime: int, arguments: Mapping[str, str]) -> str:
    client = storage.s3._client_of(settings, settings.public_endpoint, 1)
    name = f"{settings.prefix}/{key}".lstrip("/")
    place = {"Bucket": settings.bucket, "Key": name}
    return client.generate_presigned_url(operation, Params={**place, **arguments}, ExpiresIn=lifetime)


def signed(settings: S3Settings, headers: Mapping[str, str], key: StorageKey = KEY, **more: Any) -> SignedUrl:
    arguments: dict[str, Any] = {"method": "GET", "lifetime": 6 * HOUR, **headers, **more}
    return S3AppStorageBackend(settings).presign(key, **arguments)


@pytest.mark.parametrize("name", [*ODD_NAMES, "~tilde-and_more.jpg", "plain.jpg"])
def test_any_key_is_signed_as_botocore_signs_it(name: str) -> None:
    key = StorageKey(f"library/o d#d/{name}")
    theirs = by_botocore(SETTINGS, "get_object", key, 6 * HOUR, {})
    assert parts(signed(SETTINGS, {}, key).url) == parts(theirs)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("method", "operation"), [("GET", "get_object"), ("HEAD", "head_object")])
def test_every_address_is_signed_as_botocore_signs_it(style: str, method: HttpMethod, operation: str) -> None:
    arguments = {ARGUMENTS[name]: value for name, value in HEADERS.items()}
    theirs = by_botocore(STYLES[style], operation, KEY, 6 * HOUR, arguments)
    assert parts(signed(STYLES[style], HEADERS, method=method).url) == parts(theirs)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("sse", "key_id", "encryption"),
    [
        (None, None, {}),
        (ServerSideEncryption.S3, None, {"ServerSideEncryption": "AES256"}),
        (ServerSideEncryption.KMS, "a  key", {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "a  key"}),
    ],
)
def test_a_put_is_signed_as_botocore_signs_it(
    style: str, sse: ServerSideEncryption | None, key_id: str | None, encryption: dict[str, str]
) -> None:
    settings = replace(STYLES[style], sse=sse, sse_kms_key_id=key_id)
    theirs = by_botocore(settings, "put_object", KEY, 6 * HOUR, {"ContentType": "image/jpeg", **encryption})
    assert parts(signed(settings, {"content_type": "image/jpeg"}, method="PUT").url) == parts(theirs)


def test_a_session_token_is_signed_as_botocore_signs_it(session: botocore.session.Session) -> None:
    session.set_credentials("role", "secret", "to/ken+=")
    settings = replace(SETTINGS, access_key_id=None, secret_access_key=None)
    url = signed(settings, HEADERS).url
    arguments = {ARGUMENTS[name]: value for name, value in HEADERS.items()}
    assert parts(url) == parts(by_botocore(settings, "get_object", KEY, 6 * HOUR, arguments))
    assert parse_qs(urlsplit(url).query)["X-Amz-Security-Token"] == ["to/ken+="]


def test_each_audience_has_its_endpoint() -> None:
    settings = replace(SETTINGS, public_endpoint="https://photos.example.org")
    hosts: dict[Audience, str] = {"public": "photos.example.org", "internal": "127.0.0.1:9000"}
    for audience, host in hosts.items():
        assert urlsplit(signed(settings, {}, audience=audience).url).netloc == host


def test_the_hot_path_asks_botocore_once(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = S3AppStorageBackend(SETTINGS)
    first = backend.presign(KEY, method="GET", lifetime=60)
    monkeypatch.setattr(storage.s3, "_client_of", None)
    assert backend.presign(KEY, method="GET", lifetime=60) == first


def test_a_url_stays_the_same_for_half_its_lifetime(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = S3AppStorageBackend(SETTINGS)
    given = []
    for second in (0, 1, 3 * HOUR - 1, 3 * HOUR, 6 * HOUR - 1, 6 * HOUR):
        monkeypatch.setattr(storage.s3, "time", lambda second=second: START + second + 0.9)
        given.append(backend.presign(KEY, method="GET", lifetime=6 * HOUR))
    urls = [one.url for one in given]
    assert urls[0] == urls[1] == urls[2]
    assert urls[3] == urls[4]
    assert len(set(urls)) == 3
    assert [one.fresh_for for one in given] == [3 * HOUR - 1, 3 * HOUR - 2, 0, 3 * HOUR - 1, 0, 3 * HOUR - 1]


@pytest.mark.parametrize("lifetime", [1, 2, 3, 61, 6 * HOUR, 7 * 24 * HOUR])
def test_a_url_never_lives_longer_than_asked_nor_shorter_than_half(lifetime: int) -> None:
    for second in range(0, 3 * lifetime, max(1, lifetime // 97)):
        now = START + second + 0.5
        valid = validity_at(now, lifetime, None)
        left = valid.signed_at + valid.lifetime - now
        assert valid.lifetime == lifetime
        assert lifetime / 2 - 1 <= left <= lifetime
        assert left - valid.fresh_for >= lifetime / 2 - 1
        assert validity_at(now + valid.fresh_for, lifetime, None).signed_at == valid.signed_at


@pytest.mark.parametrize(
    ("ends_after", "expected"),
    [
        (24 * HOUR, Validity(START, 6 * HOUR, 3 * HOUR - 1000)),
        (6 * HOUR, Validity(START, 6 * HOUR, 3 * HOUR - 1000)),
        (5 * HOUR, Validity(START, 5 * HOUR, 9000 - 1000)),
        (2001, Validity(START, 2001, 0)),
        (1001, Validity(START, 1001, 0)),
        (-1, Validity(START, 1, 0)),
    ],
)
def test_no_url_outlives_the_credentials(ends_after: int, expected: Validity) -> None:
    assert validity_at(START + 1000, 6 * HOUR, START + ends_after) == expected


def test_the_credentials_of_a_role_end_their_urls(
    session: botocore.session.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = int(time.time())
    monkeypatch.setattr(storage.s3, "time", lambda: now)
    session._credentials = role(now + 2 * HOUR)  # type: ignore[attr-defined]
    url = signed(replace(SETTINGS, access_key_id=None, secret_access_key=None), {}).url
    query = {name: value for name, [value] in parse_qs(urlsplit(url).query).items()}
    signed_at = datetime.datetime.strptime(query["X-Amz-Date"] + "+0000", "%Y%m%dT%H%M%SZ%z").timestamp()
    assert signed_at + int(query["X-Amz-Expires"]) == min(signed_at + 6 * HOUR, now + 2 * HOUR)
    assert query["X-Amz-Security-Token"] == "token"


def test_credentials_that_are_about_to_end_are_renewed_before_they_sign(session: botocore.session.Session) -> None:
    ends = int(time.time()) + 8 * HOUR
    session._credentials = role(int(time.time()) + 60, then=ends)  # type: ignore[attr-defined]
    keys = storage.s3._signing_keys(replace(SETTINGS, access_key_id=None, secret_access_key=None))
    assert keys == SigningKeys("renewed", "secret", "token", ends)


def role(ends: int, then: int | None = None) -> RefreshableCredentials:
    def data(access_key: str, ends: int) -> dict[str, str]:
        end = datetime.datetime.fromtimestamp(ends, datetime.UTC).isoformat()
        return {"access_key": access_key, "secret_key": "secret", "token": "token", "expiry_time": end}

    return RefreshableCredentials.create_from_metadata(
        data("first", ends), refresh_using=lambda: data("renewed", then or ends), method="test"
    )


def test_without_credentials_nothing_is_signed(
    session: botocore.session.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(StorageDenied, match="no credentials"):
        signed(replace(SETTINGS, access_key_id=None, secret_access_key=None), {})


def test_no_secret_is_shown() -> None:
    keys = SigningKeys("key", "do-not-tell", "do-not-tell-either")
    site = Site("http://127.0.0.1:9000", "127.0.0.1:9000", "/photos/", "us-east-1")
    url = presigned(site, keys, method="GET", key=KEY, lifetime=60, now=NOW, query={}, headers={})
    assert "do-not-tell" not in repr(keys)
    assert "X-Amz" not in repr(url)


@pytest.mark.parametrize("token", [None, "session/token+="])
@pytest.mark.parametrize("key", ["upload/a b+c%25#?'.jpg", "upload/Ünï 🏔.jpg"])
def test_a_get_of_our_own_is_signed_as_botocore_signs_it(
    key: str, token: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime.datetime(2026, 11, 25, 10, 30, 15, tzinfo=datetime.UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: moment.replace(tzinfo=None))
    site = Site("http://s3.example:9000", "s3.example:9000", "/photos/", "eu-central-1")
    target, headers = signed_get(site, SigningKeys("access", "secret", token), key=key, now=moment.timestamp())
    request = AWSRequest("GET", f"{site.origin}{target}", headers={"host": site.host})
    request.context["payload_signing_enabled"] = True
    S3SigV4Auth(Credentials("access", "secret", token), "s3", site.region).add_auth(request)
    assert {name.lower(): value for name, value in request.headers.items()} == headers
