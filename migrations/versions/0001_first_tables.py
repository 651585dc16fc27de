"""Immich's tables for what clients need, and our own for objects and jobs.

Revision ID: 0001
Revises: nothing
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "job",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=True),
        sa.Column("backfill", sa.Boolean(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("progress", sa.Double(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_job_dedupe_key")),
    )
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.create_index(
            "ix_job_queue_status_backfill_due_at", ["queue", "status", "backfill", "due_at"], unique=False
        )
        batch_op.create_index("ix_job_status_leased_until", ["status", "leased_until"], unique=False)

    op.create_table(
        "login_failure",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_login_failure")),
    )
    with op.batch_alter_table("login_failure", schema=None) as batch_op:
        batch_op.create_index("ix_login_failure_last_at", ["last_at"], unique=False)

    op.create_table(
        "pending_object",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("swept_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_pending_object")),
    )
    with op.batch_alter_table("pending_object", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pending_object_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "queue_state",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_paused", sa.Boolean(), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_queue_state")),
    )
    op.create_table(
        "system_metadata",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column(
            "value", sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"), nullable=False
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_system_metadata")),
    )
    op.create_table(
        "user",
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("isAdmin", sa.Boolean(), nullable=False),
        sa.Column("shouldChangePassword", sa.Boolean(), nullable=False),
        sa.Column("profileImagePath", sa.Text(), nullable=False),
        sa.Column("profileChangedAt", sa.DateTime(timezone=True), nullable=False),
        sa.Column("avatarColor", sa.Text(), nullable=True),
        sa.Column("storageLabel", sa.Text(), nullable=True),
        sa.Column("oauthId", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("quotaSizeInBytes", sa.BigInteger(), nullable=True),
        sa.Column("quotaUsageInBytes", sa.BigInteger(), nullable=False),
        sa.Column("deletedAt", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("createdAt", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updatedAt", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        sa.UniqueConstraint("email", name=op.f("uq_user_email")),
        sa.UniqueConstraint("storageLabel", name=op.f("uq_user_storageLabel")),
    )
    op.create_table(
        "api_key",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("userId", sa.Uuid(), nullable=False),
        sa.Column("permissions", postgresql.ARRAY(sa.Text()).with_variant(sa.JSON(), "sqlite"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("createdAt", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updatedAt", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["userId"], ["user.id"], name=op.f("fk_api_key_userId"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("key", name=op.f("uq_api_key_key")),
    )
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_key_userId"), ["userId"], unique=False)

    op.create_table(
        "asset",
        sa.Column("ownerId", sa.Uuid(), nullable=False),
        sa.Column("libraryId", sa.Uuid(), nullable=True),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("visibility", sa.String(length=32), nullable=False),
        sa.Column("originalPath", sa.Text(), nullable=False),
        sa.Column("originalFileName", sa.Text(), nullable=False),
        sa.Column("checksum", sa.LargeBinary(), nullable=False),
        sa.Column("checksumAlgorithm", sa.Text(), nullable=False),
        sa.Column("fileCreatedAt", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fileModifiedAt", sa.DateTime(timezone=True), nullable=False),
        sa.Column("localDateTime", sa.DateTime(timezone=True), nullable=False),
        sa.Column("isFavorite", sa.Boolean(), nullable=False),
        sa.Column("isOffline", sa.Boolean(), nullable=False),
        sa.Column("isExternal", sa.Boolean(), nullable=False),
        sa.Column("isEdited", sa.Boolean(), nullable=False),
        sa.Column("duration", sa.Integer(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("thumbhash", sa.LargeBinary(), nullable=True),
        sa.Column("livePhotoVideoId", sa.Uuid(), nullable=True),
        sa.Column("duplicateId", sa.Uuid(), nullable=True),
        sa.Column("deletedAt", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("createdAt", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updatedAt", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["livePhotoVideoId"], ["asset.id"], name=op.f("fk_asset_livePhotoVideoId"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["ownerId"], ["user.id"], name=op.f("fk_asset_ownerId"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset")),
    )
    with op.batch_alter_table("asset", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_asset_deletedAt"), ["deletedAt"], unique=False)
        batch_op.create_index(batch_op.f("ix_asset_livePhotoVideoId"), ["livePhotoVideoId"], unique=False)
        batch_op.create_index(batch_op.f("ix_asset_originalPath"), ["originalPath"], unique=False)
        batch_op.create_index("ix_asset_ownerId_localDateTime", ["ownerId", "localDateTime"], unique=False)
        batch_op.create_index(
            "uq_asset_ownerId_checksum",
            ["ownerId", "checksum"],
            unique=True,
            sqlite_where=sa.text('"libraryId" IS NULL'),
            postgresql_where=sa.text('"libraryId" IS NULL'),
        )

    op.create_table(
        "session",
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("userId", sa.Uuid(), nullable=False),
        sa.Column("deviceType", sa.Text(), nullable=False),
        sa.Column("deviceOS", sa.Text(), nullable=False),
        sa.Column("appVersion", sa.Text(), nullable=True),
        sa.Column("expiresAt", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("createdAt", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updatedAt", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["userId"], ["user.id"], name=op.f("fk_session_userId"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        sa.UniqueConstraint("token", name=op.f("uq_session_token")),
    )
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_session_userId"), ["userId"], unique=False)

    op.create_table(
        "stored_object",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha1", sa.LargeBinary(), nullable=False),
        sa.Column("crc32", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["user.id"], name=op.f("fk_stored_object_owner_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_stored_object")),
    )
    with op.batch_alter_table("stored_object", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_stored_object_owner_id"), ["owner_id"], unique=False)

    op.create_table(
        "album",
        sa.Column("albumName", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("albumThumbnailAssetId", sa.Uuid(), nullable=True),
        sa.Column("isActivityEnabled", sa.Boolean(), nullable=False),
        sa.Column("order", sa.String(length=32), nullable=False),
        sa.Column("deletedAt", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("createdAt", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updatedAt", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["albumThumbnailAssetId"], ["asset.id"], name=op.f("fk_album_albumThumbnailAssetId"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_album")),
    )
    op.create_table(
        "asset_exif",
        sa.Column("assetId", sa.Uuid(), nullable=False),
        sa.Column("make", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("lensModel", sa.Text(), nullable=True),
        sa.Column("exifImageWidth", sa.Integer(), nullable=True),
        sa.Column("exifImageHeight", sa.Integer(), nullable=True),
        sa.Column("fileSizeInByte", sa.BigInteger(), nullable=True),
        sa.Column("orientation", sa.Text(), nullable=True),
        sa.Column("dateTimeOriginal", sa.DateTime(timezone=True), nullable=True),
        sa.Column("modifyDate", sa.DateTime(timezone=True), nullable=True),
        sa.Column("timeZone", sa.Text(), nullable=True),
        sa.Column("fNumber", sa.Double(), nullable=True),
        sa.Column("focalLength", sa.Double(), nullable=True),
        sa.Column("iso", sa.Integer(), nullable=True),
        sa.Column("exposureTime", sa.Text(), nullable=True),
        sa.Column("fps", sa.Double(), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("projectionType", sa.Text(), nullable=True),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["assetId"], ["asset.id"], name=op.f("fk_asset_exif_assetId"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("assetId", name=op.f("pk_asset_exif")),
    )
    op.create_table(
        "asset_file",
        sa.Column("assetId", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("isEdited", sa.Boolean(), nullable=False),
        sa.Column("isProgressive", sa.Boolean(), nullable=False),
        sa.Column("isTransparent", sa.Boolean(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("createdAt", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updatedAt", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["assetId"], ["asset.id"], name=op.f("fk_asset_file_assetId"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset_file")),
        sa.UniqueConstraint("assetId", "type", "isEdited", name=op.f("uq_asset_file_assetId_type_isEdited")),
    )
    with op.batch_alter_table("asset_file", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_asset_file_path"), ["path"], unique=False)

    op.create_table(
        "album_asset",
        sa.Column("albumId", sa.Uuid(), nullable=False),
        sa.Column("assetId", sa.Uuid(), nullable=False),
        sa.Column("createdAt", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["albumId"], ["album.id"], name=op.f("fk_album_asset_albumId"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["assetId"], ["asset.id"], name=op.f("fk_album_asset_assetId"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("albumId", "assetId", name=op.f("pk_album_asset")),
    )
    with op.batch_alter_table("album_asset", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_album_asset_assetId"), ["assetId"], unique=False)

    op.create_table(
        "album_user",
        sa.Column("albumId", sa.Uuid(), nullable=False),
        sa.Column("userId", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("createdAt", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["albumId"], ["album.id"], name=op.f("fk_album_user_albumId"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["userId"], ["user.id"], name=op.f("fk_album_user_userId"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("albumId", "userId", name=op.f("pk_album_user")),
    )
    with op.batch_alter_table("album_user", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_album_user_userId"), ["userId"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("album_user", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_album_user_userId"))

    op.drop_table("album_user")
    with op.batch_alter_table("album_asset", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_album_asset_assetId"))

    op.drop_table("album_asset")
    with op.batch_alter_table("asset_file", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_asset_file_path"))

    op.drop_table("asset_file")
    op.drop_table("asset_exif")
    op.drop_table("album")
    with op.batch_alter_table("stored_object", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_stored_object_owner_id"))

    op.drop_table("stored_object")
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_session_userId"))

    op.drop_table("session")
    with op.batch_alter_table("asset", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_asset_ownerId_checksum",
            sqlite_where=sa.text('"libraryId" IS NULL'),
            postgresql_where=sa.text('"libraryId" IS NULL'),
        )
        batch_op.drop_index("ix_asset_ownerId_localDateTime")
        batch_op.drop_index(batch_op.f("ix_asset_originalPath"))
        batch_op.drop_index(batch_op.f("ix_asset_livePhotoVideoId"))
        batch_op.drop_index(batch_op.f("ix_asset_deletedAt"))

    op.drop_table("asset")
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_key_userId"))

    op.drop_table("api_key")
    op.drop_table("user")
    op.drop_table("system_metadata")
    op.drop_table("queue_state")
    with op.batch_alter_table("pending_object", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_pending_object_expires_at"))

    op.drop_table("pending_object")
    with op.batch_alter_table("login_failure", schema=None) as batch_op:
        batch_op.drop_index("ix_login_failure_last_at")

    op.drop_table("login_failure")
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_index("ix_job_status_leased_until")
        batch_op.drop_index("ix_job_queue_status_backfill_due_at")

    op.drop_table("job")
