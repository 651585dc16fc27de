"""People and their faces in pictures, in Immich's tables."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, Timestamped, utc_now


class FaceSource(StrEnum):
    """Who found a face; `manual` is a person with a client."""

    MACHINE_LEARNING = "machine-learning"
    EXIF = "exif"
    MANUAL = "manual"


class Person(Identified, Timestamped, Base):
    """Somebody whom a user sees in pictures; `face_asset_id` is the face that stands for them."""

    __tablename__ = "person"

    owner_id: Mapped[UUID] = mapped_column("ownerId", ForeignKey("user.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(default="")
    # Empty where no thumbnail has been made.
    thumbnail_path: Mapped[str] = mapped_column("thumbnailPath", default="", index=True)
    is_hidden: Mapped[bool] = mapped_column("isHidden", default=False)
    birth_date: Mapped[date | None] = mapped_column("birthDate")
    # Each table names the other, so this key is added when both are there.
    face_asset_id: Mapped[UUID | None] = mapped_column(
        "faceAssetId", ForeignKey("asset_face.id", ondelete="SET NULL", use_alter=True), index=True
    )
    is_favorite: Mapped[bool] = mapped_column("isFavorite", default=False)
    color: Mapped[str | None]


class AssetFace(Identified, Base):
    """A face in a picture: a box in pixels of an image of the given size, upright."""

    __tablename__ = "asset_face"
    __table_args__ = (
        Index("ix_asset_face_assetId_personId", "assetId", "personId"),
        Index("ix_asset_face_personId_assetId", "personId", "assetId"),
    )

    asset_id: Mapped[UUID] = mapped_column("assetId", ForeignKey("asset.id", ondelete="CASCADE"))
    person_id: Mapped[UUID | None] = mapped_column("personId", ForeignKey("person.id", ondelete="SET NULL"))
    image_width: Mapped[int] = mapped_column("imageWidth", default=0)
    image_height: Mapped[int] = mapped_column("imageHeight", default=0)
    bounding_box_x1: Mapped[int] = mapped_column("boundingBoxX1", default=0)
    bounding_box_y1: Mapped[int] = mapped_column("boundingBoxY1", default=0)
    bounding_box_x2: Mapped[int] = mapped_column("boundingBoxX2", default=0)
    bounding_box_y2: Mapped[int] = mapped_column("boundingBoxY2", default=0)
    source_type: Mapped[FaceSource] = mapped_column("sourceType", default=FaceSource.MACHINE_LEARNING)
    is_visible: Mapped[bool] = mapped_column("isVisible", default=True)
    deleted_at: Mapped[datetime | None] = mapped_column("deletedAt")
    updated_at: Mapped[datetime] = mapped_column("updatedAt", default=utc_now, onupdate=utc_now)
