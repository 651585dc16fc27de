"""The bytes of S3 objects on their way: the body of a GET, and an upload part by part."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from io import RawIOBase
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from errors import StorageUnavailable
from storage.s3_requests import Place
from storage.types import ByteRange

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

# Equal parts, since R2 takes no others; 10,000 of them are 80 GiB.
PART_SIZE = 8 * 1024 * 1024

# What is asked of a body at once: what has arrived of it is lost where the connection is reset.
PIECE_SIZE = 1024 * 1024
# Seconds before each attempt to go on with a body that broke off: a store may be away for 15 s.
RESUME_PAUSES: Sequence[float] = (0, 0.25, 0.75, 2, 4, 8)

logger = logging.getLogger(__name__)

# Makes a context in which errors of the S3 library become storage errors.
Translated = Callable[[], AbstractContextManager[None]]


class Body(Protocol):
    """What the S3 library gives to read an answer with."""

    def read(self, amt: int | None = None) -> bytes: ...
    def close(self) -> None: ...


class ObjectStream:
    """Bytes `start` to `stop` of an object, over as many GETs as it takes.

    Where a body breaks off, the next one goes on behind the last byte that was read, and the
    reader does not notice. `reopen` gives the body of the range, of the same object or none:
    what it raises ends the stream, but for StorageUnavailable, after which it is asked again
    after each of RESUME_PAUSES. Bytes that arrive begin the pauses anew.

    One thread reads; any thread may close. `on_close` is called once, when no connection is held.
    """

    def __init__(
        self,
        body: Body,
        start: int,
        stop: int,
        reopen: Callable[[ByteRange], Body],
        translated: Translated,
        on_close: Callable[[], None],
    ) -> None:
        self._body: Body | None = body
        self._position, self._stop = start, stop
        self._reopen, self._translated, self._on_close = reopen, translated, on_close
        self._lock = threading.Lock()
        self._reading = False
        self._closed = threading.Event()

    def read(self, size: int = -1, /) -> bytes:
        """As many bytes as asked for, fewer only at the end.

        Raises StorageUnavailable where the store stays away, and ValueError once the stream is
        closed, also by another thread meanwhile.
        """
        left = self._stop - self._position
        wanted = left if size < 0 else min(size, left)
        with self._in_use():
            if not wanted:
                self._finish()
                return b""
            data = self._some(min(wanted, PIECE_SIZE))
            if len(data) == wanted:
                return data
            pieces, missing = [data], wanted - len(data)
            while missing:
                pieces.append(self._some(min(missing, PIECE_SIZE)))
                missing -= len(pieces[-1])
            return b"".join(pieces)

    def close(self) -> None:
        """Drop the connection, unless its body was read to the end; closing twice is no error."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            body, reading = self._body, self._reading
        if not reading:
            self._release()
        elif body is not None:
            _interrupt(body)  # the reader releases it, since a body in use cannot be closed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        with self._lock:
            self._check_open()
            self._reading = True
        try:
            yield
        finally:
            with self._lock:
                self._reading = False
                closed = self._closed.is_set()
            if closed:
                self._release()

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise ValueError("The stream is closed")

    def _some(self, size: int) -> bytes:
        """The next bytes, one at least, whatever it takes."""
        pauses = iter(RESUME_PAUSES)
        while True:
            try:
                return self._attempt(size)
            except StorageUnavailable as error:
                self._check_open()
                self._drop_body()
                pause = next(pauses, None)
                if pause is None:
                    raise
                logger.warning("A body broke off; it goes on at byte %d in %g s (%s)", self._position, pause, error)
            self._closed.wait(pause)
            self._check_open()

    def _attempt(self, size: int) -> bytes:
        body = self._body
        if body is None:
            body = self._reopen(ByteRange(self._position, self._stop))
            with self._lock:
                self._body = body
            self._check_open()
        with self._translated():
            data = body.read(size)
        if not data:
            raise StorageUnavailable(f"The body ended {self._stop - self._position} bytes early")
        self._position += len(data)
        self._finish()
        return data

    def _finish(self) -> None:
        """Behind the last byte, let the S3 library compare a checksum, where it has one, and keep the connection."""
        if self._body is not None and self._position == self._stop:
            with self._translated():
                self._body.read(1)

    def _drop_body(self) -> None:
        with self._lock:
            body, self._body = self._body, None
        if body is not None:
            body.close()

    def _release(self) -> None:
        self._drop_body()
        self._on_close()


def _interrupt(body: Body) -> None:
    """End the wait for bytes in which another thread may be."""
    # Only urllib3's response can do so, and botocore keeps it to itself.
    response = getattr(body, "_raw_stream", None)
    # Without a connection, or behind the last byte, nobody waits.
    with suppress(ValueError, RuntimeError, OSError):
        if response is not None:
            response.shutdown()


class PartWriter(RawIOBase):
    """Gathers bytes to parts and uploads each as it fills; what fits one part goes by one put.

    Nothing is published before `finish`; `abort` leaves nothing behind.
    """

    def __init__(
        self, client: "S3Client", place: Place, options: Mapping[str, Any], translated: Translated
    ) -> None:
        self._client, self._place, self._options, self._translated = client, place, options, translated
        self._buffer = bytearray()
        self._upload_id: str | None = None
        self._parts: list[CompletedPartTypeDef] = []
        self._ended = False

    def writable(self) -> bool:
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        view = memoryview(data).cast("B")
        if self._ended:
            return len(view)  # what is flushed into an aborted upload goes nowhere
        if len(self._buffer) == PART_SIZE:
            self._send_part()
        taken = view[: PART_SIZE - len(self._buffer)]
        self._buffer += taken
        return len(taken)

    def finish(self) -> None:
        """Publish the object."""
        self._ended = True
        if self._upload_id is None:
            with self._translated():
                self._client.put_object(**self._place, **self._options, Body=bytes(self._buffer))
            return
        self._send_part()
        with self._translated():
            self._client.complete_multipart_upload(
                **self._place, UploadId=self._upload_id, MultipartUpload={"Parts": self._parts}
            )

    def abort(self) -> None:
        """Drop what has been sent."""
        self._ended = True
        if self._upload_id is not None:
            with self._translated():
                self._client.abort_multipart_upload(**self._place, UploadId=self._upload_id)

    def _send_part(self) -> None:
        number = len(self._parts) + 1
        with self._translated():
            if self._upload_id is None:
                begun = self._client.create_multipart_upload(**self._place, **self._options)
                self._upload_id = begun["UploadId"]
            sent = self._client.upload_part(
                **self._place, UploadId=self._upload_id, PartNumber=number, Body=bytes(self._buffer)
            )
        done: CompletedPartTypeDef = {"PartNumber": number, "ETag": sent["ETag"]}
        if "ChecksumCRC32" in sent:  # where checksums are on, the completion names them again
            done["ChecksumCRC32"] = sent["ChecksumCRC32"]
        self._parts.append(done)
        self._buffer = bytearray()
