"""Motion photos: the video inside one becomes a hidden asset of its own, linked as a live photo's is."""

import logging
from pathlib import Path, PurePosixPath
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from config import MediaKind
from errors import MediaError, StorageError
from jobs import ledger
from jobs.names import JobName
from media.motion import MotionClue, copy_video, find_video
from media.probe import probe
from media.staging import StagedFile
from models.assets import Asset, AssetType, AssetVisibility
from models.users import User
from services import objects
from services.system import System
from storage import core

logger = logging.getLogger(__name__)


def extract_video(system: System, photo: Asset, file: Path, clue: MotionClue) -> None:
    """Keeps the video inside a photo and links it, unless the photo has one already; `file` holds its bytes.

    A photo whose video is gone or broken stays a photo. Raises StorageError where the store fails.
    """
    if photo.live_photo_video_id is not None:
        return
    span = find_video(file, clue)
    if span is None:
        logger.info("%s says that it is a motion photo, but there is no video in it", photo.id)
        return
    with system.staging.new_file(".mp4") as staged:
        copy_video(file, span, staged.write)
        try:
            probe(staged.path)
        except MediaError as error:
            logger.warning("the video in %s is left where it is: %s", photo.id, error)
            return
        if not _link_known(system, photo, staged.digest.sha1):
            _keep(system, photo, staged)


def _link_known(system: System, photo: Asset, checksum: bytes) -> bool:
    """Links the owner's video with this SHA-1: from an earlier attempt, or one that was uploaded by itself."""
    with system.database.write() as session:
        video = session.scalar(
            select(Asset).where(
                Asset.owner_id == photo.owner_id,
                Asset.library_id.is_(None),
                Asset.checksum == checksum,
                Asset.type == AssetType.VIDEO,
            )
        )
        if video is None:
            return False
        video.visibility = AssetVisibility.HIDDEN
        _link(session, photo.id, video.id)
        return True


def _keep(system: System, photo: Asset, staged: StagedFile) -> None:
    """Object first, then all rows in one commit, as of an upload."""
    digest, video_id = staged.digest, uuid4()
    path = system.storage.new_path(core.motion_video_key(photo.owner_id, video_id), MediaKind.ENCODED_VIDEO)
    objects.announce(system, path, digest.size)
    try:
        system.storage.upload_file(
            staged.path, path, content_type="video/mp4", metadata={"sha1": digest.sha1.hex()}
        )
        with system.transaction() as session:
            session.add(_video_of(photo, video_id, path, digest.sha1))
            session.flush()
            objects.adopt(session, path, MediaKind.ENCODED_VIDEO, photo.owner_id, digest)
            _charge(session, photo.owner_id, digest.size)
            _link(session, photo.id, video_id)
            ledger.enqueue(session, JobName.ASSET_EXTRACT_METADATA, id=video_id)
            ledger.enqueue(session, JobName.ASSET_ENCODE_VIDEO, id=video_id)
    except IntegrityError:
        # The same bytes came in by another way in the meantime, or the owner is gone.
        objects.abandon(system, [path])
        if not _link_known(system, photo, digest.sha1):
            raise
    except StorageError:
        objects.abandon(system, [path])
        raise


def _video_of(photo: Asset, video_id: UUID, path: str, checksum: bytes) -> Asset:
    return Asset(
        id=video_id,
        owner_id=photo.owner_id,
        type=AssetType.VIDEO,
        visibility=AssetVisibility.HIDDEN,
        original_path=path,
        original_file_name=f"{PurePosixPath(photo.original_file_name).stem}.mp4",
        checksum=checksum,
        file_created_at=photo.file_created_at,
        file_modified_at=photo.file_modified_at,
        local_date_time=photo.local_date_time,
    )


def _charge(session: Session, owner_id: UUID, size: int) -> None:
    """The video takes room of its own until its asset is removed; as in Immich, no quota refuses it.

    The photo was let in, and must not fail for want of room later.
    """
    session.execute(
        update(User)
        .where(User.id == owner_id)
        .values(quota_usage_in_bytes=User.quota_usage_in_bytes + size, updated_at=User.updated_at)
    )


def _link(session: Session, photo_id: UUID, video_id: UUID) -> None:
    session.execute(update(Asset).where(Asset.id == photo_id).values(live_photo_video_id=video_id))
