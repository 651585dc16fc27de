"""People: whom a user sees in pictures, named, listed, merged and removed by that user alone."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient

from models.assets import AssetVisibility
from models.base import utc_now
from services.system import System
from tests.people import mark, new_person
from tests.systems import MakeUser, Person, add_asset, on_local_disk

pytestmark = on_local_disk
NOBODY = "00000000-0000-4000-8000-000000000000"


def people_of(client: FlaskClient, user: Person, query: str = "") -> dict[str, Any]:
    listed: dict[str, Any] = client.get(f"/api/people{query}", headers=user.headers).get_json()
    return listed


def names(listed: dict[str, Any]) -> list[str]:
    return [person["name"] for person in listed["people"]]


def seen(client: FlaskClient, system: System, user: Person, times: int = 1, **fields: Any) -> str:
    """A person in so many pictures."""
    person_id = new_person(client, user, **fields)
    for _ in range(times):
        mark(client, user, person_id, add_asset(system, user))
    return person_id


def test_there_is_nobody_at_first(client: FlaskClient, admin: Person) -> None:
    assert people_of(client, admin) == {"people": [], "hasNextPage": False, "total": 0, "hidden": 0}


def test_a_person_is_kept_as_they_were_described(client: FlaskClient, admin: Person) -> None:
    fields = {"name": "Ada", "birthDate": "1815-12-10", "isFavorite": True, "isHidden": True, "color": "#aabbcc"}
    person_id = new_person(client, admin, **fields)
    shown = client.get(f"/api/people/{person_id}", headers=admin.headers).get_json()
    assert shown == shown | fields | {"id": person_id, "thumbnailPath": ""}


def test_a_change_leaves_what_it_does_not_name(client: FlaskClient, admin: Person) -> None:
    person_id = new_person(client, admin, name="Ada", birthDate="1815-12-10", color="#abc")
    changed = client.put(f"/api/people/{person_id}", headers=admin.headers, json={"birthDate": None, "color": ""})
    assert changed.get_json() == changed.get_json() | {"name": "Ada", "birthDate": None}
    assert "color" not in changed.get_json()


@pytest.mark.parametrize(
    "fields",
    [
        {"birthDate": (datetime.now(UTC) + timedelta(days=2)).date().isoformat()},
        {"birthDate": "10.12.1815"},
        {"color": "blue"},
        {"name": None},
        {"isHidden": None},
        {"name": "a\0b"},
    ],
)
def test_nonsense_about_a_person_is_refused(client: FlaskClient, admin: Person, fields: dict[str, Any]) -> None:
    assert client.post("/api/people", headers=admin.headers, json=fields).status_code == 400


def test_whoever_is_in_no_picture_of_the_timeline_is_not_listed(
    client: FlaskClient, system: System, admin: Person
) -> None:
    new_person(client, admin, name="Unseen")
    places: dict[str, dict[str, Any]] = {
        "Archived": {"visibility": AssetVisibility.ARCHIVE},
        "Trashed": {"deleted_at": utc_now()},
        "Shown": {},
    }
    for name, columns in places.items():
        mark(client, admin, new_person(client, admin, name=name), add_asset(system, admin, **columns))
    assert names(people_of(client, admin)) == ["Shown"]
    assert people_of(client, admin)["total"] == 1


def test_people_stand_in_immichs_order(client: FlaskClient, system: System, admin: Person) -> None:
    seen(client, system, admin, name="Zoe", isFavorite=True)
    seen(client, system, admin, name="Bea")
    seen(client, system, admin, name="Ada")
    seen(client, system, admin, 2, name="Often")
    seen(client, system, admin, 3)
    seen(client, system, admin, name="Hidden", isHidden=True)
    assert names(people_of(client, admin)) == ["Zoe", "Often", "Ada", "Bea", ""]
    everyone = people_of(client, admin, "?withHidden=true")
    assert names(everyone) == ["Zoe", "Often", "Ada", "Bea", "", "Hidden"]
    assert (everyone["total"], everyone["hidden"]) == (6, 1)


def test_who_has_no_name_is_listed_when_seen_as_often_as_the_user_prefers(
    client: FlaskClient, system: System, admin: Person
) -> None:
    seen(client, system, admin, 2)
    assert people_of(client, admin)["people"] == []
    client.put("/api/users/me/preferences", headers=admin.headers, json={"people": {"minimumFaces": 2}})
    assert len(people_of(client, admin)["people"]) == 1


def test_people_come_in_pages(client: FlaskClient, system: System, admin: Person) -> None:
    for name in ("Ada", "Bea", "Cleo"):
        seen(client, system, admin, name=name)
    first, second = people_of(client, admin, "?size=2"), people_of(client, admin, "?size=2&page=2")
    assert (names(first), first["hasNextPage"]) == (["Ada", "Bea"], True)
    assert (names(second), second["hasNextPage"], second["total"]) == (["Cleo"], False, 3)


def test_several_are_changed_at_once_each_with_an_answer(client: FlaskClient, admin: Person) -> None:
    first, second = new_person(client, admin), new_person(client, admin)
    changes = [
        {"id": first, "name": "Ada"},
        {"id": NOBODY, "name": "Nobody"},
        {"id": second, "featureFaceAssetId": str(uuid4()), "name": "Bea"},
    ]
    answers = client.put("/api/people", headers=admin.headers, json={"people": changes}).get_json()
    assert [answer["success"] for answer in answers] == [True, False, False]
    assert client.get(f"/api/people/{first}", headers=admin.headers).get_json()["name"] == "Ada"
    assert client.get(f"/api/people/{second}", headers=admin.headers).get_json()["name"] == ""


def test_statistics_count_pictures_not_faces(client: FlaskClient, system: System, admin: Person) -> None:
    person_id, asset_id = new_person(client, admin), add_asset(system, admin)
    mark(client, admin, person_id, asset_id)
    mark(client, admin, person_id, asset_id, x=0)
    mark(client, admin, person_id, add_asset(system, admin, visibility=AssetVisibility.ARCHIVE))
    answer = client.get(f"/api/people/{person_id}/statistics", headers=admin.headers)
    assert answer.get_json() == {"assets": 1}


def test_a_merge_gives_one_person_the_faces_and_the_name_of_others(
    client: FlaskClient, system: System, admin: Person
) -> None:
    kept, named = seen(client, system, admin), seen(client, system, admin, name="Ada", birthDate="1815-12-10")
    late = seen(client, system, admin, name="Lovelace")
    path = f"/api/people/{kept}/merge"
    answers = client.post(path, headers=admin.headers, json={"ids": [named, NOBODY, late]}).get_json()
    assert [answer["success"] for answer in answers] == [True, False, True]
    shown = client.get(f"/api/people/{kept}", headers=admin.headers).get_json()
    assert (shown["name"], shown["birthDate"]) == ("Ada", "1815-12-10")
    counted = client.get(f"/api/people/{kept}/statistics", headers=admin.headers)
    assert counted.get_json() == {"assets": 3}
    assert client.get(f"/api/people/{named}", headers=admin.headers).status_code == 400


def test_a_list_of_people_merges_into_the_first(client: FlaskClient, system: System, admin: Person) -> None:
    first, second = seen(client, system, admin, name="Ada"), seen(client, system, admin, name="Bea")
    answers = client.post("/api/people/merge", headers=admin.headers, json={"ids": [first, second]}).get_json()
    assert answers == [{"id": second, "success": True}]
    assert names(people_of(client, admin)) == ["Ada"]


@pytest.mark.parametrize("ids", [[], ["self"]])
def test_nobody_merges_alone(client: FlaskClient, admin: Person, ids: list[str]) -> None:
    person_id = new_person(client, admin)
    body = {"ids": [person_id] + [person_id for _ in ids]}
    assert client.post("/api/people/merge", headers=admin.headers, json=body).status_code == 400
    same = client.post(f"/api/people/{person_id}/merge", headers=admin.headers, json={"ids": [person_id]})
    assert same.get_json() == {"message": "Cannot merge a person into themselves"}


def test_a_removed_person_leaves_faces_that_are_nobodys(client: FlaskClient, system: System, admin: Person) -> None:
    person_id, asset_id = new_person(client, admin, name="Ada"), add_asset(system, admin)
    mark(client, admin, person_id, asset_id)
    assert client.delete(f"/api/people/{person_id}", headers=admin.headers).status_code == 204
    [face] = client.get(f"/api/faces?id={asset_id}", headers=admin.headers).get_json()
    assert face["person"] is None
    assert people_of(client, admin)["total"] == 0


def test_people_are_removed_all_or_none(client: FlaskClient, admin: Person) -> None:
    first, second = new_person(client, admin), new_person(client, admin)
    refused = client.delete("/api/people", headers=admin.headers, json={"ids": [first, NOBODY]})
    assert (refused.status_code, refused.get_json()) == (400, {"message": "Not found or no person.delete access"})
    assert client.delete("/api/people", headers=admin.headers, json={"ids": [first, second]}).status_code == 204
    assert client.get(f"/api/people/{first}", headers=admin.headers).status_code == 400


def test_people_are_their_owners_alone(
    client: FlaskClient, system: System, admin: Person, make_user: MakeUser
) -> None:
    stranger = make_user("stranger@example.com")
    person_id, own = seen(client, system, admin, name="Ada"), new_person(client, stranger)
    path = f"/api/people/{person_id}"
    refused = [
        (client.get(path, headers=stranger.headers), "read"),
        (client.get(f"{path}/statistics", headers=stranger.headers), "read"),
        (client.put(path, headers=stranger.headers, json={"name": "Mine"}), "update"),
        (client.post(f"{path}/merge", headers=stranger.headers, json={"ids": [own]}), "update"),
        (client.delete(path, headers=stranger.headers), "delete"),
    ]
    for answer, permission in refused:
        assert (answer.status_code, answer.get_json()) == (
            400, {"message": f"Not found or no person.{permission} access"}
        )  # fmt: skip
    assert client.get(f"{path}/thumbnail", headers=stranger.headers).status_code == 404
    assert people_of(client, stranger)["total"] == 0
    [answer] = client.post(
        f"/api/people/{own}/merge", headers=stranger.headers, json={"ids": [person_id]}
    ).get_json()
    assert answer == {"id": person_id, "success": False, "error": "no_permission"}


def test_an_asset_tells_who_is_in_it(client: FlaskClient, system: System, admin: Person) -> None:
    asset_id = add_asset(system, admin)
    right, left = new_person(client, admin, name="Right"), new_person(client, admin, name="Left")
    mark(client, admin, right, asset_id, x=400)
    mark(client, admin, left, asset_id, x=0)
    mark(client, admin, left, asset_id, x=500)
    info = client.get(f"/api/assets/{asset_id}", headers=admin.headers).get_json()
    assert [person["name"] for person in info["people"]] == ["Left", "Right"]
    edited = client.put(f"/api/assets/{asset_id}", headers=admin.headers, json={"isFavorite": True})
    assert edited.get_json()["people"] == info["people"]


def test_search_and_timeline_find_who_is_asked_for(client: FlaskClient, system: System, admin: Person) -> None:
    both, one, _ = (add_asset(system, admin) for _ in range(3))
    ada, bea = new_person(client, admin, name="Ada"), new_person(client, admin, name="Bea")
    mark(client, admin, ada, both)
    mark(client, admin, bea, both)
    mark(client, admin, ada, one)

    def found(*person_ids: str) -> set[str]:
        body = {"personIds": person_ids, "withPeople": True}
        answer = client.post("/api/search/metadata", headers=admin.headers, json=body).get_json()
        assert all(item["people"] for item in answer["assets"]["items"])
        return {item["id"] for item in answer["assets"]["items"]}

    assert found(ada) == {str(both), str(one)}
    assert found(ada, bea) == {str(both)}
    assert found(NOBODY) == set()
    [bucket] = client.get(f"/api/timeline/buckets?personId={ada}", headers=admin.headers).get_json()
    assert bucket["count"] == 2
    path = f"/api/timeline/bucket?personId={bea}&timeBucket={bucket['timeBucket']}"
    assert client.get(path, headers=admin.headers).get_json()["id"] == [str(both)]


def test_the_face_of_a_person_is_chosen_by_a_picture_that_shows_them(
    client: FlaskClient, system: System, admin: Person
) -> None:
    person_id, asset_id = new_person(client, admin), add_asset(system, admin)
    path = f"/api/people/{person_id}"
    refused = client.put(path, headers=admin.headers, json={"featureFaceAssetId": str(asset_id)})
    assert (refused.status_code, refused.get_json()) == (400, {"message": "Invalid assetId for feature face"})
    mark(client, admin, person_id, asset_id)
    chosen = client.put(path, headers=admin.headers, json={"featureFaceAssetId": str(asset_id)})
    assert chosen.status_code == 200


def test_more_ids_than_a_database_takes_are_refused(client: FlaskClient, admin: Person) -> None:
    ids = [str(UUID(int=number)) for number in range(5001)]
    assert client.delete("/api/people", headers=admin.headers, json={"ids": ids}).status_code == 400
