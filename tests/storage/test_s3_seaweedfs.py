"""The S3 backend over a real server: what moto cannot prove, rights and signatures."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

import pytest

import storage.s3
from config import S3Settings
from errors import MountCheckFailed, StorageDenied
from storage.s3 import S3AppStorageBackend
from storage.s3_presign import SigningKeys
from storage.types import StorageKey
from tests.contracts.s3 import S3Contract
from tests.contracts.storage import KEY, ODD_NAMES, OTHER, keys, read
from tests.servers import ADMIN, LIMITED, LIMITED_PREFIX, READER, S3Server, own_prefix

pytestmark = pytest.mark.servers
_opener = build_opener(ProxyHandler({}))


@pytest.fixture
def settings(s3_server: S3Server) -> S3Settings:
    return s3_server.settings(own_prefix())


@pytest.fixture
def backend(settings: S3Settings) -> S3AppStorageBackend:
    return S3AppStorageBackend(settings)


class TestSeaweedFSContract(S3Contract):
    """The contract over SeaweedFS."""

    @pytest.fixture
    def settings(self, s3_server: S3Server) -> S3Settings:
        return s3_server.settings(own_prefix())


def ask(url: str, method: str = "GET", data: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
    try:
        with _opener.open(Request(url, method=method, data=data), timeout=10) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
    except HTTPError as error:
        with error:
            return error.code, {}, error.read()


def test_an_abandoned_multipart_upload_is_swept_by_age(settings: S3Settings, backend: S3AppStorageBackend) -> None:
    backend._client.create_multipart_upload(Bucket=settings.bucket, Key=f"{settings.prefix}/upload/a")
    assert backend.abort_stale_uploads(timedelta(hours=1)) == 0
    assert backend.abort_stale_uploads(timedelta(seconds=-60)) == 1


def test_a_refusal_is_never_an_absent_object(s3_server: S3Server, tmp_path: Path) -> None:
    backend = S3AppStorageBackend(s3_server.settings(own_prefix(), LIMITED))
    (tmp_path / "file").write_bytes(b"x")
    for call in (
        lambda: backend.exists(KEY),
        lambda: backend.head(KEY),
        lambda: backend.read_stream(KEY),
        lambda: backend.put_object(KEY, b"x"),
        lambda: backend.upload_file(tmp_path / "file", KEY),
        lambda: backend.delete_object(KEY),
        lambda: backend.copy_object(KEY, OTHER),
        lambda: keys(backend),
    ):
        with pytest.raises(StorageDenied):
            call()


def test_rights_to_one_prefix_are_enough(s3_server: S3Server) -> None:
    backend = S3AppStorageBackend(s3_server.settings(f"{LIMITED_PREFIX}/{own_prefix()}", LIMITED))
    backend.probe()
    backend.put_object(KEY, b"x")
    backend.move_object(KEY, OTHER)
    assert not backend.exists(KEY)
    assert keys(backend) == [OTHER]


@pytest.mark.parametrize("name", [*ODD_NAMES, "plain.jpg"])
def test_a_presigned_url_gives_the_object(backend: S3AppStorageBackend, name: str) -> None:
    key = StorageKey(f"upload/{name}")
    backend.put_object(key, b"bytes")
    status, _, body = ask(backend.presign(key, method="GET", lifetime=60).url)
    assert (status, body) == (200, b"bytes")


def test_a_presigned_answer_has_the_headers_that_were_asked_for(backend: S3AppStorageBackend) -> None:
    backend.put_object(KEY, b"bytes", content_type="application/octet-stream")
    disposition = f"attachment; filename*=UTF-8''{quote('größe.jpg')}"
    signed = backend.presign(
        KEY,
        method="GET",
        lifetime=60,
        content_type="image/jpeg",
        content_disposition=disposition,
        cache_control="private, max-age=60",
    )
    _, headers, _ = ask(signed.url)
    assert headers["content-type"] == "image/jpeg"
    assert headers["content-disposition"] == disposition
    assert headers["cache-control"] == "private, max-age=60"


def test_each_method_needs_its_own_url(backend: S3AppStorageBackend) -> None:
    backend.put_object(KEY, b"bytes")
    urls = {method: backend.presign(KEY, method=method, lifetime=60).url for method in ("GET", "HEAD", "PUT")}
    assert ask(urls["HEAD"], "HEAD")[0] == 200
    assert ask(urls["GET"], "PUT", b"forged")[0] == 403
    assert ask(urls["GET"], "DELETE")[0] == 403
    assert ask(urls["HEAD"], "GET")[0] == 403
    assert read(backend, KEY) == b"bytes"
    assert ask(urls["PUT"], "PUT", b"new bytes")[0] == 200
    assert read(backend, KEY) == b"new bytes"


def forgeries(url: str) -> Iterator[str]:
    """The URL with each of its parameters changed, emptied, left out and doubled, and with others added."""
    address, _, query = url.partition("?")
    pairs = query.split("&")
    for number, pair in enumerate(pairs):
        before, after, name = pairs[:number], pairs[number + 1 :], pair.partition("=")[0]
        last = "0" if pair[-1] != "0" else "1"
        for changed in ([pair[:-1] + last], [f"{name}="], [], [pair + last, pair]):
            yield f"{address}?{'&'.join([*before, *changed, *after])}"
    yield f"{url}&response-expires=0"
    yield f"{address}?response-content-language=de&{query}"


def test_a_forged_url_is_refused(backend: S3AppStorageBackend) -> None:
    backend.put_object(KEY, b"bytes")
    backend.put_object(OTHER, b"other")
    url = backend.presign(KEY, method="GET", lifetime=60, content_type="image/png", cache_control="private").url
    assert ask(url)[0] == 200
    assert ask(url.replace(KEY, OTHER))[0] == 403
    answers = {forged: ask(forged) for forged in forgeries(url)}
    assert len(answers) == 4 * 8 + 2
    assert [(forged, status) for forged, (status, _, _) in answers.items() if status not in (400, 403)] == []
    assert ask(url)[0] == 200


def test_an_expired_url_is_refused(backend: S3AppStorageBackend) -> None:
    backend.put_object(KEY, b"bytes")
    url = backend.presign(KEY, method="GET", lifetime=1).url
    time.sleep(2.1)
    assert ask(url)[0] == 403


def test_a_url_works_for_half_its_lifetime_at_least_and_never_longer_than_all_of_it(
    backend: S3AppStorageBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.put_object(KEY, b"bytes")
    now = time.time()
    monkeypatch.setattr(storage.s3, "time", lambda: now - 50)
    assert ask(backend.presign(KEY, method="GET", lifetime=120).url)[0] == 200
    monkeypatch.setattr(storage.s3, "time", lambda: now - 121)
    assert ask(backend.presign(KEY, method="GET", lifetime=120).url)[0] == 403


def test_a_url_ends_with_the_credentials(backend: S3AppStorageBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    backend.put_object(KEY, b"bytes")
    now = time.time()
    keys_of_role = SigningKeys(*ADMIN, expires_at=int(now) + 3)
    monkeypatch.setattr(storage.s3, "_signing_keys", lambda _: keys_of_role)
    url = backend.presign(KEY, method="GET", lifetime=6 * 3600).url
    assert ask(url)[0] == 200
    time.sleep(max(0.0, now + 4.1 - time.time()))
    assert ask(url)[0] == 403


@pytest.mark.parametrize(
    ("keys_of_owner", "sentence"),
    [
        (("no-such-key", "secret"), "does not know the access key: check S3_ACCESS_KEY_ID"),
        (("admin-key", "wrong-secret"), "found the signature wrong: check S3_SECRET_ACCESS_KEY"),
        (LIMITED, "denies these credentials to write objects in photos/tests/"),
        (READER, "denies these credentials to write objects in photos/tests/"),
    ],
)
def test_a_probe_tells_wrong_credentials_from_missing_rights(
    s3_server: S3Server, keys_of_owner: tuple[str, str], sentence: str
) -> None:
    with pytest.raises(MountCheckFailed, match=sentence) as caught:
        S3AppStorageBackend(s3_server.settings(own_prefix(), keys_of_owner)).probe()
    assert keys_of_owner[1] not in str(caught.value)


def test_a_probe_tells_a_missing_bucket(settings: S3Settings) -> None:
    with pytest.raises(MountCheckFailed, match="has no bucket nowhere: create it, or check S3_BUCKET"):
        S3AppStorageBackend(replace(settings, bucket="nowhere")).probe()


def test_a_probe_tells_the_wrong_addressing_style(settings: S3Settings) -> None:
    assert settings.endpoint
    endpoint = settings.endpoint.replace("127.0.0.1", "localhost")
    with pytest.raises(MountCheckFailed, match="S3_FORCE_PATH_STYLE=true"):
        S3AppStorageBackend(replace(settings, endpoint=endpoint, force_path_style=False)).probe()
