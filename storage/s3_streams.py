"""The bytes of S3 objects on their way: the body of a GET, and an upload part by part."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from io import RawIOBase
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from storage.s3_requests import Place

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

# Equal parts, since R2 takes no others; 10,000 of them are 80 GiB.
PART_SIZE = 8 * 1024 * 1024


# Makes a context in which errors of the S3 library become storage errors.
Translated = Callable[[], AbstractContextManager[None]]


class Body(Protocol):
    """What the S3 library gives to read an answer with."""

    def read(self, amt: int | None = None) -> bytes: ...
    def close(self) -> None: ...


class ObjectStream:
    """The body of a GET; closing it before its end drops the connection."""

    def __init__(self, body: Body, translated: Translated) -> None:
        self._body, self._translated = body, translated

    def read(self, size: int = -1, /) -> bytes:
        with self._translated():
            return self._body.read(None if size < 0 else size)

    def close(self) -> None:
        self._body.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()


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
