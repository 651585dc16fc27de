"""Stored paths to their backends: reading asks the path, only writing asks the configuration."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from config import MediaKind, Settings, StorageEngine
from errors import UnmanagedPath
from storage.backend import AppStorageBackend, Audience, HttpMethod, ReadStream
from storage.gate import Gate
from storage.local import LocalAppStorageBackend
from storage.location import S3_SCHEME, MediaLocation
from storage.types import ByteRange, ObjectHead, SignedUrl, StorageKey

# How long a download waits for another to end; clients give up after 30 s or more.
GATE_PATIENCE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class LocatedObject:
    """Where a stored path leads."""

    backend: AppStorageBackend
    key: StorageKey


class AppStorageService:
    """The mounted media locations, addressed by stored path (RFC, Delegation strategy).

    `targets` names the location that new objects of each kind are written to. `gate` is for
    whoever relays objects of a store to clients: one pass for each body. Every method that
    takes a stored path raises UnmanagedPath where the path lies in no mount, and what the
    backend raises.
    """

    def __init__(
        self,
        mounts: Sequence[tuple[MediaLocation, AppStorageBackend]],
        targets: Mapping[MediaKind, MediaLocation],
        gate: Gate,
    ) -> None:
        self.mounts = tuple(mounts)
        self.gate = gate
        self._targets = dict(targets)
        # A location inside another is asked first.
        self._deepest_first = sorted(mounts, key=lambda mount: -len(mount[0].root))

    def locate(self, path: str) -> LocatedObject:
        """The backend and the key of a stored path."""
        for location, backend in self._deepest_first:
            key = location.key_of(path)
            if key is not None:
                return LocatedObject(backend, key)
        raise UnmanagedPath(f"Not below a media location: {path}")

    def is_immich_path(self, path: str) -> bool:
        """Whether the path is a media location or lies in one, also where `..` leads it there.

        So no folder of ours can become an external library.
        """
        plain = path if path.startswith(S3_SCHEME) else os.path.normpath(path)
        return any(plain == location.root or plain.startswith(f"{location.root}/") for location, _ in self.mounts)

    @property
    def public_origins(self) -> tuple[str, ...]:
        """`https://host[:port]` of every store that clients anywhere can be sent on to."""
        origins = (backend.public_origin for _, backend in self.mounts)
        return tuple(dict.fromkeys(origin for origin in origins if origin is not None))

    def new_path(self, key: StorageKey, kind: MediaKind) -> str:
        """The stored path at which a new object of the kind is to be written."""
        return self._targets[kind].path_of(key)

    def exists(self, path: str) -> bool:
        """As AppStorageBackend.exists, by stored path; so are all below."""
        found = self.locate(path)
        return found.backend.exists(found.key)

    def head(self, path: str) -> ObjectHead:
        found = self.locate(path)
        return found.backend.head(found.key)

    def read_stream(self, path: str, byte_range: ByteRange | None = None) -> ReadStream:
        found = self.locate(path)
        return found.backend.read_stream(found.key, byte_range)

    def put_object(
        self,
        path: str,
        data: bytes,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        found = self.locate(path)
        found.backend.put_object(found.key, data, content_type=content_type, metadata=metadata)

    def upload_file(
        self,
        file: Path,
        path: str,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        found = self.locate(path)
        found.backend.upload_file(file, found.key, content_type=content_type, metadata=metadata)

    def delete(self, path: str) -> None:
        found = self.locate(path)
        found.backend.delete_object(found.key)

    def local_path(self, path: str) -> Path | None:
        found = self.locate(path)
        return found.backend.local_path(found.key)

    def presign(
        self, path: str, *, method: HttpMethod, lifetime: int, audience: Audience = "public", **headers: str
    ) -> SignedUrl | None:
        found = self.locate(path)
        return found.backend.presign(found.key, method=method, lifetime=lifetime, audience=audience, **headers)


def open_storage(settings: Settings) -> AppStorageService:
    """The service that the settings describe; it touches neither disk nor network yet."""
    local = MediaLocation.local(settings.media_location)
    mounts: list[tuple[MediaLocation, AppStorageBackend]] = [
        (local, LocalAppStorageBackend(settings.media_location))
    ]
    locations = {StorageEngine.LOCAL: local}
    if settings.s3 is not None:
        # boto3 is half as large as all the rest; without a bucket nobody loads it.
        from storage.s3 import S3AppStorageBackend

        bucket = MediaLocation.s3(settings.s3.bucket, settings.s3.prefix)
        mounts.append((bucket, S3AppStorageBackend(settings.s3)))
        locations[StorageEngine.S3] = bucket
    targets = {kind: locations[engine] for kind, engine in settings.engines.items()}
    gate = Gate(settings.delivery.streams, settings.delivery.waiting, GATE_PATIENCE_SECONDS)
    return AppStorageService(mounts, targets, gate)
