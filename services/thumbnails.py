"""Thumbnails: the job that makes an asset's preview, thumbnail and thumbhash."""

from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from uuid import UUID

from sqlalchemy import bindparam, delete
from sqlalchemy.orm import Session

from config import MediaKind
from errors import UnsupportedMedia
from jobs.names import JobName
from jobs.registry import job
from media import images, mime, workshop
from media.images import Preview
from models.assets import Asset, AssetDamage, AssetFileType, AssetType, AssetVisibility
from models.base import table_of, utc_now
from services import derived, objects, videos
from services.assets import has_thumbnails
from services.derived import DerivedFile
from services.system import System
from storage import core

# Built once, as every job executes it; on the table, as nothing has to be loaded afterwards.
_DAMAGE = table_of(AssetDamage)
_FORGET_DAMAGE = delete(_DAMAGE).where(_DAMAGE.c.asset_id == bindparam("damaged"))


@job(JobName.ASSET_GENERATE_THUMBNAILS)
def generate_thumbnails(system: System, id: UUID) -> None:
    """Makes preview, thumbnail and thumbhash of an asset, where wanted its full size too, or makes them again.

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
    """Makes and stores the pictures, announced but without an owner."""
    staging, storage, paths = system.staging, system.storage, _paths_of(system, asset)
    with ExitStack() as stack:
        source = stack.enter_context(_picture_of(system, asset))
        outputs = [
            stack.enter_context(staging.upload_from_temp(storage, path, content_type=mime.content_type_of(path)))
            for path in paths.values()
        ]
        made = workshop.run(images.make_previews, source, *(output.path for output in outputs))
        objects.announce_all(
            system, {path: output.path.stat().st_size for path, output in zip(paths.values(), outputs, strict=True)}
        )
    return made, [
        DerivedFile(type, MediaKind.THUMBNAILS, path, output.digest, _is_transparent(type, made))
        for (type, path), output in zip(paths.items(), outputs, strict=True)
    ]


def _paths_of(system: System, asset: Asset) -> dict[AssetFileType, str]:
    """Where the pictures of an asset lie, in the order in which `make_previews` takes them."""
    keys = {
        AssetFileType.PREVIEW: core.preview_key(asset.owner_id, asset.id),
        AssetFileType.THUMBNAIL: core.thumbnail_key(asset.owner_id, asset.id),
    }
    is_shown_as_it_is = asset.type is not AssetType.IMAGE or mime.is_web_image(asset.original_path)
    if system.settings.fullsize_images and not is_shown_as_it_is:
        keys[AssetFileType.FULLSIZE] = core.fullsize_key(asset.owner_id, asset.id)
    return {type: system.storage.new_path(key, MediaKind.THUMBNAILS) for type, key in keys.items()}


def _is_transparent(type: AssetFileType, made: Preview) -> bool:
    # The others are JPEGs.
    return type is AssetFileType.THUMBNAIL and made.is_transparent


def _picture_of(system: System, asset: Asset) -> AbstractContextManager[Path]:
    """What the pictures are made of: the original, of a video one of its frames."""
    if asset.type is AssetType.VIDEO:
        return videos.frame_of(system, asset.original_path)
    return system.staging.stage_to_temp(system.storage, asset.original_path)


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
    session.execute(_FORGET_DAMAGE, {"damaged": asset.id})
    if damage is not None:
        session.add(AssetDamage(asset_id=asset.id, message=damage, found_at=utc_now()))
