"""Faces in pictures: marked by hand, given to people, taken away."""

import pytest
from flask.testing import FlaskClient

from services.system import System
from tests.people import BOX, faces_of, mark, new_person
from tests.systems import MakeUser, Person, add_asset, on_local_disk

pytestmark = on_local_disk


def test_a_face_is_where_it_was_marked(client: FlaskClient, system: System, admin: Person) -> None:
    person_id, asset_id = new_person(client, admin, name="Ada"), add_asset(system, admin)
    mark(client, admin, person_id, asset_id)
    [face] = faces_of(client, admin, asset_id)
    assert face == face | {
        "imageWidth": 600, "imageHeight": 400, "boundingBoxX1": 250, "boundingBoxX2": 350,
        "boundingBoxY1": 150, "boundingBoxY2": 250, "sourceType": "manual",
    }  # fmt: skip
    assert face["person"]["name"] == "Ada"


def test_faces_stand_from_left_to_right(client: FlaskClient, system: System, admin: Person) -> None:
    person_id, asset_id = new_person(client, admin), add_asset(system, admin)
    for x in (300, -20, 100):
        mark(client, admin, person_id, asset_id, x=x)
    assert [face["boundingBoxX1"] for face in faces_of(client, admin, asset_id)] == [-20, 100, 300]


@pytest.mark.parametrize("box", [{"width": 0}, {"height": -1}, {"imageWidth": 0}, {"x": 2**40}, {"y": "left"}])
def test_a_box_that_is_none_is_refused(
    client: FlaskClient, system: System, admin: Person, box: dict[str, object]
) -> None:
    face = {**BOX, **box, "assetId": str(add_asset(system, admin)), "personId": new_person(client, admin)}
    assert client.post("/api/faces", headers=admin.headers, json=face).status_code == 400


def test_a_face_is_given_to_somebody_else(client: FlaskClient, system: System, admin: Person) -> None:
    ada, bea, asset_id = new_person(client, admin), new_person(client, admin, name="Bea"), add_asset(system, admin)
    mark(client, admin, ada, asset_id)
    [face] = faces_of(client, admin, asset_id)
    given = client.put(f"/api/faces/{bea}", headers=admin.headers, json={"id": face["id"]})
    assert given.get_json()["name"] == "Bea"
    [face] = faces_of(client, admin, asset_id)
    assert face["person"]["id"] == bea


def test_the_faces_of_a_person_in_some_pictures_are_given_to_another(
    client: FlaskClient, system: System, admin: Person
) -> None:
    ada, bea = new_person(client, admin), new_person(client, admin)
    first, second = add_asset(system, admin), add_asset(system, admin)
    mark(client, admin, ada, first)
    mark(client, admin, ada, second)
    items = [{"personId": ada, "assetId": str(first)}, {"personId": bea, "assetId": str(second)}]
    answer = client.put(f"/api/people/{bea}/reassign", headers=admin.headers, json={"data": items})
    assert [person["id"] for person in answer.get_json()] == [bea, bea]
    assert faces_of(client, admin, first)[0]["person"]["id"] == bea
    assert faces_of(client, admin, second)[0]["person"]["id"] == ada


@pytest.mark.parametrize("force", [True, False])
def test_a_face_is_taken_away(client: FlaskClient, system: System, admin: Person, force: bool) -> None:
    person_id, asset_id = new_person(client, admin, name="Ada"), add_asset(system, admin)
    mark(client, admin, person_id, asset_id)
    path = f"/api/faces/{faces_of(client, admin, asset_id)[0]['id']}"
    assert client.delete(path, headers=admin.headers, json={"force": force}).status_code == 204
    assert faces_of(client, admin, asset_id) == []
    assert client.get(f"/api/assets/{asset_id}", headers=admin.headers).get_json()["people"] == []
    refused = client.delete(path, headers=admin.headers, json={"force": force})
    assert (refused.status_code, refused.get_json()) == (400, {"message": "Not found or no face.delete access"})


def test_faces_are_those_of_ones_own_pictures(
    client: FlaskClient, system: System, admin: Person, make_user: MakeUser
) -> None:
    stranger = make_user("stranger@example.com")
    person_id, asset_id = new_person(client, admin), add_asset(system, admin)
    mark(client, admin, person_id, asset_id)
    face_id = faces_of(client, admin, asset_id)[0]["id"]
    own, theirs = new_person(client, stranger), {**BOX, "assetId": str(asset_id)}
    refused = [
        (client.get(f"/api/faces?id={asset_id}", headers=stranger.headers), "asset.read"),
        (client.post("/api/faces", headers=stranger.headers, json=theirs | {"personId": own}), "asset.update"),
        (client.post("/api/faces", headers=admin.headers, json=theirs | {"personId": own}), "person.read"),
        (client.put(f"/api/faces/{own}", headers=stranger.headers, json={"id": face_id}), "person.create"),
        (client.put(f"/api/faces/{own}", headers=admin.headers, json={"id": face_id}), "person.update"),
        (client.delete(f"/api/faces/{face_id}", headers=stranger.headers, json={"force": True}), "face.delete"),
    ]
    for answer, permission in refused:
        message = {"message": f"Not found or no {permission} access"}
        assert (answer.status_code, answer.get_json()) == (400, message)
    items = [{"personId": person_id, "assetId": str(asset_id)}]
    client.put(f"/api/people/{own}/reassign", headers=stranger.headers, json={"data": items})
    assert faces_of(client, admin, asset_id)[0]["person"]["id"] == person_id
