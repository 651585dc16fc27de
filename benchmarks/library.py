"""What lies on a server, made anew for each measurement: photos with thumbnails, and originals of any size."""

import hashlib
import json
import os
import secrets
from dataclasses import dataclass

from tests.e2e.client import Client
from tests.e2e.photos import picture
from tests.live import LiveServer, call

PHOTOS = 50


@dataclass(frozen=True, slots=True)
class Original:
    """An asset's id, and the SHA-256 of its bytes."""

    id: str
    sha256: bytes

    @property
    def path(self) -> str:
        """Where the API has it."""
        return f"/api/assets/{self.id}/original"


def upload_photos(client: Client, size: tuple[int, int]) -> list[str]:
    """The ids of PHOTOS new photos of so many pixels, once all of their jobs are done."""
    data = picture(1, size=size)
    # Every upload is new: what follows a JPEG's end is padding.
    answers = [client.upload(f"{number}.jpg", data + secrets.token_bytes(16)) for number in range(PHOTOS)]
    ids = [json.loads(answer.body)["id"] for answer in answers]
    client.wait_until_idle(seconds=180)
    assert not client.failed_jobs(), client.failed_jobs()
    return ids


def upload_original(client: Client, size: int) -> Original:
    """A new original of so many bytes that mean nothing; where a worker runs, its jobs fail."""
    data = secrets.token_bytes(size)
    answer = client.upload("video.mp4", data)
    assert answer.status == 201, answer
    # Or the kernel would write it to disk in the midst of a measurement.
    os.sync()
    return Original(answer.json["id"], hashlib.sha256(data).digest())


def session_cookie(server: LiveServer) -> dict[str, str]:
    """The header by which the admin's browser says who asks; see `new_admin_key`."""
    login = call("POST", f"{server.url}/api/auth/login", {"email": "admin@example.com", "password": "correct horse"})
    return {"Cookie": f"immich_access_token={login['accessToken']}"}
