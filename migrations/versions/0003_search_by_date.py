"""Searches list a library by the moment of the photos: an index spares them the sorting.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index("ix_asset_ownerId_fileCreatedAt", "asset", ["ownerId", "fileCreatedAt"])


def downgrade() -> None:
    op.drop_index("ix_asset_ownerId_fileCreatedAt", "asset")
