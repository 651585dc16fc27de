"""Albums, the assets in them and the people who see them, in Immich's tables."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, Timestamped, utc_now


class AlbumRole(StrEnum):
    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"


class AssetOrder(StrEnum):
    ASC = "asc"
    DESC = "desc"


class Album(Identified, Timestamped, Base):
    """An album; its owner is the album_user with the role `owner`."""

    __tablename__ = "album"

    album_name: Mapped[str] = mapped_column("albumName", default="Untitled Album")
    description: Mapped[str] = mapped_column(default="")
    album_thumbnail_asset_id: Mapped[UUID | None] = mapped_column(
        "albumThumbnailAssetId", ForeignKey("asset.id", ondelete="SET NULL")
    )
    is_activity_enabled: Mapped[bool] = mapped_column("isActivityEnabled", default=True)
    order: Mapped[AssetOrder] = mapped_column(default=AssetOrder.DESC)
    deleted_at: Mapped[datetime | None] = mapped_column("deletedAt")


class AlbumAsset(Base):
    __tablename__ = "album_asset"

    album_id: Mapped[UUID] = mapped_column("albumId", ForeignKey("album.id", ondelete="CASCADE"), primary_key=True)
    asset_id: Mapped[UUID] = mapped_column(
        "assetId", ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    created_at: Mapped[datetime] = mapped_column("createdAt", default=utc_now)


class AlbumUser(Base):
    __tablename__ = "album_user"

    album_id: Mapped[UUID] = mapped_column("albumId", ForeignKey("album.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(
        "userId", ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    role: Mapped[AlbumRole] = mapped_column(default=AlbumRole.EDITOR)
    created_at: Mapped[datetime] = mapped_column("createdAt", default=utc_now)
