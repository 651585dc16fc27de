"""Giving objects an owner and taking it away, so that no crash leaves bytes that nobody knows of.

Bytes come first, rows second: a path is announced (PendingObject), its object is put, and the
commit that makes the rows also removes the announcement. Whatever breaks in between leaves an
announcement behind, and the sweep removes the object that it names.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from sqlalchemy import Executable, bindparam, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from config import MediaKind
from errors import StorageError, StorageUnavailable
from media.staging import Digest
from models.base import rows_changed, table_of, utc_now
from models.objects import PendingObject, StoredObject
from services.system import System

logger = logging.getLogger(__name__)

# An upload to the store has this long, and a second more for each 256 KiB, before it counts as dead.
LEASE = timedelta(minutes=15)
SLOWEST_BYTES_PER_SECOND = 256 * 1024
SWEEP_BATCH = 200

# Built once, as every upload executes them; on tables, as nothing has to be loaded afterwards.
_PENDING, _STORED = table_of(PendingObject), table_of(StoredObject)
_ANNOUNCE = insert(_PENDING)
_TAKE_ANNOUNCEMENT = delete(_PENDING).where(
    _PENDING.c.path == bindparam("announced"), _PENDING.c.swept_at.is_(None)
)
_STORE = insert(_STORED)


def announce(system: System, path: str, size: int) -> None:
    """Commits that an object of `size` bytes may soon lie at a path that was never used before."""
    with system.database.write() as session:
        session.execute(_ANNOUNCE, {"path": path, "expires_at": _lease_of(size)})


def announce_all(system: System, sizes: Mapping[str, int]) -> None:
    """Announces objects, by path and size in bytes, in one commit.

    A path may be announced again, and may have an owner already: derived files keep their names.
    Raises StorageUnavailable where the sweep is just removing what lay there.
    """
    with system.database.write() as session:
        again = _announce_again(session.get_bind().dialect.name == "sqlite")
        # In one order for all, so that two jobs with the same paths wait for each other one way only.
        for path in sorted(sizes):
            if not rows_changed(session, again, {"path": path, "expires_at": _lease_of(sizes[path])}):
                raise StorageUnavailable(f"{path} is just being removed")


@cache
def _announce_again(is_sqlite: bool) -> Executable:
    """An announcement, or a longer time for one that is there and that the sweep has not taken over."""
    insert_pending = sqlite.insert(_PENDING) if is_sqlite else postgresql.insert(_PENDING)
    return insert_pending.on_conflict_do_update(
        index_elements=[_PENDING.c.path],
        set_={"expires_at": insert_pending.excluded.expires_at},
        where=_PENDING.c.swept_at.is_(None),
    )


def adopt(session: Session, path: str, kind: MediaKind, owner_id: UUID, digest: Digest) -> None:
    """Gives an announced object its row, in the caller's transaction.

    Raises StorageUnavailable where the sweep was faster: then the bytes may be gone already.
    """
    if not rows_changed(session, _TAKE_ANNOUNCEMENT, {"announced": path}):
        raise StorageUnavailable("The upload took too long and was given up; please try again")
    session.execute(
        _STORE,
        {
            "path": path,
            "kind": kind,
            "owner_id": owner_id,
            "size": digest.size,
            "sha1": digest.sha1,
            "crc32": digest.crc32,
        },
    )


def disown(session: Session, paths: Sequence[str]) -> None:
    """Takes the rows of objects away in the caller's transaction; `remove_disowned` then deletes them."""
    session.execute(delete(StoredObject).where(StoredObject.path.in_(paths)))
    # A job may be announcing the same paths anew; it finds them taken over.
    session.execute(delete(PendingObject).where(PendingObject.path.in_(paths)))
    now = utc_now()
    session.add_all(PendingObject(path=path, expires_at=now, swept_at=now) for path in paths)


def abandon(system: System, paths: Iterable[str]) -> None:
    """Gives up announced objects at once, unless they have found an owner after all.

    What cannot be deleted now is left to the sweep.
    """
    remove_disowned(system, [path for path in paths if _claimed(system, path)])


def remove_disowned(system: System, paths: Iterable[str]) -> int:
    """Deletes objects that were taken over, then their announcements; returns how many went."""
    removed = 0
    for path in paths:
        system.staging.forget(path)
        try:
            system.storage.delete(path)
        except StorageError as error:
            logger.warning("could not delete %s now, the sweep will: %s", path, error)
            continue
        with system.database.write() as session:
            session.execute(delete(PendingObject).where(PendingObject.path == path))
        removed += 1
    return removed


def sweep_pending(system: System, as_of: datetime) -> int:
    """Removes every object whose announcement expires by then without an owner; returns how many.

    Safe beside running uploads: taking over and adopting exclude each other in the database.
    """
    removed = 0
    while paths := _expired(system, as_of):
        done = remove_disowned(system, [path for path in paths if _claimed(system, path)])
        removed += done
        if not done:
            break
    return removed


def _expired(system: System, as_of: datetime) -> Sequence[str]:
    with system.database.read() as session:
        return session.scalars(
            select(PendingObject.path).where(PendingObject.expires_at <= as_of).limit(SWEEP_BATCH)
        ).all()


def _lease_of(size: int) -> datetime:
    """When an upload of so many bytes that begins now counts as dead."""
    return utc_now() + LEASE + timedelta(seconds=size / SLOWEST_BYTES_PER_SECOND)


def _claimed(system: System, path: str) -> bool:
    """Takes an object over for deletion; an announcement whose object has an owner is dropped instead."""
    now = utc_now()
    with system.database.write() as session:
        if session.get(StoredObject, path) is None:
            session.merge(PendingObject(path=path, expires_at=now, swept_at=now))
            return True
        session.execute(delete(PendingObject).where(PendingObject.path == path))
        return False
