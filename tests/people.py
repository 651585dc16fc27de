"""People and faces for tests, made as clients make them."""

from typing import Any
from uuid import UUID

from flask.testing import FlaskClient

from tests.systems import Person as User

# A face in the middle of a picture of 600 by 400 pixels.
BOX = {"imageWidth": 600, "imageHeight": 400, "x": 250, "y": 150, "width": 100, "height": 100}


def new_person(client: FlaskClient, user: User, **fields: Any) -> str:
    """The id of a new person."""
    response = client.post("/api/people", headers=user.headers, json=fields)
    assert response.status_code == 201, response.text
    person_id: str = response.get_json()["id"]
    return person_id


def mark(client: FlaskClient, user: User, person_id: str, asset_id: str | UUID, **box: int) -> None:
    """Marks a face in an asset as the person's."""
    face = {**BOX, **box, "assetId": str(asset_id), "personId": person_id}
    response = client.post("/api/faces", headers=user.headers, json=face)
    assert response.status_code == 201, response.text


def faces_of(client: FlaskClient, user: User, asset_id: str | UUID) -> list[dict[str, Any]]:
    """The faces in an asset, as clients see them."""
    faces: list[dict[str, Any]] = client.get(f"/api/faces?id={asset_id}", headers=user.headers).get_json()
    return faces
