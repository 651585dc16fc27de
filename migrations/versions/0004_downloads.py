"""Archives by signed address; objects whose CRC-32 is not known yet, or that were found missing.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "archive_download",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("asset_ids", sa.LargeBinary(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_archive_download_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archive_download")),
    )
    op.create_index("ix_archive_download_user_id", "archive_download", ["user_id"])
    op.create_index("ix_archive_download_expires_at", "archive_download", ["expires_at"])
    with op.batch_alter_table("stored_object") as batch_op:
        batch_op.alter_column("crc32", existing_type=sa.BigInteger(), nullable=True)
        batch_op.add_column(sa.Column("missing_at", sa.DateTime(timezone=True), nullable=True))
    # What `downgrade` wrote where it knew none. Nothing is lost: a checksum is found again at the next read.
    op.execute("UPDATE stored_object SET crc32 = NULL WHERE crc32 = 0 AND size > 0")


def downgrade() -> None:
    # The older table wants a number, and nothing that came with it reads one.
    op.execute("UPDATE stored_object SET crc32 = 0 WHERE crc32 IS NULL")
    with op.batch_alter_table("stored_object") as batch_op:
        batch_op.drop_column("missing_at")
        batch_op.alter_column("crc32", existing_type=sa.BigInteger(), nullable=False)
    op.drop_index("ix_archive_download_expires_at", "archive_download")
    op.drop_index("ix_archive_download_user_id", "archive_download")
    op.drop_table("archive_download")
