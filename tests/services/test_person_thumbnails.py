"""Thumbnails of people: made, made anew, and gone with the last face, without an orphan in any case."""

import io
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import delete, select, update

from errors import StorageUnavailable, UnsupportedMedia
from models.assets import Asset, AssetStatus, AssetType
from models.jobs import Job
from models.objects import PendingObject, StoredObject
from models.people import Person as PersonRow
from services import faces, people, person_thumbnails, queues, thumbnails, trash
from services.people import PersonChanges, PersonUpdate
from services.system import System
from storage.service import AppStorageService
from tests.people import faces_of, mark, new_person
from tests.services.pictures import upload
from tests.systems import Person, on_every_database
from tests.systems import add_asset as add_rows_of_asset

RED, BLUE = (230, 20, 20), (20, 20, 230)
WAITING = select(Job).where(Job.name == "PersonGenerateThumbnail")
FACE = {"imageWidth": 600, "imageHeight": 400, "x": 100, "y": 100, "width": 200, "height": 200}


def portrait(folder: Path, colour: tuple[int, int, int] = RED, size: tuple[int, int] = (1800, 1200)) -> Path:
    """A picture whose face, a square, has the colour."""
    image = Image.new("RGB", size, "white")
    image.paste(colour, (size[0] // 6, size[1] // 4, size[0] // 2, 3 * size[1] // 4))
    path = folder / f"{uuid4()}.jpg"
    image.save(path)
    return path


def thumbnail(client: FlaskClient, user: Person, person_id: str) -> Image.Image:
    answer = client.get(f"/api/people/{person_id}/thumbnail", headers=user.headers)
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.data))


def middle(image: Image.Image) -> tuple[int, ...]:
    pixel = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
    assert isinstance(pixel, tuple)
    return tuple(round(int(part) / 25) for part in pixel)


def shade(colour: tuple[int, int, int]) -> tuple[int, ...]:
    return tuple(round(part / 25) for part in colour)


def wanted(system: System) -> list[UUID]:
    """The people whose thumbnails wait to be made."""
    with system.database.read() as session:
        return [UUID(job.data["id"]) for job in session.scalars(WAITING)]


def make_wanted(system: System) -> None:
    """What the worker does with the jobs that make thumbnails of people."""
    ids = wanted(system)
    with system.database.write() as session:
        session.execute(delete(Job).where(Job.name == "PersonGenerateThumbnail"))
    for person_id in ids:
        person_thumbnails.generate_person_thumbnail(system, person_id)


def stored_portraits(system: System) -> list[str]:
    """Every thumbnail of a person in every mount, by stored path."""
    paths = [location.path_of(key) for location, backend in system.storage.mounts for key, _ in backend.list_keys()]
    return [path for path in paths if path.endswith(".jpeg") and "_" not in path.rpartition("/")[2]]


def is_in_order(system: System) -> bool:
    """Whether every thumbnail of a person is somebody's, as the rows say, and nothing is pending."""
    with system.database.read() as session:
        rows = session.execute(
            select(StoredObject.path, PersonRow.id).join(PersonRow, PersonRow.thumbnail_path == StoredObject.path)
        ).all()
        pending = session.scalars(select(PendingObject)).all()
        named = session.scalars(select(PersonRow).where(PersonRow.thumbnail_path != "")).all()
    are_there = sorted(row[0] for row in rows) == sorted(stored_portraits(system))
    return are_there and len(named) == len(rows) and not pending


def remove(system: System, asset_id: UUID) -> None:
    with system.database.write() as session:
        session.execute(update(Asset).where(Asset.id == asset_id).values(status=AssetStatus.DELETED))
    trash.remove_asset(system, asset_id)


def test_who_gets_a_face_gets_a_thumbnail(
    client: FlaskClient, system: System, admin: Person, tmp_path: Path
) -> None:
    asset_id, person_id = upload(system, admin, portrait(tmp_path)), new_person(client, admin)
    assert client.get(f"/api/people/{person_id}/thumbnail", headers=admin.headers).status_code == 404
    mark(client, admin, person_id, asset_id, **FACE)
    make_wanted(system)
    shown = client.get(f"/api/people/{person_id}", headers=admin.headers).get_json()
    assert shown["thumbnailPath"].endswith(f"thumbs/{admin.id}/{person_id[:2]}/{person_id[2:4]}/{person_id}.jpeg")
    face = thumbnail(client, admin, person_id)
    assert (face.format, face.size, middle(face)) == ("JPEG", (250, 250), shade(RED))
    assert is_in_order(system)


def test_a_thumbnail_is_asked_for_again_and_has_no_name(
    client: FlaskClient, system: System, admin: Person, tmp_path: Path
) -> None:
    asset_id, person_id = upload(system, admin, portrait(tmp_path)), new_person(client, admin)
    mark(client, admin, person_id, asset_id, **FACE)
    make_wanted(system)
    path = f"/api/people/{person_id}/thumbnail"
    answer = client.get(path, headers=admin.headers)
    assert answer.headers["Cache-Control"] == "private, no-cache, no-transform"
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert "Content-Disposition" not in answer.headers
    again = client.get(path, headers={**admin.headers, "If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_only_who_has_no_face_yet_is_given_one_by_a_second_picture(
    client: FlaskClient, system: System, admin: Person, tmp_path: Path
) -> None:
    person_id = new_person(client, admin)
    mark(client, admin, person_id, upload(system, admin, portrait(tmp_path)), **FACE)
    make_wanted(system)
    mark(client, admin, person_id, upload(system, admin, portrait(tmp_path, BLUE)), **FACE)
    assert wanted(system) == []


def test_a_person_is_shown_by_the_picture_that_was_chosen(
    client: FlaskClient, system: System, admin: Person, tmp_path: Path
) -> None:
    person_id, chosen = new_person(client, admin), upload(system, admin, portrait(tmp_path, BLUE))
    mark(client, admin, person_id, upload(system, admin, portrait(tmp_path)), **FACE)
    mark(client, admin, person_id, chosen, **FACE)
    make_wanted(system)
    path = f"/api/people/{person_id}"
    before = client.get(path, headers=admin.headers).get_json()["updatedAt"]
    client.put(path, headers=admin.headers, json={"featureFaceAssetId": str(chosen)})
    make_wanted(system)
    assert middle(thumbnail(client, admin, person_id)) == shade(BLUE)
    # Clients put it into the address, so that they see the new face.
    assert client.get(path, headers=admin.headers).get_json()["updatedAt"] > before
    assert is_in_order(system)


@pytest.mark.parametrize(("size", "reads_original"), [((3000, 2000), False), ((6000, 4000), True)])
def test_the_original_is_read_only_where_the_preview_has_too_few_pixels(
    client: FlaskClient,
    system: System,
    admin: Person,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
    reads_original: bool,
) -> None:
    asset_id, person_id = upload(system, admin, portrait(tmp_path, size=size)), new_person(client, admin)
    thumbnails.generate_thumbnails(system, asset_id)
    # In the preview 263 pixels, or 53.
    width = 100 if not reads_original else 20
    mark(client, admin, person_id, asset_id, **FACE | {"width": width, "height": width})
    with system.database.read() as session:
        original = session.get_one(Asset, asset_id).original_path
    staged: list[str] = []
    real = system.staging.stage_to_temp

    def noted(storage: AppStorageService, path: str) -> object:
        staged.append(path)
        return real(storage, path)

    monkeypatch.setattr(system.staging, "stage_to_temp", noted)
    make_wanted(system)
    assert (original in staged) == reads_original
    assert len(staged) == 1 + reads_original
    assert thumbnail(client, admin, person_id).width == (220 if reads_original else 250)


def test_a_thumbnail_that_is_made_twice_is_one_object(
    client: FlaskClient, system: System, admin: Person, tmp_path: Path
) -> None:
    person_id = new_person(client, admin)
    mark(client, admin, person_id, upload(system, admin, portrait(tmp_path)), **FACE)
    for _ in range(2):
        person_thumbnails.generate_person_thumbnail(system, UUID(person_id))
    assert len(stored_portraits(system)) == 1
    assert is_in_order(system)


@pytest.mark.parametrize("broken_at", ["upload", "commit"])
def test_after_a_failure_another_attempt_finishes(
    client: FlaskClient,
    system: System,
    admin: Person,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    broken_at: str,
) -> None:
    person_id = new_person(client, admin)
    mark(client, admin, person_id, upload(system, admin, portrait(tmp_path)), **FACE)

    def fail(*args: object, **kwargs: object) -> None:
        raise StorageUnavailable("gone")

    with monkeypatch.context() as patch:
        if broken_at == "upload":
            patch.setattr(AppStorageService, "upload_file", fail)
        else:
            patch.setattr(person_thumbnails, "_attach", fail)
        with pytest.raises(StorageUnavailable):
            person_thumbnails.generate_person_thumbnail(system, UUID(person_id))
    person_thumbnails.generate_person_thumbnail(system, UUID(person_id))
    assert len(stored_portraits(system)) == 1
    assert is_in_order(system)


@on_every_database
@pytest.mark.parametrize("already_made", [False, True])
def test_a_person_who_is_removed_meanwhile_leaves_no_orphan(
    client: FlaskClient,
    system: System,
    admin: Person,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    already_made: bool,
) -> None:
    person_id = new_person(client, admin)
    mark(client, admin, person_id, upload(system, admin, portrait(tmp_path)), **FACE)
    if already_made:
        make_wanted(system)
    real: Callable[..., None] = person_thumbnails._attach

    def remove_first(*args: object) -> None:
        people.delete_people(system, admin.auth, [UUID(person_id)])
        real(*args)

    monkeypatch.setattr(person_thumbnails, "_attach", remove_first)
    person_thumbnails.generate_person_thumbnail(system, UUID(person_id))
    assert stored_portraits(system) == []
    assert is_in_order(system)


@on_every_database
def test_a_face_that_is_chosen_meanwhile_is_shown_in_the_end(
    client: FlaskClient, system: System, admin: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person_id, chosen = new_person(client, admin), upload(system, admin, portrait(tmp_path, BLUE))
    mark(client, admin, person_id, upload(system, admin, portrait(tmp_path)), **FACE)
    mark(client, admin, person_id, chosen, **FACE)
    real: Callable[..., None] = person_thumbnails._attach

    def choose_first(*args: object) -> None:
        people.update_person(system, admin.auth, PersonUpdate(UUID(person_id), PersonChanges(), chosen))
        # The job of the new face comes to its end before the one of the old.
        monkeypatch.setattr(person_thumbnails, "_attach", real)
        make_wanted(system)
        with pytest.raises(StorageUnavailable):
            real(*args)

    monkeypatch.setattr(person_thumbnails, "_attach", choose_first)
    person_thumbnails.generate_person_thumbnail(system, UUID(person_id))
    # What the ledger does after such an error.
    person_thumbnails.generate_person_thumbnail(system, UUID(person_id))
    assert middle(thumbnail(client, admin, person_id)) == shade(BLUE)
    assert is_in_order(system)


@on_every_database
def test_a_face_that_is_chosen_while_another_is_cut_out_gets_its_turn(
    client: FlaskClient, system: System, admin: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person_id, chosen = new_person(client, admin), upload(system, admin, portrait(tmp_path, BLUE))
    mark(client, admin, person_id, upload(system, admin, portrait(tmp_path)), **FACE)
    mark(client, admin, person_id, chosen, **FACE)
    make_wanted(system)
    real: Callable[..., None] = person_thumbnails._attach

    def choose_first(*args: object) -> None:
        people.update_person(system, admin.auth, PersonUpdate(UUID(person_id), PersonChanges(), chosen))
        with system.database.write() as session:
            session.execute(delete(Job).where(Job.name == "PersonGenerateThumbnail"))
        real(*args)

    monkeypatch.setattr(person_thumbnails, "_attach", choose_first)
    person_thumbnails.generate_person_thumbnail(system, UUID(person_id))
    monkeypatch.setattr(person_thumbnails, "_attach", real)
    assert wanted(system) == [UUID(person_id)]
    make_wanted(system)
    assert middle(thumbnail(client, admin, person_id)) == shade(BLUE)


@on_every_database
def test_who_loses_a_picture_is_shown_by_another_and_by_none_after_the_last(
    client: FlaskClient, system: System, admin: Person, tmp_path: Path
) -> None:
    person_id = new_person(client, admin)
    first, second = upload(system, admin, portrait(tmp_path)), upload(system, admin, portrait(tmp_path, BLUE))
    mark(client, admin, person_id, first, **FACE)
    mark(client, admin, person_id, second, **FACE)
    make_wanted(system)
    remove(system, first)
    make_wanted(system)
    assert middle(thumbnail(client, admin, person_id)) == shade(BLUE)
    remove(system, second)
    assert wanted(system) == []
    assert client.get(f"/api/people/{person_id}/thumbnail", headers=admin.headers).status_code == 404
    assert client.get(f"/api/people/{person_id}", headers=admin.headers).get_json()["thumbnailPath"] == ""
    assert stored_portraits(system) == []
    assert is_in_order(system)


def test_who_loses_a_face_is_shown_by_another(
    client: FlaskClient, system: System, admin: Person, tmp_path: Path
) -> None:
    ada, bea = new_person(client, admin), new_person(client, admin)
    first, second = upload(system, admin, portrait(tmp_path)), upload(system, admin, portrait(tmp_path, BLUE))
    mark(client, admin, ada, first, **FACE)
    mark(client, admin, ada, second, **FACE)
    make_wanted(system)
    face_id = UUID(faces_of(client, admin, first)[0]["id"])
    faces.reassign_face(system, admin.auth, face_id, UUID(bea))
    make_wanted(system)
    assert middle(thumbnail(client, admin, ada)) == shade(BLUE)
    assert middle(thumbnail(client, admin, bea)) == shade(RED)
    faces.delete_face(system, admin.auth, face_id, force=False)
    assert client.get(f"/api/people/{bea}/thumbnail", headers=admin.headers).status_code == 404
    assert is_in_order(system)


@on_every_database
def test_merged_and_removed_people_take_their_thumbnails_along(
    client: FlaskClient, system: System, admin: Person, tmp_path: Path
) -> None:
    kept, *others = (new_person(client, admin) for _ in range(3))
    for person_id in others:
        mark(client, admin, person_id, upload(system, admin, portrait(tmp_path)), **FACE)
    make_wanted(system)
    assert len(stored_portraits(system)) == 2
    people.merge_people(system, admin.auth, UUID(kept), [UUID(one) for one in others])
    assert stored_portraits(system) == []
    make_wanted(system)
    assert middle(thumbnail(client, admin, kept)) == shade(RED)
    people.delete_people(system, admin.auth, [UUID(kept)])
    assert stored_portraits(system) == []
    assert is_in_order(system)


def test_a_person_without_a_face_needs_no_thumbnail(client: FlaskClient, system: System, admin: Person) -> None:
    person_thumbnails.generate_person_thumbnail(system, UUID(new_person(client, admin)))
    person_thumbnails.generate_person_thumbnail(system, uuid4())
    assert stored_portraits(system) == []


def test_a_face_in_a_video_without_a_preview_is_told_to_the_admin(
    client: FlaskClient, system: System, admin: Person
) -> None:
    person_id = new_person(client, admin)
    mark(client, admin, person_id, add_rows_of_asset(system, admin, type=AssetType.VIDEO))
    with pytest.raises(UnsupportedMedia):
        person_thumbnails.generate_person_thumbnail(system, UUID(person_id))


def test_the_admins_command_makes_what_is_missing_or_all(
    client: FlaskClient, system: System, admin: Person, tmp_path: Path
) -> None:
    made, missing, _ = (new_person(client, admin) for _ in range(3))
    for person_id in (made, missing):
        mark(client, admin, person_id, upload(system, admin, portrait(tmp_path)), **FACE)
    person_thumbnails.generate_person_thumbnail(system, UUID(made))
    with system.database.write() as session:
        session.execute(delete(Job))
    queues.fill_thumbnail_generation(system, force=False)
    assert wanted(system) == [UUID(missing)]
    queues.fill_thumbnail_generation(system, force=True)
    assert sorted(wanted(system)) == sorted([UUID(made), UUID(missing)])
