"""A library of photos with thumbnails, made anew for each measurement."""

import json
import secrets

from tests.e2e.client import Client
from tests.e2e.photos import picture

PHOTOS = 50


def upload_photos(client: Client, size: tuple[int, int]) -> list[str]:
    """The ids of PHOTOS new photos of so many pixels, once all of their jobs are done."""
    data = picture(1, size=size)
    # Every upload is new: what follows a JPEG's end is padding.
    answers = [client.upload(f"{number}.jpg", data + secrets.token_bytes(16)) for number in range(PHOTOS)]
    ids = [json.loads(answer.body)["id"] for answer in answers]
    client.wait_until_idle(seconds=180)
    assert not client.failed_jobs(), client.failed_jobs()
    return ids
