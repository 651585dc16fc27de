"""Assets as those who may see them do: details, counts and the objects behind them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from posixpath import splitext
from uuid import UUID

from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.orm import aliased, joinedload

from config import MediaKind
from errors import NotFound
from media import mime
from models.assets import Asset, AssetDamage, AssetExif, AssetFile, AssetFileType, AssetType, AssetVisibility
from models.objects import StoredObject
from models.users import User
from services.access import no_access
from services.archives import batches
from services.auth import Auth, Credentials, ask, question
from services.permissions import Permission
from services.sharing import is_shared_with
from services.system import System


@dataclass(frozen=True, slots=True)
class Deliverable:
    """An object ready to be sent: `size` in bytes, `etag` the SHA-1 in hex, `file_name` for the client."""

    path: str
    kind: MediaKind
    size: int
    etag: str
    last_modified: datetime
    content_type: str
    file_name: str | None


@dataclass(frozen=True, slots=True)
class AssetDetails:
    """An asset with all that its info page shows.

    `size` and `video_size` are in bytes: of the original, and of a live photo's video; None where
    there is none, or nothing is known of its bytes. `damage` says what is wrong with an original that
    cannot be read to its end.
    """

    asset: Asset
    owner: User
    exif: AssetExif | None
    size: int | None
    video_size: int | None
    damage: str | None


@dataclass(frozen=True, slots=True)
class AssetCounts:
    images: int
    videos: int


class ThumbnailSize(StrEnum):
    ORIGINAL = "original"
    FULLSIZE = "fullsize"
    PREVIEW = "preview"
    THUMBNAIL = "thumbnail"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A thumbnail request that another address answers: the original, or another size."""

    size: ThumbnailSize


# The asset of a question, for those who may see it: its owner, and whoever sees an album that it is in.
_VISIBLE = (Asset.id == bindparam("asset_id")) & or_(Asset.owner_id == User.id, is_shared_with(User.id))
# Asked together with who asks: these two are what clients want most, and cost one query each.
_ORIGINAL = question(
    lambda who: who.add_columns(
        Asset.type,
        Asset.original_path,
        Asset.original_file_name,
        Asset.file_modified_at,
        StoredObject.size,
        StoredObject.sha1,
    )
    .outerjoin(Asset, _VISIBLE)
    .outerjoin(StoredObject, StoredObject.path == Asset.original_path)
)
_encoded = aliased(StoredObject)
_PLAYBACK = question(
    lambda who: who.add_columns(
        Asset.type,
        Asset.original_path,
        Asset.file_modified_at,
        StoredObject.size,
        StoredObject.sha1,
        _encoded.path,
        _encoded.size,
        _encoded.sha1,
        _encoded.created_at,
    )
    .outerjoin(Asset, _VISIBLE)
    .outerjoin(StoredObject, StoredObject.path == Asset.original_path)
    .outerjoin(AssetFile, (AssetFile.asset_id == Asset.id) & (AssetFile.type == AssetFileType.ENCODED_VIDEO))
    .outerjoin(_encoded, _encoded.path == AssetFile.path)
)
_THUMBNAIL = question(
    lambda who: who.add_columns(
        Asset.original_file_name,
        Asset.original_path,
        AssetFile.path,
        StoredObject.size,
        StoredObject.sha1,
        StoredObject.created_at,
    )
    .outerjoin(Asset, _VISIBLE)
    .outerjoin(AssetFile, (AssetFile.asset_id == Asset.id) & (AssetFile.type == bindparam("type")))
    .outerjoin(StoredObject, StoredObject.path == AssetFile.path)
)


def has_thumbnails(asset: Asset) -> bool:
    """Whether an asset is to have thumbnails: pictures and videos that are not hidden (a live photo's video is)."""
    return asset.type in (AssetType.IMAGE, AssetType.VIDEO) and asset.visibility != AssetVisibility.HIDDEN


def with_thumbnails(system: System, asset_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the assets whose thumbnails are made."""
    found: set[UUID] = set()
    with system.database.read() as session:
        for batch in batches(asset_ids):
            found.update(session.scalars(select(Asset.id).where(Asset.id.in_(batch), Asset.thumbhash.is_not(None))))
    return found


def details_of(system: System, auth: Auth, asset_id: UUID) -> AssetDetails:
    """Raises BadRequest (Immich's) where the asset is not there, or not for the user to see."""
    video, video_object = aliased(Asset), aliased(StoredObject)
    query = (
        select(Asset, User, StoredObject.size, video_object.size, AssetDamage.message)
        .join(User, User.id == Asset.owner_id)
        .outerjoin(StoredObject, StoredObject.path == Asset.original_path)
        .outerjoin(video, video.id == Asset.live_photo_video_id)
        .outerjoin(video_object, video_object.path == video.original_path)
        .outerjoin(AssetDamage, AssetDamage.asset_id == Asset.id)
        .where(Asset.id == asset_id, or_(Asset.owner_id == auth.user_id, is_shared_with(auth.user_id)))
        .options(joinedload(Asset.exif))
    )
    with system.database.read() as session:
        row = session.execute(query).one_or_none()
    if row is None:
        raise no_access(Permission.ASSET_READ)
    return AssetDetails(row[0], row[1], row[0].exif, size=row[2], video_size=row[3], damage=row[4])


def statistics(
    system: System,
    auth: Auth,
    *,
    is_favorite: bool | None = None,
    is_trashed: bool | None = None,
    visibility: AssetVisibility | None = None,
) -> AssetCounts:
    """How many images and videos the user has; hidden ones (live photos' videos) do not count."""
    query = select(Asset.type, func.count()).where(Asset.owner_id == auth.user_id).group_by(Asset.type)
    query = query.where(Asset.deleted_at.is_not(None) if is_trashed else Asset.deleted_at.is_(None))
    if is_favorite is not None:
        query = query.where(Asset.is_favorite == is_favorite)
    if visibility is None:
        query = query.where(Asset.visibility.in_((AssetVisibility.TIMELINE, AssetVisibility.ARCHIVE)))
    else:
        query = query.where(Asset.visibility == visibility)
    with system.database.read() as session:
        counts: dict[str, int] = dict(session.execute(query).all())
    return AssetCounts(images=counts.get(AssetType.IMAGE, 0), videos=counts.get(AssetType.VIDEO, 0))


def original_of(system: System, credentials: Credentials, asset_id: UUID) -> Deliverable:
    """The original, for who may download it; one query, who asks included.

    Raises Unauthorized, Forbidden, and NotFound, as Immich does, where the asset is not for the user to see.
    """
    who, row = ask(system, credentials, _ORIGINAL, asset_id=asset_id)
    who.demand(Permission.ASSET_DOWNLOAD)
    _, path, name, modified_at, size, sha1 = row
    if sha1 is None:
        raise NotFound("Not Found")
    # Named as the client named it, with the extension that the bytes are stored under (Immich's way).
    shown = f"{splitext(name)[0]}{splitext(path)[1]}"
    return Deliverable(path, MediaKind.ORIGINALS, size, sha1.hex(), modified_at, mime.content_type_of(path), shown)


def playback_of(system: System, credentials: Credentials, asset_id: UUID) -> Deliverable:
    """The video to play: the encoded one where there is one, else its original. One query, who asks included.

    Raises Unauthorized, Forbidden, and NotFound where the asset is no video that the user sees.
    """
    who, row = ask(system, credentials, _PLAYBACK, asset_id=asset_id)
    who.demand(Permission.ASSET_VIEW)
    asset_type, *original, encoded_path, encoded_size, encoded_sha1, encoded_at = row
    kind = MediaKind.ENCODED_VIDEO
    path, changed_at, size, sha1 = encoded_path, encoded_at, encoded_size, encoded_sha1
    if encoded_sha1 is None:
        kind = MediaKind.ORIGINALS
        path, changed_at, size, sha1 = original
    if asset_type is not AssetType.VIDEO or sha1 is None:
        raise NotFound("Not Found")
    return Deliverable(path, kind, size, sha1.hex(), changed_at, mime.content_type_of(path), None)


def thumbnail_of(
    system: System, credentials: Credentials, asset_id: UUID, size: ThumbnailSize
) -> Deliverable | Elsewhere:
    """A derived picture, or where to look instead (IMMICH.md 5.4); one query, who asks included.

    Raises Unauthorized, Forbidden, BadRequest where the asset is not for the user to see, NotFound
    where the picture is not made yet.
    """
    # Nothing is derived at the original's size; the question is then only who may see it.
    derived = AssetFileType.FULLSIZE if size is ThumbnailSize.ORIGINAL else AssetFileType(size)
    who, row = ask(system, credentials, _THUMBNAIL, asset_id=asset_id, type=derived)
    who.demand(Permission.ASSET_VIEW)
    name, original_path, path, size_in_bytes, sha1, created_at = row
    if original_path is None:
        raise no_access(Permission.ASSET_VIEW)
    if size is ThumbnailSize.ORIGINAL or (size is ThumbnailSize.FULLSIZE and mime.is_web_image(original_path)):
        return Elsewhere(ThumbnailSize.ORIGINAL)
    if sha1 is None:
        if size is ThumbnailSize.FULLSIZE:
            return Elsewhere(ThumbnailSize.PREVIEW)
        raise NotFound("Asset media not found")
    shown, content_type = f"{splitext(name)[0]}_{size}{splitext(path)[1]}", mime.content_type_of(path)
    return Deliverable(path, MediaKind.THUMBNAILS, size_in_bytes, sha1.hex(), created_at, content_type, shown)
