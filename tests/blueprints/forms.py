"""Upload forms as clients send them, byte for byte."""

import io
from collections.abc import Mapping, Sequence
from hashlib import sha1
from typing import Any
from uuid import uuid4

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

BOUNDARY = "------bucketroll"
DATES = {"fileCreatedAt": "2024-05-01T10:00:00.000Z", "fileModifiedAt": "2024-05-02T10:00:00.000Z"}


def photo(size: int = 5000) -> bytes:
    """Bytes that nobody has uploaded before; uploads are kept whatever they hold."""
    return (uuid4().bytes * (size // 16 + 1))[:size]


def part(name: str, data: bytes, file_name: str | None = None) -> bytes:
    disposition = f'form-data; name="{name}"' + (f'; filename="{file_name}"' if file_name is not None else "")
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n"
    if file_name is not None:
        head += "Content-Type: application/octet-stream\r\n"
    return f"{head}\r\n".encode() + data + b"\r\n"


def form(parts: Sequence[bytes]) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def fields(**changes: str) -> list[bytes]:
    return [part(name, value.encode()) for name, value in {**DATES, **changes}.items()]


def post(client: FlaskClient, headers: Mapping[str, str], body: bytes | io.RawIOBase, **extra: Any) -> TestResponse:
    return client.post(
        "/api/assets",
        headers=dict(headers),
        data=body,
        content_type=f"multipart/form-data; boundary={BOUNDARY}",
        **extra,
    )


def upload(
    client: FlaskClient,
    headers: Mapping[str, str],
    data: bytes,
    name: str = "photo.jpg",
    sidecar: bytes | None = None,
    **changes: str,
) -> TestResponse:
    """Uploads as the official CLI does: fields, then the file, then the sidecar."""
    parts = [*fields(**changes), part("assetData", data, name)]
    if sidecar is not None:
        parts.append(part("sidecarData", sidecar, f"{name}.xmp"))
    return post(client, headers, form(parts))


def kept(client: FlaskClient, headers: Mapping[str, str], data: bytes, **more: Any) -> str:
    """Uploads what must be new; the asset's id."""
    response = upload(client, headers, data, **more)
    assert response.status_code == 201, response.text
    asset_id: str = response.get_json()["id"]
    return asset_id


def hex_of(data: bytes) -> str:
    return sha1(data, usedforsecurity=False).hexdigest()


class Chunked(io.RawIOBase):
    """A body without a known length."""

    def __init__(self, data: bytes) -> None:
        self._rest = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        return self._rest.read(min(size, 1000) if size >= 0 else size)
