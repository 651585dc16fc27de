"""Which properties of an asset a client has edited and no sidecar says yet.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    names = postgresql.ARRAY(sa.Text()).with_variant(sa.JSON(), "sqlite")
    with op.batch_alter_table("asset_exif") as batch_op:
        batch_op.add_column(sa.Column("lockedProperties", names, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("asset_exif") as batch_op:
        batch_op.drop_column("lockedProperties")
