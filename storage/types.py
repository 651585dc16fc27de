"""The small values that every storage backend speaks in."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from errors import InvalidKey

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]")


class StorageKey(str):
    """A relative object key such as `upload/<user>/ab/cd/<uuid>.jpg`, valid by construction.

    Segments are never empty, `.` or `..`, and hold neither a backslash nor a control
    character, so a traversal cannot be expressed. At most 1024 bytes of UTF-8 (S3's limit).

    Raises InvalidKey.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        if not text or any(part in ("", ".", "..") for part in text.split("/")):
            raise InvalidKey(f"Not a storage key: {text!r}")
        if _FORBIDDEN.search(text):
            raise InvalidKey(f"Not a storage key: {text!r}")
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            raise InvalidKey(f"Not a storage key: {text!r}") from None
        if size > 1024:
            raise InvalidKey(f"Storage key too long: {size} bytes")
        return super().__new__(cls, text)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes `start` up to but not including `stop`; `stop` None means to the end."""

    start: int
    stop: int | None = None

    def __post_init__(self) -> None:
        if self.start < 0 or (self.stop is not None and self.stop <= self.start):
            raise ValueError(f"Not a byte range: {self.start}-{self.stop}")

    def __len__(self) -> int:
        """How many bytes; a range without an end has no length."""
        if self.stop is None:
            raise TypeError("a range to the end of a file has no length of its own")
        return self.stop - self.start

    def __bool__(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """What a store knows of an object without reading it; `size` in bytes, `etag` opaque."""

    size: int
    last_modified: datetime
    etag: str


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """A URL that opens one object to whoever has it.

    For `fresh_for` more seconds the very same URL is given out, and a browser may keep it for
    as long; 0 where it may not be kept.
    """

    url: str = field(repr=False)
    fresh_for: int
