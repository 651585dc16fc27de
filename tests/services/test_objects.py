"""Objects and their owners: whatever breaks in between, no row without bytes and no bytes without a row for long."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from config import MediaKind
from errors import StorageUnavailable
from media.staging import Digest
from models.base import utc_now
from models.objects import PendingObject, StoredObject
from services import objects
from services.system import System
from storage.types import StorageKey
from tests.systems import Person, on_every_database

KEY = StorageKey("upload/someone/ab/cd/abcd.jpg")
DIGEST = Digest(5, b"\0" * 20, 0)


def begin(system: System) -> str:
    """An upload that has come as far as its bytes."""
    path = system.storage.new_path(KEY, MediaKind.ORIGINALS)
    objects.announce(system, path, 5)
    system.storage.put_object(path, b"bytes")
    return path


def adopt(system: System, path: str, owner: Person) -> None:
    with system.database.write() as session:
        objects.adopt(session, path, MediaKind.ORIGINALS, owner.id, DIGEST)


def later() -> timedelta:
    return timedelta(days=1)


def announced(system: System) -> list[str]:
    with system.database.read() as session:
        return list(session.scalars(select(PendingObject.path)))


def test_an_upload_that_died_is_swept_when_its_time_is_over(system: System) -> None:
    path = begin(system)
    assert objects.sweep_pending(system, utc_now()) == 0
    assert system.storage.exists(path)
    assert objects.sweep_pending(system, utc_now() + later()) == 1
    assert not system.storage.exists(path)
    assert announced(system) == []


@on_every_database
def test_an_owned_object_is_never_swept(system: System, admin: Person) -> None:
    path = begin(system)
    adopt(system, path, admin)
    assert objects.sweep_pending(system, utc_now() + later()) == 0
    assert system.storage.exists(path)


@on_every_database
def test_an_announcement_of_an_owned_object_is_dropped_not_obeyed(system: System, admin: Person) -> None:
    path = begin(system)
    adopt(system, path, admin)
    with system.database.write() as session:
        session.add(PendingObject(path=path, expires_at=utc_now(), swept_at=utc_now()))
    assert objects.sweep_pending(system, utc_now()) == 0
    assert system.storage.exists(path)
    assert announced(system) == []


@on_every_database
def test_what_was_swept_finds_no_owner(system: System, admin: Person) -> None:
    path = begin(system)
    objects.sweep_pending(system, utc_now() + later())
    with pytest.raises(StorageUnavailable):
        adopt(system, path, admin)
    with system.database.read() as session:
        assert session.scalars(select(StoredObject)).all() == []


def test_giving_up_after_the_sweep_still_removes_what_came_late(system: System) -> None:
    path = begin(system)
    objects.sweep_pending(system, utc_now() + later())
    system.storage.put_object(path, b"late")
    objects.abandon(system, [path])
    assert not system.storage.exists(path)
    assert announced(system) == []


def test_giving_up_spares_what_has_an_owner(system: System, admin: Person) -> None:
    path = begin(system)
    adopt(system, path, admin)
    objects.abandon(system, [path])
    assert system.storage.exists(path)


def test_what_cannot_be_deleted_now_is_tried_again(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    path = begin(system)

    def away(*_: object) -> None:
        raise StorageUnavailable("The store does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(type(system.storage), "delete", away)
        assert objects.sweep_pending(system, utc_now() + later()) == 0
        assert announced(system) == [path]
    assert objects.sweep_pending(system, utc_now()) == 1
    assert not system.storage.exists(path)


@on_every_database
def test_a_disowned_object_goes_even_after_a_crash(system: System, admin: Person) -> None:
    path = begin(system)
    adopt(system, path, admin)
    with system.database.write() as session:
        objects.disown(session, [path])
    assert system.storage.exists(path)
    assert objects.sweep_pending(system, utc_now()) == 1
    assert not system.storage.exists(path)


def test_larger_uploads_have_longer(system: System) -> None:
    objects.announce(system, "small", 1)
    objects.announce(system, "large", 4 * 1024**3)
    with system.database.read() as session:
        until = dict(session.execute(select(PendingObject.path, PendingObject.expires_at)).all())
    assert until["large"] - until["small"] > timedelta(hours=4)
