"""What users have decided: their preferences.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "user_metadata",
        sa.Column("userId", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.ForeignKeyConstraint(["userId"], ["user.id"], name=op.f("fk_user_metadata_userId"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("userId", "key", name=op.f("pk_user_metadata")),
    )


def downgrade() -> None:
    op.drop_table("user_metadata")
