"""The storage backend interface of the RFC: one object store, addressed by key."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Protocol, Self

from storage.types import ByteRange, ObjectHead, SignedUrl, StorageKey

MOUNT_FILE = ".immich"

# An unfinished local write lies in the folder of its target, so that publishing is a rename
# even where that folder is a mount of its own.
INCOMING = ".incoming-"

HttpMethod = Literal["GET", "HEAD", "PUT"]

# Who follows a signed URL: clients anywhere, or this server and the nginx before it.
Audience = Literal["public", "internal"]


class ReadStream(Protocol):
    """Bytes of one object; whoever opened it closes it."""

    def read(self, size: int = -1, /) -> bytes: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class AppStorageBackend(ABC):
    """Immich-managed objects in one store (RFC, `IAppStorageBackend`).

    Writes are whole or nothing: until a write has returned, readers see the former object or
    none. Missing keys raise ObjectNotFound; a refused action raises StorageDenied and a store
    that does not answer StorageUnavailable, from every method: neither is ever "absent".
    `metadata` is ASCII text; the local file system keeps neither it nor the content type.
    """

    @abstractmethod
    def exists(self, key: StorageKey) -> bool: ...

    @abstractmethod
    def head(self, key: StorageKey) -> ObjectHead: ...

    @abstractmethod
    def read_stream(self, key: StorageKey, byte_range: ByteRange | None = None) -> ReadStream:
        """The bytes of the range (all by default); the caller closes the stream.

        A range is cut at the object's end, so one that starts there or later gives no bytes.
        Reading raises StorageUnavailable where the bytes break off before the range ends.
        """

    @abstractmethod
    def write_stream(self, key: StorageKey, *, content_type: str | None = None) -> AbstractContextManager[BinaryIO]:
        """A writable file whose bytes become the object when the block ends without an error."""

    @abstractmethod
    def put_object(
        self,
        key: StorageKey,
        data: bytes,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None: ...

    @abstractmethod
    def upload_file(
        self,
        path: Path,
        key: StorageKey,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Store a local file: a rename where the file system allows it, multipart on S3.

        The file may be gone afterwards; whoever made it removes what is left.
        """

    @abstractmethod
    def copy_object(self, source: StorageKey, target: StorageKey) -> None:
        """Copy inside the store, at any size; the bytes do not pass through this machine on S3."""

    @abstractmethod
    def move_object(self, source: StorageKey, target: StorageKey) -> None:
        """Atomic locally; on S3 a copy and then a removal, so a crash may leave both."""

    @abstractmethod
    def delete_object(self, key: StorageKey) -> None:
        """Remove the object; removing what is not there is no error."""

    @abstractmethod
    def ensure_prefix(self, prefix: StorageKey) -> None:
        """Make the folder (local); nothing on S3."""

    @abstractmethod
    def list_keys(self, prefix: StorageKey | None = None) -> Iterator[tuple[StorageKey, ObjectHead]]:
        """Every object below the folder `prefix` (`thumbs/a` does not list `thumbs/ab`), by key.

        What the storage keeps for itself is left out: names at the root that start with a dot
        (`.staging`), the `.immich` files of the mount checks, unfinished writes.
        """

    @abstractmethod
    def local_path(self, key: StorageKey) -> Path | None:
        """The file that holds the object, or None where it must be staged."""

    @abstractmethod
    def presign(
        self, key: StorageKey, *, method: HttpMethod, lifetime: int, audience: Audience = "public", **headers: str
    ) -> SignedUrl | None:
        """A signed URL that lives for half of `lifetime` seconds at least; None where there is none.

        Signed locally, without a call to the store, for the endpoint that the audience reaches.
        The same URL is given out for half a lifetime. No URL outlives the credentials that sign
        it. `headers` are those of the answer: `content_type`, `content_disposition`, `cache_control`.
        """

    @property
    @abstractmethod
    def public_origin(self) -> str | None:
        """`https://host[:port]` of the signed URLs that clients anywhere can follow; None where there are none."""

    @abstractmethod
    def abort_stale_uploads(self, older_than: timedelta) -> int:
        """Remove what writes left behind that began longer ago and never ended; how many."""

    @abstractmethod
    def probe(self) -> None:
        """Write, read back and delete a test object; raises MountCheckFailed with one sentence."""


def is_listed(name: str) -> bool:
    """Whether the name below a media root can be a media object's, and is not one that we keep for ourselves."""
    segments = name.split("/")
    if segments[0].startswith(".") or segments[-1].startswith(INCOMING):
        return False
    return len(segments) != 2 or segments[1] != MOUNT_FILE
