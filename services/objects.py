"""Giving objects an owner and taking it away, so that no crash leaves bytes that nobody knows of.

Bytes come first, rows second: a path is announced (PendingObject), its object is put, and the
commit that makes the rows also removes the announcement. Whatever breaks in between leaves an
announcement behind, and the sweep removes the object that it names.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.orm import Session

from config import MediaKind
from errors import StorageError, StorageUnavailable
from media.staging import Digest
from models.base import rows_changed, utc_now
from models.objects import PendingObject, StoredObject
from services.system import System

logger = logging.getLogger(__name__)

# An upload to the store has this long, and a second more for each 256 KiB, before it counts as dead.
LEASE = timedelta(minutes=15)
SLOWEST_BYTES_PER_SECOND = 256 * 1024
SWEEP_BATCH = 200


def announce(system: System, path: str, size: int) -> None:
    """Commits that an object of `size` bytes may soon lie at the path, without an owner."""
    expires_at = utc_now() + LEASE + timedelta(seconds=size / SLOWEST_BYTES_PER_SECOND)
    with system.database.write() as session:
        session.add(PendingObject(path=path, expires_at=expires_at))


def adopt(session: Session, path: str, kind: MediaKind, owner_id: UUID, digest: Digest) -> None:
    """Gives an announced object its row, in the caller's transaction.

    Raises StorageUnavailable where the sweep was faster: then the bytes may be gone already.
    """
    announced = delete(PendingObject).where(PendingObject.path == path, PendingObject.swept_at.is_(None))
    if not rows_changed(session, announced):
        raise StorageUnavailable("The upload took too long and was given up; please try again")
    session.add(
        StoredObject(
            path=path, kind=kind, owner_id=owner_id, size=digest.size, sha1=digest.sha1, crc32=digest.crc32
        )
    )


def disown(session: Session, paths: Sequence[str]) -> None:
    """Takes the rows of objects away in the caller's transaction; `remove_disowned` then deletes them."""
    session.execute(delete(StoredObject).where(StoredObject.path.in_(paths)))
    now = utc_now()
    session.add_all(PendingObject(path=path, expires_at=now, swept_at=now) for path in paths)


def abandon(system: System, paths: Iterable[str]) -> None:
    """Gives up announced objects at once. What cannot be deleted now is left to the sweep."""
    for path in paths:
        with system.database.write() as session:
            taken = _take_over(session, path, utc_now())
        if taken:
            remove_disowned(system, [path])


def remove_disowned(system: System, paths: Iterable[str]) -> int:
    """Deletes objects that were taken over, then their announcements; returns how many went."""
    removed = 0
    for path in paths:
        try:
            system.storage.delete(path)
        except StorageError as error:
            logger.warning("could not delete %s now, the sweep will: %s", path, error)
            continue
        with system.database.write() as session:
            session.execute(delete(PendingObject).where(PendingObject.path == path))
        removed += 1
    return removed


def sweep_pending(system: System, now: datetime | None = None) -> int:
    """Removes every object whose announcement has expired without an owner; returns how many.

    Safe beside running uploads: taking over and adopting exclude each other in the database.
    """
    now = now or utc_now()
    removed = 0
    while paths := _expired(system, now):
        done = remove_disowned(system, [path for path in paths if _claimed(system, path, now)])
        removed += done
        if not done:
            break
    return removed


def _expired(system: System, now: datetime) -> Sequence[str]:
    with system.database.read() as session:
        return session.scalars(
            select(PendingObject.path).where(PendingObject.expires_at <= now).limit(SWEEP_BATCH)
        ).all()


def _claimed(system: System, path: str, now: datetime) -> bool:
    with system.database.write() as session:
        return _take_over(session, path, now)


def _take_over(session: Session, path: str, now: datetime) -> bool:
    """Marks an announcement as taken; one whose object has an owner after all is dropped instead."""
    owned = exists().where(StoredObject.path == path)
    session.execute(delete(PendingObject).where(PendingObject.path == path, owned))
    free = or_(PendingObject.swept_at.is_(None), PendingObject.swept_at <= now)
    taken = update(PendingObject).where(PendingObject.path == path, free).values(swept_at=now, expires_at=now)
    return bool(rows_changed(session, taken))
