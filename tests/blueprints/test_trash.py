"""The trash: what goes in comes back, until it is removed with its objects and its quota."""

from datetime import timedelta
from uuid import UUID

from flask.testing import FlaskClient
from sqlalchemy import select

from models.assets import Asset, AssetFile
from models.base import utc_now
from models.jobs import Job
from models.objects import PendingObject, StoredObject
from models.users import User
from services import trash
from services.system import System
from tests.blueprints.forms import kept, photo
from tests.blueprints.test_upload import stored_keys
from tests.systems import MakeUser, Person


def run_removals(system: System) -> None:
    """What the worker does with the jobs that remove assets."""
    while True:
        with system.database.write() as session:
            jobs = session.scalars(select(Job).where(Job.name == "AssetDelete")).all()
            asset_ids = [UUID(job.data["id"]) for job in jobs]
            for job in jobs:
                session.delete(job)
        if not asset_ids:
            return
        for asset_id in asset_ids:
            trash.remove_asset(system, asset_id)


def everything(system: System) -> list[object]:
    with system.database.read() as session:
        return [
            row for model in (Asset, AssetFile, StoredObject, PendingObject) for row in session.scalars(select(model))
        ]


def test_what_goes_into_the_trash_comes_back(client: FlaskClient, admin: Person) -> None:
    data = photo()
    asset_id = kept(client, admin.headers, data)
    assert client.delete("/api/assets", headers=admin.headers, json={"ids": [asset_id]}).status_code == 204
    info = client.get(f"/api/assets/{asset_id}", headers=admin.headers).get_json()
    assert info["isTrashed"] is True
    assert client.get(f"/api/assets/{asset_id}/original", headers=admin.headers).data == data
    restored = client.post("/api/trash/restore/assets", headers=admin.headers, json={"ids": [asset_id]})
    assert restored.get_json() == {"count": 1}
    assert client.get(f"/api/assets/{asset_id}", headers=admin.headers).get_json()["isTrashed"] is False


def test_all_comes_back_at_once(client: FlaskClient, admin: Person) -> None:
    ids = [kept(client, admin.headers, photo()) for _ in range(3)]
    client.delete("/api/assets", headers=admin.headers, json={"ids": ids[:2]})
    assert client.post("/api/trash/restore", headers=admin.headers).get_json() == {"count": 2}
    assert client.post("/api/trash/restore", headers=admin.headers).get_json() == {"count": 0}


def test_a_trashed_photo_is_still_a_duplicate(client: FlaskClient, admin: Person) -> None:
    data = photo()
    asset_id = kept(client, admin.headers, data)
    client.delete("/api/assets", headers=admin.headers, json={"ids": [asset_id]})
    from tests.blueprints.forms import hex_of

    asked = {"assets": [{"id": "x", "checksum": hex_of(data)}]}
    answer = client.post("/api/assets/bulk-upload-check", headers=admin.headers, json=asked).get_json()
    assert answer["results"][0]["isTrashed"] is True


def test_emptying_removes_rows_objects_and_quota(client: FlaskClient, admin: Person, system: System) -> None:
    asset_id = kept(client, admin.headers, photo(), sidecar=b"<x/>")
    client.delete("/api/assets", headers=admin.headers, json={"ids": [asset_id]})
    assert client.post("/api/trash/empty", headers=admin.headers).get_json() == {"count": 1}
    run_removals(system)
    assert everything(system) == []
    assert stored_keys(system) == []
    with system.database.read() as session:
        assert session.scalars(select(User.quota_usage_in_bytes)).one() == 0
    assert client.get(f"/api/assets/{asset_id}/original", headers=admin.headers).status_code == 404


def test_force_removes_without_the_trash(client: FlaskClient, admin: Person, system: System) -> None:
    asset_id = kept(client, admin.headers, photo())
    client.delete("/api/assets", headers=admin.headers, json={"ids": [asset_id], "force": True})
    assert client.post("/api/trash/restore/assets", headers=admin.headers, json={"ids": [asset_id]}).get_json() == {
        "count": 0
    }
    run_removals(system)
    assert everything(system) == []


def test_a_removal_that_runs_twice_removes_once(client: FlaskClient, admin: Person, system: System) -> None:
    kept(client, admin.headers, photo(1000))
    asset_id = kept(client, admin.headers, photo(500))
    client.delete("/api/assets", headers=admin.headers, json={"ids": [asset_id], "force": True})
    trash.remove_asset(system, UUID(asset_id))
    trash.remove_asset(system, UUID(asset_id))
    with system.database.read() as session:
        assert session.scalars(select(User.quota_usage_in_bytes)).one() == 1000


def test_a_restored_asset_is_not_removed_by_a_late_job(client: FlaskClient, admin: Person, system: System) -> None:
    asset_id = kept(client, admin.headers, photo())
    client.delete("/api/assets", headers=admin.headers, json={"ids": [asset_id]})
    trash.remove_asset(system, UUID(asset_id))
    assert client.post("/api/trash/restore", headers=admin.headers).get_json() == {"count": 1}
    assert client.get(f"/api/assets/{asset_id}/original", headers=admin.headers).status_code == 200


def test_what_is_not_ones_own_is_neither_deleted_nor_restored(
    client: FlaskClient, admin: Person, make_user: MakeUser
) -> None:
    stranger = make_user("stranger@example.com")
    mine, theirs = kept(client, admin.headers, photo()), kept(client, stranger.headers, photo())
    answer = client.delete("/api/assets", headers=admin.headers, json={"ids": [mine, theirs]})
    assert (answer.status_code, answer.get_json()) == (400, {"message": "Not found or no asset.delete access"})
    assert client.get(f"/api/assets/{mine}", headers=admin.headers).get_json()["isTrashed"] is False
    refused = client.post("/api/trash/restore/assets", headers=admin.headers, json={"ids": [theirs]})
    assert refused.status_code == 400
    client.delete("/api/assets", headers=stranger.headers, json={"ids": [theirs]})
    assert client.post("/api/trash/empty", headers=admin.headers).get_json() == {"count": 0}


def test_days_in_the_trash_are_counted(client: FlaskClient, admin: Person, system: System) -> None:
    old, young = kept(client, admin.headers, photo()), kept(client, admin.headers, photo())
    client.delete("/api/assets", headers=admin.headers, json={"ids": [old, young]})
    with system.database.write() as session:
        session.get_one(Asset, UUID(old)).deleted_at = utc_now() - timedelta(days=31)
    trash.remove_expired(system)
    run_removals(system)
    with system.database.read() as session:
        assert [str(asset_id) for asset_id in session.scalars(select(Asset.id))] == [young]


def test_the_video_of_a_live_photo_goes_with_it(client: FlaskClient, admin: Person, system: System) -> None:
    video_id = kept(client, admin.headers, photo(), name="live.mov")
    still_id = kept(client, admin.headers, photo(), name="live.heic", livePhotoVideoId=video_id)
    client.delete("/api/assets", headers=admin.headers, json={"ids": [still_id], "force": True})
    run_removals(system)
    assert everything(system) == []
    assert stored_keys(system) == []
