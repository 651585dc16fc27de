"""Assets, their derived files and their EXIF data, in Immich's tables."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, Double, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Identified, TextList, Timestamped


class AssetType(StrEnum):
    IMAGE = "IMAGE"
    VIDEO = "VIDEO"
    AUDIO = "AUDIO"
    OTHER = "OTHER"


class AssetVisibility(StrEnum):
    ARCHIVE = "archive"
    TIMELINE = "timeline"
    HIDDEN = "hidden"
    LOCKED = "locked"


class AssetStatus(StrEnum):
    ACTIVE = "active"
    TRASHED = "trashed"
    DELETED = "deleted"


class AssetFileType(StrEnum):
    FULLSIZE = "fullsize"
    PREVIEW = "preview"
    THUMBNAIL = "thumbnail"
    SIDECAR = "sidecar"
    ENCODED_VIDEO = "encoded_video"


class Asset(Identified, Timestamped, Base):
    __tablename__ = "asset"
    __table_args__ = (
        # One upload of the same bytes per owner; external libraries keep their own copies.
        Index(
            "uq_asset_ownerId_checksum",
            "ownerId",
            "checksum",
            unique=True,
            sqlite_where=text('"libraryId" IS NULL'),
            postgresql_where=text('"libraryId" IS NULL'),
        ),
        Index("ix_asset_ownerId_localDateTime", "ownerId", "localDateTime"),
        Index("ix_asset_ownerId_fileCreatedAt", "ownerId", "fileCreatedAt"),
    )

    owner_id: Mapped[UUID] = mapped_column("ownerId", ForeignKey("user.id", ondelete="CASCADE"))
    library_id: Mapped[UUID | None] = mapped_column("libraryId")
    type: Mapped[AssetType] = mapped_column()
    status: Mapped[AssetStatus] = mapped_column(default=AssetStatus.ACTIVE)
    visibility: Mapped[AssetVisibility] = mapped_column(default=AssetVisibility.TIMELINE)
    original_path: Mapped[str] = mapped_column("originalPath", index=True)
    original_file_name: Mapped[str] = mapped_column("originalFileName")
    # SHA-1 because the clients send it; it is an address here, not a signature.
    checksum: Mapped[bytes] = mapped_column(LargeBinary)
    checksum_algorithm: Mapped[str] = mapped_column("checksumAlgorithm", default="sha1")
    file_created_at: Mapped[datetime] = mapped_column("fileCreatedAt")
    file_modified_at: Mapped[datetime] = mapped_column("fileModifiedAt")
    local_date_time: Mapped[datetime] = mapped_column("localDateTime")
    is_favorite: Mapped[bool] = mapped_column("isFavorite", default=False)
    is_offline: Mapped[bool] = mapped_column("isOffline", default=False)
    is_external: Mapped[bool] = mapped_column("isExternal", default=False)
    is_edited: Mapped[bool] = mapped_column("isEdited", default=False)
    # Milliseconds; None for a still picture.
    duration: Mapped[int | None]
    # Pixels after orientation; None until the metadata job has looked.
    width: Mapped[int | None]
    height: Mapped[int | None]
    thumbhash: Mapped[bytes | None] = mapped_column(LargeBinary)
    live_photo_video_id: Mapped[UUID | None] = mapped_column(
        "livePhotoVideoId", ForeignKey("asset.id", ondelete="SET NULL"), index=True
    )
    duplicate_id: Mapped[UUID | None] = mapped_column("duplicateId")
    deleted_at: Mapped[datetime | None] = mapped_column("deletedAt", index=True)

    files: Mapped[list["AssetFile"]] = relationship(lazy="raise", passive_deletes=True)
    exif: Mapped["AssetExif | None"] = relationship(lazy="raise", passive_deletes=True)


class AssetFile(Identified, Timestamped, Base):
    """A file made from, or beside, an asset's original."""

    __tablename__ = "asset_file"
    __table_args__ = (UniqueConstraint("assetId", "type", "isEdited"),)

    asset_id: Mapped[UUID] = mapped_column("assetId", ForeignKey("asset.id", ondelete="CASCADE"))
    type: Mapped[AssetFileType]
    path: Mapped[str] = mapped_column(index=True)
    is_edited: Mapped[bool] = mapped_column("isEdited", default=False)
    is_progressive: Mapped[bool] = mapped_column("isProgressive", default=False)
    is_transparent: Mapped[bool] = mapped_column("isTransparent", default=False)


class EditedProperty(StrEnum):
    """What clients may edit of an asset's metadata, by Immich's names of the columns; ours are the names here."""

    DESCRIPTION = "description"
    DATE_TIME_ORIGINAL = "dateTimeOriginal"
    TIME_ZONE = "timeZone"
    LATITUDE = "latitude"
    LONGITUDE = "longitude"
    RATING = "rating"

    def of(self, exif: "AssetExif") -> object:
        """Its value."""
        return getattr(exif, self.name.lower())


class AssetExif(Base):
    """What the metadata job read and clients edited; the job has run where the size is known."""

    __tablename__ = "asset_exif"

    asset_id: Mapped[UUID] = mapped_column("assetId", ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True)
    make: Mapped[str | None]
    model: Mapped[str | None]
    lens_model: Mapped[str | None] = mapped_column("lensModel")
    exif_image_width: Mapped[int | None] = mapped_column("exifImageWidth")
    exif_image_height: Mapped[int | None] = mapped_column("exifImageHeight")
    file_size_in_byte: Mapped[int | None] = mapped_column("fileSizeInByte", BigInteger)
    orientation: Mapped[str | None]
    date_time_original: Mapped[datetime | None] = mapped_column("dateTimeOriginal")
    modify_date: Mapped[datetime | None] = mapped_column("modifyDate")
    time_zone: Mapped[str | None] = mapped_column("timeZone")
    f_number: Mapped[float | None] = mapped_column("fNumber", Double)
    # Millimetres.
    focal_length: Mapped[float | None] = mapped_column("focalLength", Double)
    iso: Mapped[int | None]
    exposure_time: Mapped[str | None] = mapped_column("exposureTime")
    # What a live photo's still and its video have in common (Apple).
    live_photo_cid: Mapped[str | None] = mapped_column("livePhotoCID", index=True)
    # Frames a second, of a video.
    fps: Mapped[float | None] = mapped_column(Double)
    latitude: Mapped[float | None] = mapped_column(Double)
    longitude: Mapped[float | None] = mapped_column(Double)
    city: Mapped[str | None]
    state: Mapped[str | None]
    country: Mapped[str | None]
    description: Mapped[str] = mapped_column(default="")
    projection_type: Mapped[str | None] = mapped_column("projectionType")
    # Stars; -1 for rejected.
    rating: Mapped[int | None]
    # What clients edited (EditedProperty) and no sidecar says yet: reading files again leaves it alone. Never empty.
    locked_properties: Mapped[list[str] | None] = mapped_column("lockedProperties", TextList)


class AssetDamage(Base):
    """What was wrong with an asset's original when its pictures were last made; in a table of our own."""

    __tablename__ = "asset_damage"

    asset_id: Mapped[UUID] = mapped_column(ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True)
    message: Mapped[str]
    found_at: Mapped[datetime]
