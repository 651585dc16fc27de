"""Media locations: roots that stored paths start with, local folders or s3:// URIs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from errors import InvalidKey
from storage.types import StorageKey

S3_SCHEME = "s3://"


@dataclass(frozen=True, slots=True)
class MediaLocation:
    """A media root: an absolute folder (`/data`) or `s3://bucket[/prefix]`, no trailing slash.

    Paths are compared by whole segments: `/data` does not hold `/data2/x` (RFC, Data model).
    """

    root: str

    @classmethod
    def local(cls, folder: Path) -> Self:
        return cls(str(folder.absolute()).rstrip("/"))

    @classmethod
    def s3(cls, bucket: str, prefix: str = "") -> Self:
        return cls(f"{S3_SCHEME}{bucket}/{prefix.strip('/')}".rstrip("/"))

    def path_of(self, key: StorageKey) -> str:
        """The stored path of a key: what a database row holds."""
        return f"{self.root}/{key}"

    def key_of(self, path: str) -> StorageKey | None:
        """The key of a stored path, or None where the path does not lie here."""
        head = f"{self.root}/"
        if not path.startswith(head):
            return None
        try:
            return StorageKey(path[len(head):])
        except InvalidKey:
            return None
