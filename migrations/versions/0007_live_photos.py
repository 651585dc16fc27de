"""The id by which the two halves of a live photo know each other.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    with op.batch_alter_table("asset_exif") as batch_op:
        batch_op.add_column(sa.Column("livePhotoCID", sa.Text(), nullable=True))
        batch_op.create_index("ix_asset_exif_livePhotoCID", ["livePhotoCID"])


def downgrade() -> None:
    with op.batch_alter_table("asset_exif") as batch_op:
        batch_op.drop_index("ix_asset_exif_livePhotoCID")
        batch_op.drop_column("livePhotoCID")
