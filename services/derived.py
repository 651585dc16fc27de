"""Derived files: what jobs make of an original gets its place among the asset's files, and its former one goes."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from config import MediaKind
from media.staging import Digest
from models.assets import Asset, AssetFile, AssetFileType
from models.base import table_of
from models.objects import StoredObject
from services import objects
from services.system import System

# Built once, as every job executes it; on the table, as nothing has to be loaded afterwards.
_STORED = table_of(StoredObject)
_FORGET_FORMER = delete(_STORED).where(_STORED.c.path == bindparam("former"))


@dataclass(frozen=True, slots=True)
class DerivedFile:
    """A file that was announced and stored, and does not belong to its asset yet."""

    type: AssetFileType
    kind: MediaKind
    path: str
    digest: Digest
    is_transparent: bool = False


def attach(system: System, asset_id: UUID, file: DerivedFile) -> None:
    """Gives a file to its asset in one commit, and removes the object of the one that it replaces.

    Where the asset is gone meanwhile, the file goes too.
    """
    with system.database.write() as session:
        # The lock keeps the asset from being removed between this look and the commit.
        asset = session.get(Asset, asset_id, with_for_update=True)
        unwanted = file.path if asset is None else replace(session, asset, file)
        if unwanted is not None:
            objects.disown(session, [unwanted])
    if unwanted is not None:
        objects.remove_disowned(system, [unwanted])


def detach(system: System, asset_id: UUID, kind: AssetFileType) -> None:
    """Removes a file that its asset does not need any more; one that is not there is no error."""
    with system.database.write() as session:
        rows = session.scalars(select(AssetFile).where(AssetFile.asset_id == asset_id, AssetFile.type == kind)).all()
        paths = [row.path for row in rows]
        for row in rows:
            session.delete(row)
        if paths:
            objects.disown(session, paths)
    objects.remove_disowned(system, paths)


def replace(session: Session, asset: Asset, file: DerivedFile) -> str | None:
    """Puts a file in the place of the asset's former one, in the caller's transaction.

    Returns the former path where that is another: to be disowned. Raises StorageUnavailable as `adopt` does.
    """
    session.execute(_FORGET_FORMER, {"former": file.path})
    objects.adopt(session, file.path, file.kind, asset.owner_id, file.digest)
    row = session.scalar(
        select(AssetFile).where(
            AssetFile.asset_id == asset.id, AssetFile.type == file.type, AssetFile.is_edited.is_(False)
        )
    )
    if row is None:
        row = AssetFile(asset_id=asset.id, type=file.type, path=file.path)
        session.add(row)
    former = row.path
    row.path, row.is_transparent = file.path, file.is_transparent
    return former if former != file.path else None
