"""The trash: assets go in, come back, or are removed for good with their objects and their quota."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from jobs import ledger
from jobs.names import JobName
from jobs.registry import job
from models.assets import Asset, AssetFile, AssetStatus
from models.base import rows_changed, utc_now
from models.objects import StoredObject
from models.users import User
from services import features, objects
from services.access import no_access
from services.auth import Auth
from services.permissions import Permission
from services.system import System

TRASH_DAYS = 30
# SQLite takes some tens of thousands of bound values at most; a batch stays far below.
BATCH = 5000


def delete_assets(system: System, auth: Auth, asset_ids: Sequence[UUID], *, force: bool = False) -> None:
    """Puts assets into the trash, or removes them at once with `force`.

    All or none: raises BadRequest, in Immich's words, where one of them is not the user's.
    """
    wanted = set(asset_ids)
    with system.transaction() as session:
        if _count_owned(session, auth, wanted) != len(wanted):
            raise no_access(Permission.ASSET_DELETE)
        for batch in _batches(wanted):
            if force:
                _remove_where(session, Asset.id.in_(batch))
            else:
                _mark(session, Asset.id.in_(batch), AssetStatus.TRASHED)


def restore_assets(system: System, auth: Auth, asset_ids: Sequence[UUID]) -> int:
    """Takes assets out of the trash; returns how many came back.

    All or none: raises BadRequest where one of them is not the user's.
    """
    wanted = set(asset_ids)
    with system.transaction() as session:
        if _count_owned(session, auth, wanted) != len(wanted):
            raise no_access(Permission.ASSET_DELETE)
        return sum(_restore(session, Asset.id.in_(batch)) for batch in _batches(wanted))


def restore_all(system: System, auth: Auth) -> int:
    """Takes all of the user's assets out of the trash; returns how many."""
    with system.transaction() as session:
        return _restore(session, Asset.owner_id == auth.user_id)


def empty(system: System, auth: Auth) -> int:
    """Removes everything in the user's trash for good; returns how many assets."""
    with system.transaction() as session:
        return _remove_where(session, Asset.owner_id == auth.user_id, Asset.status == AssetStatus.TRASHED)


@job(JobName.ASSET_DELETE_CHECK, every=timedelta(hours=1))
def remove_expired(system: System) -> None:
    """Removes for good what has been in the trash for 30 days."""
    limit = utc_now() - timedelta(days=TRASH_DAYS)
    with system.transaction() as session:
        _remove_where(session, Asset.status == AssetStatus.TRASHED, Asset.deleted_at <= limit)


@job(JobName.ASSET_DELETE)
def remove_asset(system: System, id: UUID) -> None:
    """Removes one asset that was marked as deleted: rows first, in one commit, then its objects.

    The commit also says which objects are nobody's now, so that a crash leaves none behind.
    """
    with system.transaction() as session:
        # The lock keeps a thumbnail job from adding files to an asset that is on its way out.
        asset = session.execute(
            select(Asset).where(Asset.id == id, Asset.status == AssetStatus.DELETED).with_for_update()
        ).scalar_one_or_none()
        if asset is None:
            return
        paths = [asset.original_path, *session.scalars(select(AssetFile.path).where(AssetFile.asset_id == id))]
        _give_back_quota(session, asset)
        objects.disown(session, paths)
        paths += features.remove_faces_in(session, id)
        session.execute(delete(Asset).where(Asset.id == id))
        if asset.live_photo_video_id is not None:
            _remove_unused_video(session, asset.live_photo_video_id)
    objects.remove_disowned(system, paths)


def _count_owned(session: Session, auth: Auth, asset_ids: set[UUID]) -> int:
    return sum(
        session.scalar(select(func.count()).where(Asset.id.in_(batch), Asset.owner_id == auth.user_id)) or 0
        for batch in _batches(asset_ids)
    )


def _batches(asset_ids: set[UUID]) -> list[list[UUID]]:
    ordered = sorted(asset_ids)
    return [ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH)]


def _mark(session: Session, which: ColumnElement[bool], status: AssetStatus) -> None:
    session.execute(update(Asset).where(which).values(status=status, deleted_at=utc_now()))


def _restore(session: Session, which: ColumnElement[bool]) -> int:
    trashed = update(Asset).where(which, Asset.status == AssetStatus.TRASHED)
    return rows_changed(session, trashed.values(status=AssetStatus.ACTIVE, deleted_at=None))


def _remove_where(session: Session, *which: ColumnElement[bool]) -> int:
    asset_ids = session.scalars(select(Asset.id).where(*which)).all()
    for batch in _batches(set(asset_ids)):
        _mark(session, Asset.id.in_(batch), AssetStatus.DELETED)
    ledger.enqueue_all(session, JobName.ASSET_DELETE, ({"id": str(asset_id)} for asset_id in asset_ids))
    return len(asset_ids)


def _give_back_quota(session: Session, asset: Asset) -> None:
    if asset.library_id is not None:
        return
    size = session.scalar(select(StoredObject.size).where(StoredObject.path == asset.original_path)) or 0
    session.execute(
        update(User)
        .where(User.id == asset.owner_id)
        .values(quota_usage_in_bytes=User.quota_usage_in_bytes - size, updated_at=User.updated_at)
    )


def _remove_unused_video(session: Session, video_id: UUID) -> None:
    if not session.scalar(select(func.count()).where(Asset.live_photo_video_id == video_id)):
        _remove_where(session, Asset.id == video_id)
