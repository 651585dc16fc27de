"""What the S3 backend promises beyond the contract of every backend; run over moto and SeaweedFS."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

import storage.s3
from config import ChecksumMode, S3Settings, ServerSideEncryption
from errors import ObjectNotFound, StorageDenied, StorageError, StorageUnavailable
from storage.backend import ReadStream
from storage.s3 import S3AppStorageBackend
from storage.s3_lean import LeanReader
from storage.types import ByteRange, StorageKey
from tests.contracts.storage import KEY, MIB, OTHER, Boom, StorageContract, fail_after, keys, read
from tests.wire import broken_off

ANY_AGE = timedelta(seconds=-60)


@contextmanager
def requests_of(backend: S3AppStorageBackend) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Every request that the backend makes in the block: operation and parameters, of reads the operation alone."""
    seen: list[tuple[str, dict[str, Any]]] = []

    def note(params: dict[str, Any], model: Any, **_: object) -> None:
        seen.append((model.name, params))

    def read_leanly(*arguments: Any) -> Any:
        answer = get(*arguments)
        if answer is not None:
            seen.append(("GetObject", {}))
        return answer

    get, events = LeanReader.get, backend._client.meta.events
    events.register("before-call.s3", note)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LeanReader, "get", read_leanly)
        yield seen
    events.unregister("before-call.s3", note)


class S3Contract(StorageContract):
    """Inherit, and give a fixture `settings` for an empty prefix."""

    @pytest.fixture
    def backend(self, settings: S3Settings) -> S3AppStorageBackend:
        return S3AppStorageBackend(settings)

    def test_no_object_is_a_local_file(self, backend: S3AppStorageBackend) -> None:
        backend.put_object(KEY, b"x")
        assert backend.local_path(KEY) is None

    def test_an_object_lies_below_the_prefix(self, settings: S3Settings, backend: S3AppStorageBackend) -> None:
        backend.put_object(KEY, b"x")
        above = S3AppStorageBackend(replace(settings, prefix=settings.prefix.rpartition("/")[0]))
        assert read(above, StorageKey(f"{settings.prefix.rpartition('/')[2]}/{KEY}")) == b"x"

    def test_a_prefix_does_not_list_its_sibling_prefix(
        self, settings: S3Settings, backend: S3AppStorageBackend
    ) -> None:
        S3AppStorageBackend(replace(settings, prefix=settings.prefix + "2")).put_object(KEY, b"x")
        assert keys(backend) == []

    def test_names_that_others_made_and_cannot_be_keys_are_not_listed(
        self, settings: S3Settings, backend: S3AppStorageBackend
    ) -> None:
        backend._client.put_object(Bucket=settings.bucket, Key=f"{settings.prefix}/folder/", Body=b"")
        backend.put_object(KEY, b"x")
        assert keys(backend) == [KEY]

    def test_a_list_goes_on_over_several_pages(
        self, backend: S3AppStorageBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names = [f"thumbs/{number:02}" for number in range(7)]
        for name in names:
            backend.put_object(StorageKey(name), b"x")
        events = backend._client.meta.events
        few = lambda params, **_: params.update(MaxKeys=3)  # noqa: E731
        events.register("provide-client-params.s3.ListObjectsV2", few)
        with requests_of(backend) as seen:
            assert keys(backend) == names
        assert [name for name, _ in seen] == ["ListObjectsV2"] * 3

    def test_every_operation_has_its_round_trips(self, backend: S3AppStorageBackend, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"bytes")
        with requests_of(backend) as seen:
            backend.upload_file(tmp_path / "file", KEY)
            backend.put_object(KEY, b"bytes")
            backend.head(KEY)
            backend.exists(KEY)
            read(backend, KEY)
            read(backend, KEY, ByteRange(1, 3))
            backend.ensure_prefix(StorageKey("upload"))
            backend.presign(KEY, method="GET", lifetime=60)
            with backend.write_stream(KEY) as file:
                file.write(b"bytes")
            backend.copy_object(KEY, OTHER)
            backend.move_object(KEY, OTHER)
            backend.delete_object(OTHER)
            backend.exists(OTHER)
        assert [name for name, _ in seen] == [
            "PutObject", "PutObject", "HeadObject", "HeadObject", "GetObject", "GetObject", "PutObject",
            "HeadObject", "CopyObject", "HeadObject", "CopyObject", "DeleteObject", "DeleteObject",
            "HeadObject", "GetObject",
        ]  # fmt: skip

    def test_type_and_metadata_are_kept_also_by_parts(
        self, settings: S3Settings, backend: S3AppStorageBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(storage.s3, "SINGLE_COPY_LIMIT", 5 * MIB)
        (tmp_path / "file").write_bytes(os.urandom(17 * MIB))
        backend.upload_file(tmp_path / "file", KEY, content_type="video/mp4", metadata={"sha1": "abc"})
        with requests_of(backend) as seen:
            backend.copy_object(KEY, OTHER)
        assert "UploadPartCopy" in [name for name, _ in seen]
        assert "CopyObject" not in [name for name, _ in seen]
        for key in (KEY, OTHER):
            head = backend._client.head_object(Bucket=settings.bucket, Key=f"{settings.prefix}/{key}")
            assert (head["ContentType"], head["Metadata"]) == ("video/mp4", {"sha1": "abc"})
        assert read(backend, KEY) == read(backend, OTHER)

    @pytest.mark.parametrize("checksums", list(ChecksumMode))
    def test_both_checksum_modes_write_and_read_at_every_size(
        self, settings: S3Settings, tmp_path: Path, checksums: ChecksumMode
    ) -> None:
        backend = S3AppStorageBackend(replace(settings, checksums=checksums))
        for size in (0, 1000, 17 * MIB):
            data = os.urandom(size)
            (tmp_path / "file").write_bytes(data)
            backend.upload_file(tmp_path / "file", KEY)
            with backend.write_stream(OTHER) as file:
                file.write(data)
            assert read(backend, KEY) == data
            assert read(backend, OTHER) == data

    @pytest.mark.parametrize(
        ("sse", "key_id", "expected"),
        [
            (None, None, {}),
            (ServerSideEncryption.S3, None, {"x-amz-server-side-encryption": "AES256"}),
            (ServerSideEncryption.AES256, None, {"x-amz-server-side-encryption": "AES256"}),
            (ServerSideEncryption.KMS, None, {"x-amz-server-side-encryption": "aws:kms"}),
            (
                ServerSideEncryption.KMS,
                "my-key",
                {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": "my-key"},
            ),
        ],
    )
    def test_every_write_asks_for_the_encryption_that_is_set(
        self,
        settings: S3Settings,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        sse: ServerSideEncryption | None,
        key_id: str | None,
        expected: dict[str, str],
    ) -> None:
        S3AppStorageBackend(settings).put_object(OTHER, b"x" * (5 * MIB + 1))
        backend = S3AppStorageBackend(replace(settings, sse=sse, sse_kms_key_id=key_id))
        monkeypatch.setattr(storage.s3, "SINGLE_COPY_LIMIT", 5 * MIB)
        monkeypatch.setattr(storage.s3, "ATTEMPTS", 1)
        monkeypatch.setattr(storage.s3, "MULTIPART_THRESHOLD", 5 * MIB)
        monkeypatch.setattr(storage.s3, "UPLOAD", TransferConfig(5 * MIB, multipart_chunksize=5 * MIB))
        (tmp_path / "file").write_bytes(b"x" * (5 * MIB + 1))
        with requests_of(backend) as seen:
            # Not every store has keys; what counts is what was asked of it.
            for write in (
                lambda: backend.put_object(KEY, b"x"),
                lambda: backend.upload_file(tmp_path / "file", KEY),
                lambda: write_by_parts(backend),
                lambda: backend.copy_object(OTHER, KEY),
                lambda: backend.probe(),
            ):
                try_to(write)
            monkeypatch.setattr(storage.s3, "SINGLE_COPY_LIMIT", 5000 * MIB)
            try_to(lambda: backend.copy_object(OTHER, KEY))
        begun = [
            {name.lower(): value for name, value in params["headers"].items() if "encryption" in name.lower()}
            for operation, params in seen
            if operation in ("PutObject", "CreateMultipartUpload", "CopyObject")
        ]
        assert len(begun) >= 5
        assert all(headers == expected for headers in begun)

    def test_a_failed_multipart_upload_leaves_nothing(
        self, backend: S3AppStorageBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").write_bytes(b"x" * 17 * MIB)

        def fail(params: dict[str, Any], **_: object) -> None:
            if params["query_string"].get("partNumber") == 2:
                raise Boom

        backend._client.meta.events.register("before-call.s3.UploadPart", fail)
        with pytest.raises(Boom):
            backend.upload_file(tmp_path / "file", KEY)
        with pytest.raises(Boom), backend.write_stream(KEY) as file:
            fail_after(file, b"x" * 17 * MIB)
        assert backend.abort_stale_uploads(ANY_AGE) == 0
        assert not backend.exists(KEY)

    def test_an_abandoned_multipart_upload_is_swept_below_the_prefix(
        self, settings: S3Settings, backend: S3AppStorageBackend
    ) -> None:
        client = backend._client
        for name in (f"{settings.prefix}/upload/a", f"{settings.prefix}2/upload/a"):
            client.create_multipart_upload(Bucket=settings.bucket, Key=name)
        assert backend.abort_stale_uploads(ANY_AGE) == 1
        assert backend.abort_stale_uploads(ANY_AGE) == 0
        sibling = S3AppStorageBackend(replace(settings, prefix=settings.prefix + "2"))
        assert sibling.abort_stale_uploads(ANY_AGE) == 1

    def test_a_missing_bucket_is_never_an_absent_object(self, settings: S3Settings, tmp_path: Path) -> None:
        backend = S3AppStorageBackend(replace(settings, bucket="no-such-bucket"))
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
            lambda: backend.abort_stale_uploads(ANY_AGE),
        ):
            with pytest.raises(StorageDenied, match="no bucket"):
                call()

    def test_a_store_that_does_not_answer_is_never_an_absent_object(
        self, settings: S3Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(storage.s3, "ATTEMPTS", 1)
        backend = S3AppStorageBackend(replace(settings, endpoint="http://127.0.0.1:9"))
        for call in (
            lambda: backend.exists(KEY),
            lambda: backend.read_stream(KEY),
            lambda: backend.put_object(KEY, b"x"),
            lambda: backend.delete_object(KEY),
            lambda: keys(backend),
        ):
            with pytest.raises(StorageUnavailable):
                call()

    @pytest.mark.parametrize("size", [-1, 65536, 3 * MIB])
    def test_a_body_that_breaks_off_goes_on_and_no_reader_notices(
        self, settings: S3Settings, backend: S3AppStorageBackend, size: int
    ) -> None:
        data = os.urandom(4 * MIB)
        backend.put_object(KEY, data)
        assert settings.endpoint
        with broken_off(settings.endpoint, after=MIB) as endpoint:
            weak = S3AppStorageBackend(replace(settings, endpoint=endpoint))
            with requests_of(weak) as first, weak.read_stream(KEY) as stream:
                assert b"".join(iter(lambda: stream.read(size), b"")) == data
            with weak.read_stream(KEY, ByteRange(MIB, 3 * MIB)) as stream:
                assert b"".join(iter(lambda: stream.read(size), b"")) == data[MIB : 3 * MIB]
        assert [name for name, _ in first] == ["GetObject"]  # the others by a client of their own
        assert weak.open_streams == 0

    @pytest.mark.parametrize("size", [1000, 2 * MIB])
    def test_an_object_that_changes_while_it_is_read_is_an_error(
        self, settings: S3Settings, backend: S3AppStorageBackend, size: int
    ) -> None:
        backend.put_object(KEY, b"a" * 4 * MIB)
        assert settings.endpoint
        with broken_off(settings.endpoint, after=MIB) as endpoint, reading(settings, endpoint) as stream:
            assert stream.read(65536) == b"a" * 65536
            backend.put_object(KEY, b"b" * size)
            with pytest.raises(StorageError, match="changed while it was read"):
                stream.read()

    def test_an_object_that_vanishes_while_it_is_read_is_an_error(
        self, settings: S3Settings, backend: S3AppStorageBackend
    ) -> None:
        backend.put_object(KEY, b"a" * 4 * MIB)
        assert settings.endpoint
        with broken_off(settings.endpoint, after=MIB) as endpoint, reading(settings, endpoint) as stream:
            assert stream.read(65536) == b"a" * 65536
            backend.delete_object(KEY)
            with pytest.raises(ObjectNotFound):
                stream.read()

    def test_open_streams_are_counted_until_they_are_closed(self, backend: S3AppStorageBackend) -> None:
        backend.put_object(KEY, b"bytes")
        streams = [backend.read_stream(KEY) for _ in range(3)]
        assert backend.open_streams == 3
        for number, stream in enumerate(streams):
            if number:
                stream.read()
            stream.close()
            stream.close()
        assert backend.open_streams == 0
        with pytest.raises(ObjectNotFound):
            backend.read_stream(OTHER)
        assert backend.open_streams == 0

    def test_a_child_process_opens_connections_of_its_own(self, backend: S3AppStorageBackend) -> None:
        backend.put_object(KEY, b"x")
        ours = backend._client
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            same = backend._client is ours
            os.write(writing, b"same" if same else read(backend, KEY))
            os._exit(0)
        os.waitpid(child, 0)
        os.close(writing)
        with os.fdopen(reading, "rb") as said:
            assert said.read() == b"x"

    def test_a_presigned_url_names_the_endpoint_of_its_audience(self, settings: S3Settings) -> None:
        backend = S3AppStorageBackend(replace(settings, public_endpoint="https://photos.example.org"))
        path = f"/{settings.bucket}/{settings.prefix}/{KEY}?"
        assert backend.presign(KEY, method="GET", lifetime=60).url.startswith(f"https://photos.example.org{path}")
        internal = backend.presign(KEY, method="GET", lifetime=60, audience="internal")
        assert internal.url.startswith(f"{settings.endpoint}{path}")

    def test_a_copy_of_what_is_gone_says_which(self, backend: S3AppStorageBackend) -> None:
        with pytest.raises(ObjectNotFound, match=KEY):
            backend.copy_object(KEY, OTHER)


def reading(settings: S3Settings, endpoint: str) -> ReadStream:
    """The object at KEY by way of another endpoint."""
    return S3AppStorageBackend(replace(settings, endpoint=endpoint)).read_stream(KEY)


def try_to(write: Any) -> None:
    """Run what a store may refuse."""
    try:
        write()
    except StorageError:
        return


def write_by_parts(backend: S3AppStorageBackend) -> None:
    with backend.write_stream(KEY) as file:
        file.write(b"x" * (8 * MIB + 1))
