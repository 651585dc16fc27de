"""Both checksum modes over a real server: boto3's default broke some stores, and its opposite others."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from config import ChecksumMode
from storage import s3
from storage.s3 import S3AppStorageBackend
from tests.contracts.storage import KEY, OTHER, read
from tests.servers import S3Server, own_prefix

pytestmark = pytest.mark.servers
MIB = 1024 * 1024


@pytest.fixture(params=list(ChecksumMode))
def backend(request: pytest.FixtureRequest, s3_server: S3Server) -> S3AppStorageBackend:
    return S3AppStorageBackend(replace(s3_server.settings(own_prefix()), checksums=request.param))


def test_a_small_object_comes_back(backend: S3AppStorageBackend) -> None:
    backend.put_object(KEY, b"bytes")
    backend.copy_object(KEY, OTHER)
    assert read(backend, KEY) == read(backend, OTHER) == b"bytes"


def test_a_file_in_parts_comes_back(backend: S3AppStorageBackend, tmp_path: Path) -> None:
    data = os.urandom(s3.MULTIPART_THRESHOLD + MIB)
    (tmp_path / "large").write_bytes(data)
    backend.upload_file(tmp_path / "large", KEY)
    assert read(backend, KEY) == data


def test_a_stream_in_parts_comes_back(backend: S3AppStorageBackend) -> None:
    data = os.urandom(17 * MIB)
    with backend.write_stream(KEY) as file:
        file.write(data)
    assert read(backend, KEY) == data
