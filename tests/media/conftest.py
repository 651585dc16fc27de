"""Fixtures for media: staging, a store that must be staged from, samples."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from config import MediaKind
from media.staging import Staging
from storage.gate import Gate
from storage.local import LocalAppStorageBackend
from storage.location import MediaLocation
from storage.service import AppStorageService
from storage.types import StorageKey


class RemoteBackend(LocalAppStorageBackend):
    """Real files that cannot be opened by path, as in a bucket."""

    def local_path(self, key: StorageKey) -> Path | None:
        return None


def service_of(backend: LocalAppStorageBackend, root: Path) -> AppStorageService:
    location = MediaLocation.local(root)
    return AppStorageService([(location, backend)], dict.fromkeys(MediaKind, location), Gate(1, 0, 0))


@pytest.fixture
def media_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    return folder


@pytest.fixture
def local_storage(media_folder: Path) -> AppStorageService:
    return service_of(LocalAppStorageBackend(media_folder), media_folder)


@pytest.fixture
def remote_storage(media_folder: Path) -> AppStorageService:
    return service_of(RemoteBackend(media_folder), media_folder)


@pytest.fixture
def staging(tmp_path: Path) -> Iterator[Staging]:
    staging = Staging(tmp_path / "staging", 0)
    yield staging
    staging.close()
