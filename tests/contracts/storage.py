"""What every storage backend promises: one suite, run over local disk, moto and SeaweedFS."""

import hashlib
import os
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import pytest

from errors import ObjectNotFound, StorageError
from storage.backend import AppStorageBackend
from storage.types import ByteRange, StorageKey

MIB = 1024 * 1024
KEY = StorageKey("upload/user/ab/cd/abcd.jpg")
OTHER = StorageKey("upload/user/ef/gh/efgh.jpg")

ODD_NAMES = [
    "two words.jpg", "a+b.jpg", "100%.jpg", "100%25.jpg", "a#b.jpg", "a?b=c.jpg", "it's \"quoted\".jpg",
    "(1) [2] {3}.jpg", "a&b;c=d,e@f$g!h~i*.jpg", "<b>.jpg", "a:b|c^d`.jpg", "trailing dot.", " leading space",
    "🏔️ Großglockner 山.jpg", "Ame\u0301lie NFD.jpg", "Am\u00e9lie NFC.jpg",
]  # fmt: skip


class Boom(Exception):
    """What a failing writer raises."""


def fail_after(file: BinaryIO, data: bytes) -> None:
    file.write(data)
    raise Boom


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def read(backend: AppStorageBackend, key: StorageKey, byte_range: ByteRange | None = None) -> bytes:
    with backend.read_stream(key, byte_range) as stream:
        return stream.read()


def keys(backend: AppStorageBackend, prefix: str | None = None) -> list[str]:
    return [str(key) for key, _ in backend.list_keys(StorageKey(prefix) if prefix else None)]


class StorageContract:
    """Inherit, and give a fixture `backend` that is empty for every test."""

    def test_what_is_put_is_read(self, backend: AppStorageBackend) -> None:
        backend.put_object(KEY, b"bytes", content_type="image/jpeg", metadata={"sha1": "abc"})
        assert read(backend, KEY) == b"bytes"

    def test_a_stream_is_read_in_pieces_to_its_end(self, backend: AppStorageBackend) -> None:
        data = os.urandom(300_000)
        backend.put_object(KEY, data)
        with backend.read_stream(KEY) as stream:
            pieces = list(iter(lambda: stream.read(65536), b""))
        assert b"".join(pieces) == data

    def test_head_tells_size_time_and_etag(self, backend: AppStorageBackend) -> None:
        backend.put_object(KEY, b"bytes")
        head = backend.head(KEY)
        assert head.size == 5
        assert abs(datetime.now(UTC) - head.last_modified) < timedelta(minutes=1)
        assert head.etag
        assert '"' not in head.etag

    def test_the_etag_changes_with_the_bytes(self, backend: AppStorageBackend) -> None:
        backend.put_object(KEY, b"first")
        before = backend.head(KEY).etag
        backend.put_object(KEY, b"other")
        assert backend.head(KEY).etag != before

    @pytest.mark.parametrize(
        ("byte_range", "expected"),
        [
            (ByteRange(0, 1), b"0"),
            (ByteRange(0), b"0123456789"),
            (ByteRange(0, 10), b"0123456789"),
            (ByteRange(3, 6), b"345"),
            (ByteRange(9), b"9"),
            (ByteRange(9, 10), b"9"),
            (ByteRange(8, 99), b"89"),
            (ByteRange(10), b""),
            (ByteRange(50, 60), b""),
        ],
    )
    def test_ranges_are_half_open_and_cut_at_the_end(
        self, backend: AppStorageBackend, byte_range: ByteRange, expected: bytes
    ) -> None:
        backend.put_object(KEY, b"0123456789")
        assert read(backend, KEY, byte_range) == expected

    def test_a_range_is_read_in_pieces(self, backend: AppStorageBackend) -> None:
        backend.put_object(KEY, b"0123456789")
        with backend.read_stream(KEY, ByteRange(2, 7)) as stream:
            assert [stream.read(3), stream.read(3), stream.read(3)] == [b"234", b"56", b""]

    @pytest.mark.parametrize("byte_range", [None, ByteRange(0), ByteRange(0, 1), ByteRange(5, 9)])
    def test_an_empty_object_is_an_object(self, backend: AppStorageBackend, byte_range: ByteRange | None) -> None:
        backend.put_object(KEY, b"")
        assert backend.exists(KEY)
        assert backend.head(KEY).size == 0
        assert read(backend, KEY, byte_range) == b""

    def test_an_absent_object_is_told_by_every_method(self, backend: AppStorageBackend) -> None:
        assert not backend.exists(KEY)
        with pytest.raises(ObjectNotFound):
            backend.head(KEY)
        with pytest.raises(ObjectNotFound):
            backend.read_stream(KEY)
        with pytest.raises(ObjectNotFound):
            backend.read_stream(KEY, ByteRange(5, 9))
        with pytest.raises(ObjectNotFound):
            backend.copy_object(KEY, OTHER)
        with pytest.raises(ObjectNotFound):
            backend.move_object(KEY, OTHER)

    def test_a_folder_is_no_object(self, backend: AppStorageBackend) -> None:
        backend.put_object(KEY, b"bytes")
        assert not backend.exists(StorageKey("upload/user"))
        with pytest.raises(ObjectNotFound):
            backend.read_stream(StorageKey("upload/user"))

    def test_deleting_a_folder_deletes_nothing(self, backend: AppStorageBackend) -> None:
        backend.put_object(KEY, b"bytes")
        backend.delete_object(StorageKey("upload/user"))
        assert read(backend, KEY) == b"bytes"

    def test_a_second_put_replaces_the_first(self, backend: AppStorageBackend) -> None:
        backend.put_object(KEY, b"first and longer")
        backend.put_object(KEY, b"second")
        assert read(backend, KEY) == b"second"

    def test_a_stream_opened_before_an_overwrite_gives_no_mixture(self, backend: AppStorageBackend) -> None:
        backend.put_object(KEY, b"a" * MIB)
        with backend.read_stream(KEY) as stream:
            head = stream.read(10)
            backend.put_object(KEY, b"b" * MIB)
            with suppress(StorageError):
                assert head + stream.read() == b"a" * MIB

    def test_write_stream_publishes_when_the_block_ends(self, backend: AppStorageBackend) -> None:
        with backend.write_stream(KEY, content_type="image/jpeg") as file:
            file.write(b"one ")
            file.write(b"two")
            file.flush()
            assert not backend.exists(KEY)
        assert read(backend, KEY) == b"one two"

    def test_write_stream_of_nothing_is_an_empty_object(self, backend: AppStorageBackend) -> None:
        with backend.write_stream(KEY):
            pass
        assert backend.head(KEY).size == 0

    @pytest.mark.parametrize("size", [8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 16 * MIB + 1])
    def test_write_stream_takes_any_size(self, backend: AppStorageBackend, size: int) -> None:
        data = os.urandom(size)
        with backend.write_stream(KEY) as file:
            for start in range(0, size, 3 * MIB):
                file.write(data[start : start + 3 * MIB])
        assert hashlib.sha1(read(backend, KEY)).digest() == hashlib.sha1(data).digest()

    @pytest.mark.parametrize("size", [10, 17 * MIB])
    def test_a_failed_write_publishes_nothing(self, backend: AppStorageBackend, size: int) -> None:
        with pytest.raises(Boom), backend.write_stream(KEY) as file:
            fail_after(file, b"x" * size)
        assert not backend.exists(KEY)
        assert keys(backend) == []
        assert backend.abort_stale_uploads(timedelta(seconds=-60)) == 0

    def test_a_failed_write_leaves_the_former_object(self, backend: AppStorageBackend) -> None:
        backend.put_object(KEY, b"former")
        with pytest.raises(Boom), backend.write_stream(KEY) as file:
            fail_after(file, b"half of the new")
        assert read(backend, KEY) == b"former"

    @pytest.mark.parametrize("size", [0, 5, 16 * MIB - 1, 16 * MIB + 1])
    def test_a_file_is_uploaded_on_both_sides_of_the_multipart_threshold(
        self, backend: AppStorageBackend, tmp_path: Path, size: int
    ) -> None:
        data = os.urandom(size)
        file = tmp_path / "file"
        file.write_bytes(data)
        backend.upload_file(file, KEY, content_type="video/mp4", metadata={"sha1": "abc"})
        assert backend.head(KEY).size == size
        assert hashlib.sha1(read(backend, KEY)).digest() == hashlib.sha1(data).digest()

    def test_an_upload_replaces_what_was_there(self, backend: AppStorageBackend, tmp_path: Path) -> None:
        backend.put_object(KEY, b"former")
        (tmp_path / "file").write_bytes(b"new")
        backend.upload_file(tmp_path / "file", KEY)
        assert read(backend, KEY) == b"new"

    def test_an_upload_of_a_missing_file_is_the_callers_error(
        self, backend: AppStorageBackend, tmp_path: Path
    ) -> None:
        with pytest.raises(FileNotFoundError):
            backend.upload_file(tmp_path / "none", KEY)
        assert not backend.exists(KEY)

    def test_a_copy_leaves_both(self, backend: AppStorageBackend) -> None:
        backend.put_object(KEY, b"bytes")
        backend.copy_object(KEY, OTHER)
        assert read(backend, KEY) == read(backend, OTHER) == b"bytes"

    def test_a_move_leaves_one(self, backend: AppStorageBackend) -> None:
        backend.put_object(KEY, b"bytes")
        backend.put_object(OTHER, b"former")
        backend.move_object(KEY, OTHER)
        assert not backend.exists(KEY)
        assert read(backend, OTHER) == b"bytes"

    def test_a_copy_or_move_onto_itself_changes_nothing(self, backend: AppStorageBackend) -> None:
        backend.put_object(KEY, b"bytes")
        backend.copy_object(KEY, KEY)
        backend.move_object(KEY, KEY)
        assert read(backend, KEY) == b"bytes"

    def test_deleting_twice_is_no_error(self, backend: AppStorageBackend) -> None:
        backend.put_object(KEY, b"bytes")
        backend.delete_object(KEY)
        backend.delete_object(KEY)
        assert not backend.exists(KEY)

    def test_a_prefix_does_not_list_its_sibling(self, backend: AppStorageBackend) -> None:
        for name in ("thumbs/a/1", "thumbs/a/b/2", "thumbs/ab/3", "thumbs/a", "thumbs/a.webp"):
            if name != "thumbs/a":  # a folder on disk cannot be an object too
                backend.put_object(StorageKey(name), b"x")
        assert sorted(keys(backend, "thumbs/a")) == ["thumbs/a/1", "thumbs/a/b/2"]
        assert keys(backend, "thumbs/none") == []
        assert len(keys(backend)) == 4

    def test_a_list_tells_what_head_tells(self, backend: AppStorageBackend) -> None:
        backend.put_object(KEY, b"bytes")
        [(key, head)] = backend.list_keys()
        assert isinstance(key, StorageKey)
        asked = backend.head(KEY)
        assert (key, head.size, head.etag) == (KEY, asked.size, asked.etag)
        assert abs(head.last_modified - asked.last_modified) < timedelta(seconds=1)

    def test_a_list_leaves_out_what_the_storage_keeps_for_itself(self, backend: AppStorageBackend) -> None:
        for name in (".staging/upload", ".immich-1234", "thumbs/.immich", "thumbs/x", "library/u/.hidden.jpg"):
            backend.put_object(StorageKey(name), b"x")
        assert sorted(keys(backend)) == ["library/u/.hidden.jpg", "thumbs/x"]

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_odd_names_go_through_every_operation(
        self, backend: AppStorageBackend, tmp_path: Path, name: str
    ) -> None:
        key, copy = StorageKey(f"library/o d#d/{name}"), StorageKey(f"upload/x/{name}")
        (tmp_path / "file").write_bytes(name.encode())
        backend.upload_file(tmp_path / "file", key)
        backend.copy_object(key, copy)
        assert read(backend, key, ByteRange(0, 4)) == name.encode()[:4]
        assert read(backend, copy) == name.encode()
        assert keys(backend, "library/o d#d") == [str(key)]
        backend.move_object(copy, KEY)
        backend.delete_object(key)
        assert keys(backend) == [str(KEY)]

    def test_composed_and_decomposed_names_are_two_objects(self, backend: AppStorageBackend) -> None:
        backend.put_object(StorageKey("library/Am\u00e9lie"), b"NFC")
        backend.put_object(StorageKey("library/Ame\u0301lie"), b"NFD")
        assert read(backend, StorageKey("library/Am\u00e9lie")) == b"NFC"
        assert len(keys(backend)) == 2

    def test_prefixes_may_be_ensured_twice(self, backend: AppStorageBackend) -> None:
        backend.ensure_prefix(StorageKey("thumbs/user"))
        backend.ensure_prefix(StorageKey("thumbs/user"))
        assert keys(backend) == []

    def test_streams_closed_unread_cost_nothing(self, backend: AppStorageBackend) -> None:
        backend.put_object(KEY, os.urandom(2 * MIB))
        before = open_files()
        for _ in range(100):
            backend.read_stream(KEY).close()
        deadline = time.monotonic() + 5
        while open_files() > before + 20 and time.monotonic() < deadline:
            time.sleep(0.05)  # a server in this process takes a moment to notice
        assert open_files() <= before + 20
        assert backend.head(KEY).size == 2 * MIB

    def test_a_probe_of_a_good_store_passes_and_leaves_nothing(self, backend: AppStorageBackend) -> None:
        backend.probe()
        assert keys(backend) == []
