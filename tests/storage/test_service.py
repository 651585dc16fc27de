"""Stored paths find their store: reading asks the path, writing asks the configuration."""

from pathlib import Path

import pytest

from config import MediaKind, Settings, load_settings
from errors import ObjectNotFound, StoreBusy, UnmanagedPath
from storage.gate import Gate
from storage.local import LocalAppStorageBackend
from storage.location import MediaLocation
from storage.s3 import S3AppStorageBackend
from storage.service import AppStorageService, open_storage
from storage.types import ByteRange, StorageKey

KEY = StorageKey("upload/u/ab/cd/x.jpg")


def settings(media: Path, **more: str) -> Settings:
    s3 = {"S3_BUCKET": "photos", "S3_PREFIX": "home", "S3_ENDPOINT": "http://127.0.0.1:9"}
    keys = {"S3_ACCESS_KEY_ID": "key", "S3_SECRET_ACCESS_KEY": "secret"}
    return load_settings({"IMMICH_MEDIA_LOCATION": str(media), **s3, **keys, **more})


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    return folder


def test_local_and_s3_paths_live_side_by_side(media: Path) -> None:
    storage = open_storage(settings(media))
    local, remote = storage.locate(f"{media}/{KEY}"), storage.locate(f"s3://photos/home/{KEY}")
    assert isinstance(local.backend, LocalAppStorageBackend)
    assert isinstance(remote.backend, S3AppStorageBackend)
    assert local.key == remote.key == KEY


def test_without_a_bucket_only_the_folder_is_mounted(media: Path) -> None:
    storage = open_storage(load_settings({"IMMICH_MEDIA_LOCATION": str(media)}))
    assert [location.root for location, _ in storage.mounts] == [str(media)]
    with pytest.raises(UnmanagedPath):
        storage.locate(f"s3://photos/home/{KEY}")


def test_new_objects_of_each_kind_go_where_the_configuration_says(media: Path) -> None:
    storage = open_storage(settings(media, IMMICH_STORAGE_ENGINE="s3", STORAGE_ENGINE_THUMBNAILS="local"))
    assert storage.new_path(KEY, MediaKind.ORIGINALS) == f"s3://photos/home/{KEY}"
    assert storage.new_path(KEY, MediaKind.THUMBNAILS) == f"{media}/{KEY}"


@pytest.mark.parametrize(
    "path",
    ["/data2/x", "/data", "data/x", "/data/../etc/passwd", "s3://bucket/photos2/x", "s3://other/photos/x", "", "/"],
)
def test_a_path_elsewhere_is_unmanaged(path: str, media: Path) -> None:
    data = MediaLocation.local(Path("/data"))
    storage = AppStorageService(
        [(data, LocalAppStorageBackend(media)), (MediaLocation.s3("bucket", "photos"), LocalAppStorageBackend(media))],
        {},
        Gate(1, 0, 0),
    )
    with pytest.raises(UnmanagedPath):
        storage.exists(path)


def test_the_inner_of_two_locations_is_asked(media: Path) -> None:
    outer, inner = LocalAppStorageBackend(media), LocalAppStorageBackend(media)
    storage = AppStorageService(
        [(MediaLocation.s3("b"), outer), (MediaLocation.s3("b", "inner"), inner)], {}, Gate(1, 0, 0)
    )
    assert storage.locate("s3://b/inner/x").backend is inner
    assert storage.locate("s3://b/inner2/x").backend is outer


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("{media}/upload/x", True),
        ("{media}", True),
        ("{media}/", True),
        ("{media}/../media/upload", True),
        ("{media}/../elsewhere", False),
        ("{media}2/x", False),
        ("/", False),
        ("s3://photos/home/x", True),
        ("s3://photos/home", True),
        ("s3://photos/home2/x", False),
    ],
)
def test_no_path_of_ours_passes_for_an_external_one(media: Path, path: str, expected: bool) -> None:
    assert open_storage(settings(media)).is_immich_path(path.format(media=media)) is expected


def test_the_gate_is_as_wide_as_the_settings_say(media: Path) -> None:
    gate = open_storage(settings(media, DELIVERY_STREAMS="2", WEB_THREADS="2")).gate
    gate.enter()
    gate.enter()
    with pytest.raises(StoreBusy):
        gate.enter()


def test_every_operation_goes_by_stored_path(media: Path, tmp_path: Path) -> None:
    storage = open_storage(settings(media))
    path = storage.new_path(KEY, MediaKind.ORIGINALS)
    storage.put_object(path, b"0123456789")
    assert storage.exists(path)
    assert storage.head(path).size == 10
    with storage.read_stream(path, ByteRange(2, 4)) as stream:
        assert stream.read() == b"23"
    assert storage.local_path(path) == media / KEY
    assert storage.presign(path, method="GET", lifetime=60) is None
    (tmp_path / "file").write_bytes(b"new")
    storage.upload_file(tmp_path / "file", path)
    assert storage.head(path).size == 3
    storage.delete(path)
    with pytest.raises(ObjectNotFound):
        storage.head(path)


def test_an_s3_path_is_signed_for_the_public_endpoint(media: Path) -> None:
    storage = open_storage(settings(media, S3_PUBLIC_ENDPOINT="https://cdn.example.org"))
    signed = storage.presign(f"s3://photos/home/{KEY}", method="GET", lifetime=60, cache_control="private")
    assert signed is not None
    assert signed.url.startswith(f"https://cdn.example.org/photos/home/{KEY}?")
    assert storage.local_path(f"s3://photos/home/{KEY}") is None
