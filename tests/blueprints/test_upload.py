"""Uploads, on every engine: kept whole, or not at all."""

import json
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from errors import StorageFull, StorageUnavailable
from media.staging import CACHE_FOLDER, StagedFile
from models.assets import Asset, AssetFile, AssetVisibility
from models.jobs import Job
from models.objects import PendingObject, StoredObject
from models.users import User
from services import objects
from services.system import System
from tests.blueprints import forms
from tests.blueprints.forms import form, hex_of, kept, part, photo, post, upload
from tests.systems import MakeUser, Person, SilentCarrier


def rows(system: System) -> dict[str, int]:
    """How many rows of each kind there are."""
    with system.database.read() as session:
        return {
            model.__tablename__: session.scalar(select(func.count()).select_from(model)) or 0
            for model in (Asset, AssetFile, StoredObject, PendingObject, Job)
        }


def stored_keys(system: System) -> list[str]:
    """The keys of everything in the place that originals are written to."""
    location, backend = system.storage.mounts[-1]
    return [location.path_of(key) for key, _ in backend.list_keys()]


def staged(system: System) -> list[Path]:
    """What lies in staging, the cache of originals aside."""
    files = [path for path in system.settings.staging_location.rglob("*") if path.is_file() and path.name != "lock"]
    return [path for path in files if path.parent.name != CACHE_FOLDER]


@pytest.fixture
def nothing_kept(system: System, admin: Person) -> Iterator[None]:
    """The test must leave no row, no object and no staged file behind."""
    yield
    assert rows(system) == {"asset": 0, "asset_file": 0, "stored_object": 0, "pending_object": 0, "job": 0}
    assert stored_keys(system) == []
    assert staged(system) == []


def test_a_new_photo_is_kept_byte_for_byte(client: FlaskClient, admin: Person, system: System) -> None:
    data = photo()
    asset_id = kept(client, admin.headers, data, name="My photo.JPG")
    answer = client.get(f"/api/assets/{asset_id}/original", headers=admin.headers)
    assert answer.data == data
    info = client.get(f"/api/assets/{asset_id}", headers=admin.headers).get_json()
    assert info["originalFileName"] == "My photo.JPG"
    assert info["checksum"] == b64encode(sha1(data, usedforsecurity=False).digest()).decode()
    assert info["fileCreatedAt"] == "2024-05-01T10:00:00.000Z"
    assert info["originalPath"].endswith(".JPG")
    assert stored_keys(system) == [info["originalPath"]]
    assert staged(system) == []


def test_rows_know_size_and_checksums(client: FlaskClient, admin: Person, system: System) -> None:
    data = photo()
    kept(client, admin.headers, data)
    with system.database.read() as session:
        stored = session.scalars(select(StoredObject)).one()
        usage = session.scalars(select(User.quota_usage_in_bytes)).one()
    import zlib

    assert (stored.size, stored.sha1, stored.crc32) == (
        len(data),
        sha1(data, usedforsecurity=False).digest(),
        zlib.crc32(data),
    )
    assert usage == len(data)
    assert rows(system)["pending_object"] == 0


def test_workers_are_rung_for_metadata_and_thumbnail(client: FlaskClient, admin: Person, system: System) -> None:
    asset_id = kept(client, admin.headers, photo())
    with system.database.read() as session:
        jobs = {job.name: job.data for job in session.scalars(select(Job))}
    assert jobs == {"AssetExtractMetadata": {"id": asset_id}, "AssetGenerateThumbnails": {"id": asset_id}}
    assert isinstance(system.carrier, SilentCarrier)
    assert len(system.carrier.rung) == 2


def test_the_same_bytes_again_are_a_duplicate(client: FlaskClient, admin: Person, system: System) -> None:
    data = photo()
    first = kept(client, admin.headers, data)
    again = upload(client, admin.headers, data, name="other.png")
    assert (again.status_code, again.get_json()) == (200, {"id": first, "status": "duplicate"})
    assert len(stored_keys(system)) == 1
    assert rows(system)["pending_object"] == 0


def test_the_same_bytes_of_another_user_are_kept(client: FlaskClient, admin: Person, make_user: MakeUser) -> None:
    data = photo()
    other = make_user("other@example.com")
    assert kept(client, admin.headers, data) != kept(client, other.headers, data)


@pytest.mark.parametrize("encode", [hex_of, lambda data: b64encode(sha1(data).digest()).decode()])
def test_a_known_checksum_is_answered_before_the_body(client: FlaskClient, admin: Person, encode: object) -> None:
    assert callable(encode)
    data = photo()
    first = kept(client, admin.headers, data)
    headers = {**admin.headers, "x-immich-checksum": encode(data)}
    answer = post(client, headers, b"this is no form")
    assert (answer.status_code, answer.get_json()) == (200, {"id": first, "status": "duplicate"})


def test_a_right_checksum_and_a_senseless_one_are_accepted(client: FlaskClient, admin: Person) -> None:
    data = photo()
    kept(client, {**admin.headers, "x-immich-checksum": hex_of(data)}, data)
    kept(client, {**admin.headers, "x-immich-checksum": "nonsense"}, photo())


@pytest.mark.usefixtures("nothing_kept")
def test_bytes_that_are_not_those_promised_are_refused(client: FlaskClient, admin: Person) -> None:
    answer = upload(client, {**admin.headers, "x-immich-checksum": "0" * 40}, photo())
    assert answer.status_code == 400
    assert "checksum" in answer.get_json()["message"]


def test_fields_may_follow_the_file(client: FlaskClient, admin: Person) -> None:
    data = photo()
    parts = [part("assetData", data, "a.png"), *forms.fields(isFavorite="true", visibility="archive")]
    answer = post(client, admin.headers, form(parts))
    assert answer.status_code == 201
    info = client.get(f"/api/assets/{answer.get_json()['id']}", headers=admin.headers).get_json()
    assert (info["isFavorite"], info["isArchived"], info["visibility"]) == (True, True, "archive")


def test_a_body_without_a_length_is_read_to_its_end(client: FlaskClient, admin: Person) -> None:
    data = photo(300_000)
    body = form([*forms.fields(), part("assetData", data, "a.jpg")])
    answer = post(client, admin.headers, forms.Chunked(body), environ_overrides={"wsgi.input_terminated": True})
    assert answer.status_code == 201
    original = client.get(f"/api/assets/{answer.get_json()['id']}/original", headers=admin.headers)
    assert original.data == data


def test_fields_of_older_and_chattier_clients_are_ignored(client: FlaskClient, admin: Person) -> None:
    kept(
        client,
        admin.headers,
        photo(),
        deviceAssetId="x",
        deviceId="CLI",
        fileSize="17",
        duration="0:00:00.000000",
        isReadOnly="false",
        metadata='[{"key":"mobile-app","value":{}}]',
    )


def test_the_field_filename_names_the_asset(client: FlaskClient, admin: Person) -> None:
    asset_id = kept(client, admin.headers, photo(), name="blob.jpg", filename="renamed é 日本.jpg")
    info = client.get(f"/api/assets/{asset_id}", headers=admin.headers).get_json()
    assert info["originalFileName"] == "renamed é 日本.jpg"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd.jpg", "passwd.jpg"),
        ("C:\\\\Photos\\\\me.jpg", "me.jpg"),
        ("a b+c%20#?'.jpg", "a b+c%20#?'.jpg"),
        ("ünï 😀.jpg", "ünï 😀.jpg"),
    ],
)
def test_names_keep_their_last_part_only(client: FlaskClient, admin: Person, sent: str, shown: str) -> None:
    asset_id = kept(client, admin.headers, photo(), name=sent)
    info = client.get(f"/api/assets/{asset_id}", headers=admin.headers).get_json()
    assert info["originalFileName"] == shown
    assert ".." not in info["originalPath"]
    answer = client.get(f"/api/assets/{asset_id}/original", headers=admin.headers)
    assert answer.headers["Content-Disposition"].startswith('inline; filename="')


def test_a_sidecar_is_kept_beside_its_photo(client: FlaskClient, admin: Person, system: System) -> None:
    asset_id = kept(client, admin.headers, photo(), sidecar=b"<x:xmpmeta/>")
    with system.database.read() as session:
        sidecar = session.scalars(select(AssetFile)).one()
        asset = session.scalars(select(Asset)).one()
    assert str(sidecar.asset_id) == asset_id
    assert sidecar.path.endswith(".xmp")
    with system.storage.read_stream(sidecar.path) as stream:
        assert stream.read() == b"<x:xmpmeta/>"
    assert set(stored_keys(system)) == {sidecar.path, asset.original_path}


def test_the_video_of_a_live_photo_is_linked_and_hidden(client: FlaskClient, admin: Person, system: System) -> None:
    video_id = kept(client, admin.headers, photo(), name="live.mov")
    still_id = kept(client, admin.headers, photo(), name="live.heic", livePhotoVideoId=video_id)
    still = client.get(f"/api/assets/{still_id}", headers=admin.headers).get_json()
    video = client.get(f"/api/assets/{video_id}", headers=admin.headers).get_json()
    assert still["livePhotoVideoId"] == video_id
    assert video["visibility"] == AssetVisibility.HIDDEN


@pytest.mark.usefixtures("nothing_kept")
def test_a_live_photo_needs_a_video_of_its_own_user(
    client: FlaskClient, admin: Person, make_user: MakeUser, system: System
) -> None:
    answer = upload(client, admin.headers, photo(), livePhotoVideoId="00000000-0000-4000-8000-000000000000")
    assert answer.status_code == 400
    assert answer.get_json() == {"message": "Live photo video not found"}


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (form([*forms.fields()]), "File is required"),
        (form([part("assetData", b"x", "a.jpg")]), "Validation failed"),
        (form([*forms.fields(fileCreatedAt="nope"), part("assetData", b"x", "a.jpg")]), "Validation failed"),
        (
            form([*forms.fields(fileCreatedAt="2024-05-01T10:00:00"), part("assetData", b"x", "a.jpg")]),
            "Validation failed",
        ),
        (
            form([*forms.fields(fileCreatedAt="0001-01-01T00:00:00+01:00"), part("assetData", b"x", "a.jpg")]),
            "Validation failed",
        ),
        (form([*forms.fields(visibility="bogus"), part("assetData", b"x", "a.jpg")]), "Validation failed"),
        (form([*forms.fields(livePhotoVideoId="x"), part("assetData", b"x", "a.jpg")]), "Validation failed"),
        (form([*forms.fields(), part("assetData", b"", "a.jpg")]), "File is empty"),
        (form([*forms.fields(), part("assetData", b"x", "note.txt")]), "Unsupported file type note.txt"),
        (form([*forms.fields(), part("assetData", b"x", "noext")]), "Unsupported file type noext"),
        (form([*forms.fields(filename="x.exe"), part("assetData", b"x", "a.jpg")]), "Unsupported file type x.exe"),
        (
            form([*forms.fields(), part("assetData", b"x", "a.jpg"), part("assetData", b"y", "b.jpg")]),
            "More than one assetData",
        ),
        (
            form([*forms.fields(filename="a\0.jpg"), part("assetData", b"x", "a.jpg")]),
            "The form field filename holds a NUL",
        ),
        (
            form([part("filename", b"\xff\xfe"), part("assetData", b"x", "a.jpg")]),
            "The form field filename is not UTF-8",
        ),
        (form([part("filename", b"x" * 300_000)]), "The form field filename is too long"),
        (form([*forms.fields(), part("assetData", b"x" * 5000, "a.jpg")])[:-40], None),
        (b"rubbish", None),
        (b"", None),
    ],
)
def test_a_wrong_form_is_refused_and_leaves_nothing(
    client: FlaskClient, admin: Person, body: bytes, message: str | None
) -> None:
    answer = post(client, admin.headers, body)
    assert answer.status_code == 400
    if message is not None:
        assert answer.get_json()["message"] == message


@pytest.mark.usefixtures("nothing_kept")
def test_a_body_of_another_kind_is_refused(client: FlaskClient, admin: Person) -> None:
    answer = client.post("/api/assets", headers=admin.headers, json={"a": 1})
    assert answer.status_code == 400
    assert [error["path"] for error in answer.get_json()["errors"]] == [["fileCreatedAt"], ["fileModifiedAt"]]


@pytest.mark.usefixtures("nothing_kept")
def test_nobody_uploads_without_saying_who(client: FlaskClient) -> None:
    answer = upload(client, {}, photo())
    assert (answer.status_code, answer.get_json()) == (401, {"message": "Authentication required"})


@pytest.mark.usefixtures("nothing_kept")
def test_a_store_that_is_away_is_told_and_leaves_nothing(
    client: FlaskClient, admin: Person, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise StorageUnavailable("The store does not answer")

    monkeypatch.setattr(type(system.storage.mounts[-1][1]), "upload_file", away)
    answer = upload(client, admin.headers, photo())
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


@pytest.mark.usefixtures("nothing_kept")
def test_a_full_disk_is_told_and_leaves_nothing(
    client: FlaskClient, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageFull("The staging disk has no room left")

    monkeypatch.setattr(StagedFile, "write", full)
    answer = upload(client, admin.headers, photo())
    assert (answer.status_code, answer.get_json()) == (507, {"message": "The staging disk has no room left"})


@pytest.mark.usefixtures("nothing_kept")
def test_an_upload_that_the_sweep_gave_up_keeps_nothing(
    client: FlaskClient, admin: Person, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = type(system.storage.mounts[-1][1]).upload_file

    def slow(*args: object, **kwargs: object) -> None:
        real(*args, **kwargs)  # type: ignore[arg-type]
        with system.database.write() as session:
            for pending in session.scalars(select(PendingObject)):
                pending.swept_at = pending.expires_at

    monkeypatch.setattr(type(system.storage.mounts[-1][1]), "upload_file", slow)
    answer = upload(client, admin.headers, photo())
    assert answer.status_code == 503


def test_a_quota_that_is_used_up_refuses_more(client: FlaskClient, admin: Person, system: System) -> None:
    with system.database.write() as session:
        session.scalars(select(User)).one().quota_size_in_bytes = 8000
    kept(client, admin.headers, photo(5000))
    refused = upload(client, admin.headers, photo(5000))
    assert (refused.status_code, refused.get_json()) == (400, {"message": "Quota has been exceeded!"})
    kept(client, admin.headers, photo(3000))
    assert rows(system)["asset"] == 2
    assert len(stored_keys(system)) == 2


def test_a_quota_holds_against_uploads_at_the_same_time(
    client: FlaskClient, admin: Person, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The room is looked at first and charged last; in between, somebody else takes it."""
    with system.database.write() as session:
        session.scalars(select(User)).one().quota_size_in_bytes = 8000
    real = objects.announce

    def meanwhile(*args: object) -> None:
        real(*args)  # type: ignore[arg-type]
        with system.database.write() as session:
            session.scalars(select(User)).one().quota_usage_in_bytes = 7000

    monkeypatch.setattr(objects, "announce", meanwhile)
    refused = upload(client, admin.headers, photo(5000))
    assert (refused.status_code, refused.get_json()) == (400, {"message": "Quota has been exceeded!"})
    assert stored_keys(system) == []
    assert rows(system)["pending_object"] == 0


def test_two_uploads_of_the_same_bytes_at_once_make_one_asset(
    client: FlaskClient, admin: Person, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = photo()
    real = objects.announce
    rivals: list[str] = []

    def meanwhile(*args: object) -> None:
        monkeypatch.setattr(objects, "announce", real)
        rivals.append(kept(client, admin.headers, data))
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(objects, "announce", meanwhile)
    answer = upload(client, admin.headers, data)
    assert (answer.status_code, answer.get_json()) == (200, {"id": rivals[0], "status": "duplicate"})
    assert len(stored_keys(system)) == 1
    assert rows(system)["pending_object"] == 0


def test_the_check_tells_known_from_new(client: FlaskClient, admin: Person) -> None:
    data = photo()
    asset_id = kept(client, admin.headers, data)
    digest = sha1(data, usedforsecurity=False)
    asked = [
        {"id": "hex", "checksum": digest.hexdigest()},
        {"id": "base64", "checksum": b64encode(digest.digest()).decode()},
        {"id": "new", "checksum": "0" * 40},
        {"id": "odd", "checksum": "what?"},
    ]
    answer = client.post("/api/assets/bulk-upload-check", headers=admin.headers, json={"assets": asked})
    known = {"action": "reject", "reason": "duplicate", "assetId": asset_id, "isTrashed": False}
    assert answer.get_json()["results"] == [
        {"id": "hex", **known},
        {"id": "base64", **known},
        {"id": "new", "action": "accept"},
        {"id": "odd", "action": "accept"},
    ]


def test_the_check_takes_thousands_at_once_and_none_at_all(client: FlaskClient, admin: Person) -> None:
    many = [{"id": str(number), "checksum": f"{number:040x}"} for number in range(12_000)]
    answer = client.post(
        "/api/assets/bulk-upload-check",
        headers=admin.headers,
        data=json.dumps({"assets": many}),
        content_type="application/json",
    )
    assert len(answer.get_json()["results"]) == 12_000
    nothing = client.post("/api/assets/bulk-upload-check", headers=admin.headers, json={"assets": []})
    assert nothing.get_json() == {"results": []}
