"""Reading at little cost: the same bytes and the same errors as by the S3 library, which has the last word."""

import os
from dataclasses import replace

import pytest

from config import ChecksumMode, S3Settings
from errors import ObjectNotFound, StorageDenied, StorageUnavailable
from storage.s3 import S3AppStorageBackend
from storage.s3_lean import LeanReader
from storage.types import ByteRange, StorageKey
from tests.contracts.storage import KEY, ODD_NAMES, OTHER, read
from tests.live import free_port
from tests.servers import LIMITED, S3Server, own_prefix

pytestmark = pytest.mark.servers
DATA = os.urandom(100_000)


@pytest.fixture
def settings(s3_server: S3Server) -> S3Settings:
    return s3_server.settings(own_prefix())


@pytest.fixture
def backend(settings: S3Settings) -> S3AppStorageBackend:
    backend = S3AppStorageBackend(settings)
    backend.put_object(KEY, DATA)
    return backend


@pytest.fixture
def leanly(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each read was answered leanly, in their order."""
    answered: list[bool] = []
    get = LeanReader.get

    def noted(*arguments: object) -> object:
        answer = get(*arguments)  # type: ignore[arg-type]  # passed on as it is
        answered.append(answer is not None)
        return answer

    monkeypatch.setattr(LeanReader, "get", noted)
    return answered


@pytest.mark.parametrize("byte_range", [None, ByteRange(0, 1), ByteRange(5, 70_000), ByteRange(99_999)])
def test_bytes_are_read_leanly(
    backend: S3AppStorageBackend, leanly: list[bool], byte_range: ByteRange | None
) -> None:
    wanted = DATA if byte_range is None else DATA[byte_range.start : byte_range.stop]
    assert read(backend, KEY, byte_range) == wanted
    assert leanly == [True]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_key_is_signed_as_it_is_stored(backend: S3AppStorageBackend, leanly: list[bool], name: str) -> None:
    key = StorageKey(f"upload/{name}")
    backend.put_object(key, name.encode())
    assert read(backend, key) == name.encode()
    assert leanly == [True]


def test_what_goes_wrong_is_told_by_the_library(
    s3_server: S3Server, settings: S3Settings, backend: S3AppStorageBackend, leanly: list[bool]
) -> None:
    with pytest.raises(ObjectNotFound):
        read(backend, OTHER)
    with pytest.raises(StorageDenied):
        read(S3AppStorageBackend(s3_server.settings(own_prefix(), LIMITED)), KEY)
    with pytest.raises(StorageDenied):
        read(S3AppStorageBackend(replace(settings, secret_access_key="wrong")), KEY)
    with pytest.raises(StorageUnavailable):
        read(S3AppStorageBackend(replace(settings, endpoint=f"http://127.0.0.1:{free_port()}")), KEY)
    assert leanly == [False] * 4


def test_past_the_end_there_are_no_bytes(backend: S3AppStorageBackend) -> None:
    assert read(backend, KEY, ByteRange(100_000)) == b""


def test_where_the_library_compares_checksums_it_reads_whole_objects(
    settings: S3Settings, backend: S3AppStorageBackend, leanly: list[bool]
) -> None:
    careful = S3AppStorageBackend(replace(settings, checksums=ChecksumMode.WHEN_SUPPORTED))
    assert read(careful, KEY) == DATA
    assert leanly == []
    assert read(careful, KEY, ByteRange(0, 10)) == DATA[:10]
    assert leanly == [True]


def test_behind_a_proxy_the_library_knows_the_way(
    settings: S3Settings, backend: S3AppStorageBackend, leanly: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The store takes requests to a proxy for its own.
    monkeypatch.setenv("HTTP_PROXY", settings.endpoint or "")
    proxied = S3AppStorageBackend(replace(settings, region="eu-1"))
    assert read(proxied, KEY) == DATA
    assert leanly == []
