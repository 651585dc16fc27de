"""Assets for tests that are about rows: in the database without any bytes behind them."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from models.albums import Album, AlbumAsset, AlbumRole, AlbumUser
from models.assets import Asset, AssetExif, AssetStatus, AssetType
from services.system import System

TAKEN = datetime(2024, 5, 1, 10, 0, tzinfo=UTC)


def add_asset(
    system: System,
    owner_id: UUID,
    name: str = "photo.jpg",
    *,
    taken: datetime = TAKEN,
    offset_hours: float = 0,
    exif: dict[str, Any] | None = None,
    **fields: Any,
) -> UUID:
    """A photo taken at a moment, where clocks show `offset_hours` more; `exif` None: not looked into yet."""
    asset_id = uuid4()
    fields = {"type": AssetType.IMAGE, "checksum": hashlib.sha1(asset_id.bytes).digest(), **fields}
    fields.setdefault("original_path", f"/media/{asset_id}.jpg")
    if fields.get("status", AssetStatus.ACTIVE) is not AssetStatus.ACTIVE:
        fields.setdefault("deleted_at", taken)
    asset = Asset(
        id=asset_id,
        owner_id=owner_id,
        original_file_name=name,
        file_created_at=taken,
        file_modified_at=taken,
        local_date_time=taken + timedelta(hours=offset_hours),
        **fields,
    )
    with system.database.write() as session:
        session.add(asset)
        session.flush()
        if exif is not None:
            session.add(AssetExif(asset_id=asset_id, **exif))
    return asset_id


def add_album(system: System, owner_id: UUID, *asset_ids: UUID) -> UUID:
    """An album with these assets in it."""
    album_id = uuid4()
    with system.database.write() as session:
        session.add(Album(id=album_id, album_name="Album"))
        session.flush()
        session.add(AlbumUser(album_id=album_id, user_id=owner_id, role=AlbumRole.OWNER))
        session.add_all(AlbumAsset(album_id=album_id, asset_id=asset_id) for asset_id in asset_ids)
    return album_id
