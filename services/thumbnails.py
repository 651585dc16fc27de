"""Thumbnails: the job that makes an asset's preview, thumbnail and thumbhash."""

from contextlib import AbstractContextManager
from pathlib import Path
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.orm import Session

from config import MediaKind
from errors import UnsupportedMedia
from jobs.names import JobName
from jobs.registry import job
from media import images, mime, workshop
from media.images import Preview
from models.assets import Asset, AssetDamage, AssetFileType, AssetType, AssetVisibility
from models.base import utc_now
from services import derived, objects, videos
from services.assets import has_thumbnails
from services.derived import DerivedFile
from services.system import System
from storage import core
from storage.types import StorageKey


@job(JobName.ASSET_GENERATE_THUMBNAILS)
def generate_thumbnails(system: System, id: UUID) -> None:
    """Makes preview, thumbnail and thumbhash of an asset, or makes them again.

    The original is read once and decoded once. Objects come first, all rows in one commit; an
    asset that is deleted meanwhile takes them with it. What is wrong with a damaged original is
    noted with the asset. Raises UnsupportedMedia and MediaError, which set the job aside for an
    admin to see; the process that decodes may have died of something else, and that is tried again.
    """
    with system.database.read() as session:
        asset = session.get(Asset, id)
    if asset is None or asset.visibility == AssetVisibility.HIDDEN:
        return
    if not has_thumbnails(asset):
        extension = mime.extension_of(asset.original_path)
        raise UnsupportedMedia(f"No thumbnail can be made of {extension or 'this'} files")
    preview, files = _make(system, asset)
    _attach(system, asset, preview, files)


def _make(system: System, asset: Asset) -> tuple[Preview, list[DerivedFile]]:
    """Makes and stores both pictures, announced but without an owner."""
    preview_path = _new_path(system, core.preview_key(asset.owner_id, asset.id))
    thumbnail_path = _new_path(system, core.thumbnail_key(asset.owner_id, asset.id))
    staging, storage = system.staging, system.storage
    with (
        _picture_of(system, asset) as source,
        staging.upload_from_temp(storage, preview_path, content_type="image/jpeg") as preview,
        staging.upload_from_temp(storage, thumbnail_path, content_type="image/webp") as thumbnail,
    ):
        made = workshop.run(images.make_previews, source, preview.path, thumbnail.path)
        sizes = {preview_path: preview.path.stat().st_size, thumbnail_path: thumbnail.path.stat().st_size}
        objects.announce_all(system, sizes)
    kind, is_transparent = MediaKind.THUMBNAILS, made.is_transparent
    return made, [
        DerivedFile(AssetFileType.PREVIEW, kind, preview_path, preview.digest),
        DerivedFile(AssetFileType.THUMBNAIL, kind, thumbnail_path, thumbnail.digest, is_transparent),
    ]


def _picture_of(system: System, asset: Asset) -> AbstractContextManager[Path]:
    """What the pictures are made of: the original, of a video one of its frames."""
    if asset.type is AssetType.VIDEO:
        return videos.frame_of(system, asset.original_path)
    return system.staging.stage_to_temp(system.storage, asset.original_path)


def _new_path(system: System, key: StorageKey) -> str:
    return system.storage.new_path(key, MediaKind.THUMBNAILS)


def _attach(system: System, asset: Asset, preview: Preview, files: list[DerivedFile]) -> None:
    """Gives the files to the asset in one commit, and removes what nobody needs any more."""
    with system.database.write() as session:
        # The lock keeps the asset from being removed between this look and the commit.
        found = session.get(Asset, asset.id, with_for_update=True)
        if found is None:
            unwanted = [file.path for file in files]
        else:
            found.thumbhash = preview.thumbhash
            _note_damage(session, found, preview.damage)
            unwanted = [path for file in files if (path := derived.replace(session, found, file)) is not None]
        if unwanted:
            objects.disown(session, unwanted)
    objects.remove_disowned(system, unwanted)


def _note_damage(session: Session, asset: Asset, damage: str | None) -> None:
    """Puts what is wrong with the original in the place of what was said before."""
    session.execute(delete(AssetDamage).where(AssetDamage.asset_id == asset.id))
    if damage is not None:
        session.add(AssetDamage(asset_id=asset.id, message=damage, found_at=utc_now()))
