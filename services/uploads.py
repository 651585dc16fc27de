"""Uploads: received bytes become an asset, or nothing at all."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path, PurePosixPath
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, bindparam, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from config import MediaKind
from errors import BadRequest, QuotaExceeded, StorageError
from jobs import ledger
from jobs.names import JobName
from media import mime
from media.mime import MediaType
from media.staging import Digest
from models.assets import Asset, AssetFile, AssetFileType, AssetType, AssetVisibility
from models.base import rows_changed, table_of
from models.users import User
from services import objects
from services.assets import has_thumbnails
from services.auth import Auth
from services.system import System
from storage import core
from storage.types import StorageKey

# SQLite takes some tens of thousands of bound values at most; a batch stays far below.
CHECKSUM_BATCH = 5000


class UploadStatus(StrEnum):
    CREATED = "created"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A whole file in staging, under the name that the client gave it."""

    path: Path
    name: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class NewAsset:
    """What a client says about the file it uploads."""

    file_name: str
    file_created_at: datetime
    file_modified_at: datetime
    is_favorite: bool = False
    visibility: AssetVisibility = AssetVisibility.TIMELINE
    # Milliseconds.
    duration: int | None = None
    live_photo_video_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class UploadResult:
    asset_id: UUID
    status: UploadStatus


@dataclass(frozen=True, slots=True)
class KnownAsset:
    asset_id: UUID
    is_trashed: bool


# Built once, as every upload executes them.
_KNOWN = select(Asset.id, Asset.deleted_at).where(
    Asset.owner_id == bindparam("owner_id"), Asset.library_id.is_(None), Asset.checksum == bindparam("checksum")
)
_QUOTA = select(User.quota_size_in_bytes, User.quota_usage_in_bytes).where(User.id == bindparam("user_id"))
_USERS = table_of(User)
_USAGE = _USERS.c.quotaUsageInBytes + bindparam("charged_size", type_=BigInteger)
_CHARGE = (
    update(_USERS)
    .where(
        _USERS.c.id == bindparam("charged_user"),
        or_(_USERS.c.quotaSizeInBytes.is_(None), _USERS.c.quotaSizeInBytes >= _USAGE),
    )
    .values(quotaUsageInBytes=_USAGE, updatedAt=_USERS.c.updatedAt)
)


def check_file_name(name: str) -> None:
    """Raises BadRequest, in Immich's words, where the extension is none that is kept."""
    if not mime.is_supported(name):
        raise BadRequest(f"Unsupported file type {name}")


def known_checksums(system: System, auth: Auth, checksums: list[bytes]) -> dict[bytes, KnownAsset]:
    """Which SHA-1s the user has uploaded already, trashed ones too."""
    known: dict[bytes, KnownAsset] = {}
    with system.database.read() as session:
        for start in range(0, len(checksums), CHECKSUM_BATCH):
            rows = session.execute(
                select(Asset.checksum, Asset.id, Asset.deleted_at).where(
                    Asset.owner_id == auth.user_id,
                    Asset.library_id.is_(None),
                    Asset.checksum.in_(checksums[start : start + CHECKSUM_BATCH]),
                )
            )
            known.update({row[0]: KnownAsset(row[1], row[2] is not None) for row in rows})
    return known


def known_asset(system: System, auth: Auth, checksum: bytes) -> KnownAsset | None:
    """The user's upload with this SHA-1, if there is one."""
    row = system.database.one(_KNOWN, {"owner_id": auth.user_id, "checksum": checksum})
    return None if row is None else KnownAsset(row[0], row[1] is not None)


def room_left(system: System, auth: Auth) -> int | None:
    """Bytes that the user's quota has room for; None without a quota."""
    row = system.database.one(_QUOTA, {"user_id": auth.user_id})
    if row is None or row[0] is None:
        return None
    return max(0, int(row[0]) - int(row[1]))


def store(
    system: System, auth: Auth, new: NewAsset, file: ReceivedFile, sidecar: ReceivedFile | None = None
) -> UploadResult:
    """Keeps a received file: object first, then all rows in one commit, then the workers are rung.

    Raises BadRequest (empty file, wrong live photo video), QuotaExceeded, and StorageError where
    the store fails; then nothing is kept.
    """
    check_file_name(new.file_name)
    if not file.digest.size:
        raise BadRequest("File is empty")
    if known := known_asset(system, auth, file.digest.sha1):
        return UploadResult(known.asset_id, UploadStatus.DUPLICATE)
    parts = [_place(system, file, core.original_key(auth.user_id, PurePosixPath(new.file_name).suffix))]
    if sidecar is not None and sidecar.digest.size:
        parts.append(_place(system, sidecar, core.sidecar_key(auth.user_id)))
    try:
        for part in parts:
            objects.announce(system, part.path, part.file.digest.size)
            _put(system, part)
        return UploadResult(_keep(system, auth, new, parts), UploadStatus.CREATED)
    except IntegrityError:
        # Someone else brought the same bytes in the meantime, or the user is gone.
        objects.abandon(system, [part.path for part in parts])
        if known := known_asset(system, auth, file.digest.sha1):
            return UploadResult(known.asset_id, UploadStatus.DUPLICATE)
        raise
    except (StorageError, BadRequest, QuotaExceeded):
        objects.abandon(system, [part.path for part in parts])
        raise


@dataclass(frozen=True, slots=True)
class _Part:
    file: ReceivedFile
    path: str


def _place(system: System, file: ReceivedFile, key: StorageKey) -> _Part:
    return _Part(file, system.storage.new_path(key, MediaKind.ORIGINALS))


def _put(system: System, part: _Part) -> None:
    """Puts the object; the received file stays as its local copy, so that its jobs need not fetch it."""
    system.storage.upload_file(
        part.file.path,
        part.path,
        content_type=mime.content_type_of(part.path),
        metadata={"sha1": part.file.digest.sha1.hex()},
    )
    # Before the rows, since workers are rung with them; where these fail, the copy goes with the object.
    system.staging.seed(system.storage, part.path, part.file.path, part.file.digest.size)


def _keep(system: System, auth: Auth, new: NewAsset, parts: list[_Part]) -> UUID:
    original = parts[0]
    with system.transaction() as session:
        _charge(session, auth.user_id, original.file.digest.size)
        asset = Asset(
            id=uuid4(),
            owner_id=auth.user_id,
            type=_type_of(new.file_name),
            visibility=new.visibility,
            original_path=original.path,
            original_file_name=new.file_name,
            checksum=original.file.digest.sha1,
            file_created_at=new.file_created_at,
            file_modified_at=new.file_modified_at,
            local_date_time=new.file_created_at,
            is_favorite=new.is_favorite,
            duration=new.duration,
            live_photo_video_id=_link_video(session, auth, new.live_photo_video_id),
        )
        session.add(asset)
        session.flush()
        for part in parts:
            objects.adopt(session, part.path, MediaKind.ORIGINALS, auth.user_id, part.file.digest)
        for part in parts[1:]:
            session.add(AssetFile(asset_id=asset.id, type=AssetFileType.SIDECAR, path=part.path))
        _enqueue(session, asset)
    return asset.id


def _type_of(file_name: str) -> AssetType:
    return AssetType.VIDEO if mime.asset_type_of(file_name) is MediaType.VIDEO else AssetType.IMAGE


def _charge(session: Session, user_id: UUID, size: int) -> None:
    if not rows_changed(session, _CHARGE, {"charged_user": user_id, "charged_size": size}):
        raise QuotaExceeded


def _link_video(session: Session, auth: Auth, video_id: UUID | None) -> UUID | None:
    """The moving half of a live photo: an own video, hidden from the timeline from now on."""
    if video_id is None:
        return None
    own_video = (Asset.id == video_id, Asset.owner_id == auth.user_id, Asset.type == AssetType.VIDEO)
    if not rows_changed(session, update(Asset).where(*own_video).values(visibility=AssetVisibility.HIDDEN)):
        raise BadRequest("Live photo video not found")
    return video_id


def _enqueue(session: Session, asset: Asset) -> None:
    ledger.enqueue(session, JobName.ASSET_EXTRACT_METADATA, id=str(asset.id))
    if has_thumbnails(asset):
        ledger.enqueue(session, JobName.ASSET_GENERATE_THUMBNAILS, id=str(asset.id))
    if asset.type is AssetType.VIDEO:
        ledger.enqueue(session, JobName.ASSET_ENCODE_VIDEO, id=str(asset.id))
