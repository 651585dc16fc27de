"""Profile images: kept small, shown to every user, replaced and removed without an orphan."""

import io
from pathlib import Path
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select
from sqlalchemy.engine import URL
from werkzeug.test import TestResponse

from blueprints import profile_images as blueprint
from errors import StorageUnavailable
from models.objects import PendingObject, StoredObject
from services import objects
from services.permissions import Permission
from services.system import System
from storage.service import AppStorageService
from tests.blueprints.forms import BOUNDARY, form, part
from tests.blueprints.test_users import limited_key
from tests.servers import S3Server
from tests.systems import (
    MakeUser,
    Person,
    app_of,
    on_every_database,
    on_local_disk,
    running_system,
    s3_environ,
    sign_up,
)

PATH = "/api/users/profile-image"


def picture(colour: str = "red", form: str = "JPEG", size: tuple[int, int] = (900, 600)) -> bytes:
    output = io.BytesIO()
    Image.new("RGB", size, colour).save(output, form)
    return output.getvalue()


def send(client: FlaskClient, user: Person, data: bytes, name: str = "me.jpg", field: str = "file") -> TestResponse:
    body = form([part(field, data, name)])
    return client.post(
        PATH, headers=user.headers, data=body, content_type=f"multipart/form-data; boundary={BOUNDARY}"
    )


def shown(client: FlaskClient, user: Person, by: Person | None = None) -> TestResponse:
    return client.get(f"/api/users/{user.id}/profile-image", headers=(by or user).headers)


def stored_images(system: System) -> list[str]:
    """Every object in every mount, by stored path."""
    paths = [location.path_of(key) for location, backend in system.storage.mounts for key, _ in backend.list_keys()]
    return [path for path in paths if ".staging/" not in path]


def is_in_order(system: System) -> bool:
    """Whether every object is in the rows, and nothing is pending."""
    with system.database.read() as session:
        rows = session.scalars(select(StoredObject)).all()
        pending = session.scalars(select(PendingObject)).all()
    return sorted(row.path for row in rows) == sorted(stored_images(system)) and not pending


def test_a_profile_image_is_kept_small_and_shown_to_everybody(
    client: FlaskClient, system: System, admin: Person, make_user: MakeUser
) -> None:
    answer = send(client, admin, picture())
    assert answer.status_code == 201, answer.text
    told = answer.get_json()
    me = client.get("/api/users/me", headers=admin.headers).get_json()
    assert told == {
        "userId": str(admin.id),
        "profileImagePath": me["profileImagePath"],
        "profileChangedAt": me["profileChangedAt"],
    }
    assert f"/profile/{admin.id}/" in told["profileImagePath"]
    seen = shown(client, admin, by=make_user("guest@example.com"))
    image = Image.open(io.BytesIO(seen.data))
    assert (image.format, image.size) == ("WEBP", (375, 250))
    assert is_in_order(system)


def test_a_profile_image_is_asked_for_again_and_has_no_name(client: FlaskClient, admin: Person) -> None:
    send(client, admin, picture())
    seen = shown(client, admin)
    assert seen.headers["Cache-Control"] == "public, max-age=0"
    assert seen.headers["Content-Type"] == "image/webp"
    assert "Content-Disposition" not in seen.headers
    headers = {**admin.headers, "If-None-Match": seen.headers["ETag"]}
    assert client.get(f"/api/users/{admin.id}/profile-image", headers=headers).status_code == 304


def test_another_image_takes_the_place_of_the_former(client: FlaskClient, system: System, admin: Person) -> None:
    first = send(client, admin, picture("red")).get_json()
    second = send(client, admin, picture("blue", "PNG"), "me.PNG").get_json()
    assert second["profileImagePath"] != first["profileImagePath"]
    assert second["profileChangedAt"] >= first["profileChangedAt"]
    assert stored_images(system) == [second["profileImagePath"]]
    assert is_in_order(system)


def test_a_removed_image_is_gone(client: FlaskClient, system: System, admin: Person) -> None:
    send(client, admin, picture())
    assert client.delete(PATH, headers=admin.headers).status_code == 204
    assert (shown(client, admin).status_code, shown(client, admin).get_json()) == (404, {"message": "Not Found"})
    assert client.get("/api/users/me", headers=admin.headers).get_json()["profileImagePath"] == ""
    assert stored_images(system) == []
    assert is_in_order(system)
    again = client.delete(PATH, headers=admin.headers)
    assert (again.status_code, again.get_json()) == (400, {"message": "Can't delete a missing profile Image"})


@on_local_disk
def test_who_has_no_image_or_is_no_user_shows_none(client: FlaskClient, admin: Person, make_user: MakeUser) -> None:
    gone = make_user("gone@example.com")
    assert shown(client, admin).status_code == 404
    assert client.get(f"/api/users/{uuid4()}/profile-image", headers=admin.headers).status_code == 404
    send(client, gone, picture())
    client.delete(f"/api/admin/users/{gone.id}", headers=admin.headers)
    assert shown(client, gone, by=admin).status_code == 404
    assert client.get(f"/api/users/{admin.id}/profile-image").status_code == 401


def test_what_is_no_picture_changes_nothing(client: FlaskClient, system: System, admin: Person) -> None:
    kept = send(client, admin, picture()).get_json()["profileImagePath"]
    named = send(client, admin, b"text", "note.txt")
    assert (named.status_code, named.get_json()) == (400, {"message": "Unsupported file type note.txt"})
    for data in (b"", b"text", picture()[:400]):
        assert send(client, admin, data).status_code == 400
    assert send(client, admin, b"film", "film.mp4").status_code == 400
    assert stored_images(system) == [kept]
    assert is_in_order(system)


@on_local_disk
def test_a_form_that_is_wrong_is_refused(client: FlaskClient, admin: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    assert send(client, admin, picture(), field="image").status_code == 400
    assert client.post(PATH, headers=admin.headers, json={"file": "x"}).status_code == 400
    monkeypatch.setattr(blueprint, "MAX_BYTES", 1000)
    answer = send(client, admin, picture())
    assert (answer.status_code, answer.get_json()) == (400, {"message": "The profile image is too large"})


@on_local_disk
def test_keys_need_their_own_permissions(client: FlaskClient, system: System, admin: Person) -> None:
    headers = limited_key(system, admin, Permission.USER_READ)
    for method, path, permission in (
        ("POST", PATH, "update"),
        ("DELETE", PATH, "delete"),
        ("GET", f"/api/users/{admin.id}/profile-image", "read"),
    ):
        answer = client.open(path, method=method, headers=headers)
        message = {"message": f"Missing required permission: userProfileImage.{permission}"}
        assert (answer.status_code, answer.get_json()) == (403, message)


@on_every_database
def test_an_image_that_cannot_be_kept_leaves_the_former(
    client: FlaskClient, system: System, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = send(client, admin, picture()).get_json()["profileImagePath"]

    def fail(*args: object, **kwargs: object) -> None:
        raise StorageUnavailable("gone")

    for target, name in ((AppStorageService, "upload_file"), (objects, "adopt")):
        with monkeypatch.context() as patch:
            patch.setattr(target, name, fail)
            assert send(client, admin, picture("blue")).status_code == 503
    assert shown(client, admin).status_code == 200
    assert stored_images(system) == [kept]
    assert is_in_order(system)


@pytest.mark.servers
@pytest.mark.parametrize(("others", "own"), [("local", "s3"), ("s3", "local")])
def test_profile_images_may_live_on_an_engine_of_their_own(
    s3_server: S3Server, database_url: URL, tmp_path: Path, others: str, own: str
) -> None:
    environ = s3_environ(s3_server.endpoint, s3_server.access_key, s3_server.secret_key) | {
        "IMMICH_STORAGE_ENGINE": others,
        "STORAGE_ENGINE_PROFILE": own,
        "IMMICH_MEDIA_LOCATION": str(tmp_path / "media"),
        "DB_URL": database_url.render_as_string(hide_password=False),
    }
    with running_system(environ) as system:
        client, admin = app_of(system).test_client(use_cookies=False), sign_up(system)
        path = send(client, admin, picture()).get_json()["profileImagePath"]
        assert path.startswith("s3://") == (own == "s3")
        assert shown(client, admin).status_code == 200
        client.delete(PATH, headers=admin.headers)
        assert not system.storage.exists(path)
