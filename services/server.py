"""What this server is, what it stores and for whom."""

import shutil
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import case, func, select

from config import MediaKind, StorageEngine
from models.assets import Asset, AssetExif, AssetType, AssetVisibility
from models.objects import StoredObject
from models.users import User
from services.system import System

# The version of Immich's API that is spoken here; clients choose their requests by it.
API_VERSION = (3, 2, 2)


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes of the disk under the media location."""

    size: int
    available: int


@dataclass(frozen=True, slots=True)
class StorageUse:
    """What is used, in bytes; `disk` is None where originals lie in a bucket, which has no end to measure."""

    used: int
    disk: Disk | None


@dataclass(frozen=True, slots=True)
class Usage:
    """Photos and videos, and the bytes of their originals."""

    photos: int
    videos: int
    photo_bytes: int
    video_bytes: int


@dataclass(frozen=True, slots=True)
class UserUsage:
    user_id: UUID
    name: str
    quota: int | None
    usage: Usage


def storage_use(system: System) -> StorageUse:
    """The media disk as the operating system counts it; in a bucket, what we stored by our own count."""
    if system.settings.engines[MediaKind.ORIGINALS] is StorageEngine.LOCAL:
        disk = shutil.disk_usage(system.settings.media_location)
        return StorageUse(disk.used, Disk(disk.total, disk.free))
    with system.database.read() as session:
        return StorageUse(session.scalar(select(func.coalesce(func.sum(StoredObject.size), 0))) or 0, None)


def usage_by_user(system: System) -> list[UserUsage]:
    """Every user with what is theirs, the oldest first.

    Nothing in the trash counts, and the videos of live photos count by their bytes only.
    """
    size = func.coalesce(StoredObject.size, AssetExif.file_size_in_byte, 0)
    is_photo, is_video = Asset.type == AssetType.IMAGE, Asset.type == AssetType.VIDEO
    is_shown = Asset.visibility != AssetVisibility.HIDDEN
    query = (
        select(
            User.id,
            User.name,
            User.quota_size_in_bytes,
            func.count(case((is_photo & is_shown, 1))),
            func.count(case((is_video & is_shown, 1))),
            func.coalesce(func.sum(case((is_photo, size), else_=0)), 0),
            func.coalesce(func.sum(case((is_video, size), else_=0)), 0),
        )
        .outerjoin(Asset, (Asset.owner_id == User.id) & Asset.deleted_at.is_(None))
        .outerjoin(StoredObject, StoredObject.path == Asset.original_path)
        .outerjoin(AssetExif, AssetExif.asset_id == Asset.id)
        .where(User.deleted_at.is_(None))
        .group_by(User.id, User.name, User.quota_size_in_bytes, User.created_at)
        .order_by(User.created_at, User.id)
    )
    with system.database.read() as session:
        # PostgreSQL sums whole numbers into decimals.
        return [
            UserUsage(row[0], row[1], row[2], Usage(row[3], row[4], int(row[5]), int(row[6])))
            for row in session.execute(query)
        ]
