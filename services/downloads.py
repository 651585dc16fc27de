"""Downloads of many assets: how they are split into archives, and addresses by which one is fetched."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import aliased

from errors import BadRequest, NotFound, Unauthorized
from jobs.names import JobName
from jobs.registry import job
from media.zip_names import archive_names
from models.albums import AlbumAsset
from models.assets import Asset, AssetVisibility
from models.base import utc_now
from models.downloads import ArchiveDownload
from models.objects import StoredObject
from models.users import User
from services import albums, signing
from services.access import no_access
from services.archives import Archive, archive_of, batches, may_download
from services.auth import Auth
from services.permissions import Permission
from services.preferences import preferences_of
from services.system import System

# Long enough to fetch a large archive over a slow line, with a night in between.
ADDRESS_LIFETIME = timedelta(days=2)
# Immich's name for the moving half of what a phone keeps in one file.
EMBEDDED_VIDEO = "-MP.mp4"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be downloaded: exactly one of these, the first that is given (Immich's order)."""

    asset_ids: Sequence[UUID] | None = None
    album_id: UUID | None = None
    user_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ArchivePart:
    """One archive of a download: `size` in bytes, without the headers of the zip."""

    size: int
    asset_ids: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class ArchiveAddress:
    """Where an archive may be fetched by whoever holds this."""

    id: UUID
    file_name: str
    expires_at: datetime
    signature: str


@dataclass(frozen=True, slots=True)
class AddressedArchive:
    """What stands behind an address."""

    id: UUID
    user_id: UUID
    file_name: str
    asset_ids: Sequence[UUID]
    etag: str | None


_Sized = tuple[UUID, int]
# Id and size of an asset; id, path and size of a live photo's video.
_SizeQuery = Select[UUID, int, UUID, str, int]

def parts_of(system: System, auth: Auth, wanted: Wanted, archive_size: int | None = None) -> list[ArchivePart]:
    """The download split into archives, live photos with their videos (IMMICH.md 5.5).

    An archive is closed as soon as it has more than `archive_size` bytes (default: the user's preference).
    Raises BadRequest (Immich's) where something of it is not the user's to download.
    """
    preferences = preferences_of(system, auth.user_id)["download"]
    limit = archive_size or preferences["archiveSize"]
    parts, ids, size = [], [], 0
    for asset_id, bytes_of_asset in _sized(system, auth, wanted, embedded=preferences["includeEmbeddedVideos"]):
        ids.append(asset_id)
        size += bytes_of_asset
        if size > limit:
            parts.append(ArchivePart(size, ids))
            ids, size = [], 0
    return [*parts, ArchivePart(size, ids)] if ids else parts


def _sized(system: System, auth: Auth, wanted: Wanted, *, embedded: bool) -> Iterator[_Sized]:
    video, video_object = aliased(Asset), aliased(StoredObject)
    query = (
        select(Asset.id, StoredObject.size, video.id, video.original_path, video_object.size)
        .outerjoin(StoredObject, StoredObject.path == Asset.original_path)
        .outerjoin(video, video.id == Asset.live_photo_video_id)
        .outerjoin(video_object, video_object.path == video.original_path)
    )
    place = {asset_id: number for number, asset_id in enumerate(wanted.asset_ids or ())}
    seen: set[UUID] = set()
    with system.database.read() as session:
        for batch in _queries(system, auth, wanted, query):
            rows = session.execute(batch).all()
            # As asked, where ids were named; else as the query sorts them.
            for asset_id, size, video_id, video_path, video_size in sorted(rows, key=lambda row: place.get(row[0], 0)):
                if asset_id not in seen:
                    seen.add(asset_id)
                    yield asset_id, size or 0
                if video_id and video_id not in seen and (embedded or not video_path.endswith(EMBEDDED_VIDEO)):
                    seen.add(video_id)
                    yield video_id, video_size or 0
    if wanted.asset_ids is not None and not seen.issuperset(wanted.asset_ids):
        raise no_access(Permission.ASSET_DOWNLOAD)


def _queries(
    system: System, auth: Auth, wanted: Wanted, query: _SizeQuery
) -> Iterator[_SizeQuery]:
    """The queries that together find what is wanted, in a fixed order. Raises BadRequest (Immich's)."""
    if wanted.asset_ids is not None:
        for batch in batches(wanted.asset_ids):
            yield query.where(Asset.id.in_(batch), may_download(auth.user_id))
        return
    query = query.where(Asset.deleted_at.is_(None)).order_by(Asset.file_created_at, Asset.id)
    if wanted.album_id is not None:
        _require_album(system, auth, wanted.album_id)
        in_album = select(AlbumAsset.asset_id).where(AlbumAsset.album_id == wanted.album_id)
        yield query.where(Asset.id.in_(in_album), albums.IS_SHOWN)
    elif wanted.user_id is not None:
        if wanted.user_id != auth.user_id:
            raise no_access(Permission.TIMELINE_DOWNLOAD)
        shown = (AssetVisibility.TIMELINE, AssetVisibility.ARCHIVE)
        yield query.where(Asset.owner_id == auth.user_id, Asset.visibility.in_(shown))
    else:
        raise BadRequest("assetIds, albumId, or userId is required")


def _require_album(system: System, auth: Auth, album_id: UUID) -> None:
    if not albums.albums_of(system, auth, albums.AlbumFilter(id=album_id)):
        raise no_access(Permission.ALBUM_DOWNLOAD)


def addressed(
    system: System, user_id: UUID, asset_ids: Sequence[UUID], name: str
) -> tuple[Archive, ArchiveAddress]:
    """The archive of these assets, and an address for it that works without signing in until it expires.

    It is called `<name>.zip`. Raises BadRequest (Immich's) where the user may download none of them.
    """
    archive = archive_of(system, user_id, asset_ids, is_begun=False)
    row = ArchiveDownload(
        id=uuid4(),
        user_id=user_id,
        file_name=f"{archive_names([name])[0]}.zip",
        asset_ids=b"".join(asset_id.bytes for asset_id in asset_ids),
        etag=None if archive.layout is None else archive.layout.etag,
        expires_at=(utc_now() + ADDRESS_LIFETIME).replace(microsecond=0),
    )
    with system.transaction() as session:
        session.add(row)
    message = _message(row.id, int(row.expires_at.timestamp()))
    return archive, ArchiveAddress(row.id, row.file_name, row.expires_at, signing.sign(system, message))


def archive_at(system: System, archive_id: UUID, expires: int, signature: str) -> AddressedArchive:
    """What stands behind an address. Raises Unauthorized (not signed here, or expired) and NotFound."""
    if not signing.is_signed(system, _message(archive_id, expires), signature):
        raise Unauthorized("Invalid address")
    if expires <= utc_now().timestamp():
        raise Unauthorized("This address has expired")
    with system.database.read() as session:
        row = session.scalar(
            select(ArchiveDownload)
            .join(User, User.id == ArchiveDownload.user_id)
            .where(ArchiveDownload.id == archive_id, User.deleted_at.is_(None))
        )
    if row is None:
        raise NotFound("This archive is no longer there")
    ids = [UUID(bytes=row.asset_ids[start : start + 16]) for start in range(0, len(row.asset_ids), 16)]
    return AddressedArchive(row.id, row.user_id, row.file_name, ids, row.etag)


def note_begun(system: System, archive: AddressedArchive, etag: str) -> None:
    """Remembers which bytes the address gives from now on."""
    if etag != archive.etag:
        with system.database.write() as session:
            session.execute(update(ArchiveDownload).where(ArchiveDownload.id == archive.id).values(etag=etag))


@job(JobName.AUDIT_TABLE_CLEANUP, every=timedelta(hours=6))
def forget_expired(system: System) -> None:
    """Removes what stands behind addresses that have expired."""
    with system.database.write() as session:
        session.execute(delete(ArchiveDownload).where(ArchiveDownload.expires_at <= utc_now()))


def _message(archive_id: UUID, expires: int) -> str:
    return f"archive {archive_id} {expires}"
