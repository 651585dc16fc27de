"""People, their faces in pictures, and what is wrong with damaged originals.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "person",
        sa.Column("ownerId", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("thumbnailPath", sa.Text(), nullable=False),
        sa.Column("isHidden", sa.Boolean(), nullable=False),
        sa.Column("birthDate", sa.Date(), nullable=True),
        sa.Column("faceAssetId", sa.Uuid(), nullable=True),
        sa.Column("isFavorite", sa.Boolean(), nullable=False),
        sa.Column("color", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("createdAt", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updatedAt", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["ownerId"], ["user.id"], name=op.f("fk_person_ownerId"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
    )
    op.create_table(
        "asset_face",
        sa.Column("assetId", sa.Uuid(), nullable=False),
        sa.Column("personId", sa.Uuid(), nullable=True),
        sa.Column("imageWidth", sa.Integer(), nullable=False),
        sa.Column("imageHeight", sa.Integer(), nullable=False),
        sa.Column("boundingBoxX1", sa.Integer(), nullable=False),
        sa.Column("boundingBoxY1", sa.Integer(), nullable=False),
        sa.Column("boundingBoxX2", sa.Integer(), nullable=False),
        sa.Column("boundingBoxY2", sa.Integer(), nullable=False),
        sa.Column("sourceType", sa.String(length=32), nullable=False),
        sa.Column("isVisible", sa.Boolean(), nullable=False),
        sa.Column("deletedAt", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("updatedAt", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["assetId"], ["asset.id"], name=op.f("fk_asset_face_assetId"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["personId"], ["person.id"], name=op.f("fk_asset_face_personId"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset_face")),
    )
    op.create_index("ix_asset_face_assetId_personId", "asset_face", ["assetId", "personId"])
    op.create_index("ix_asset_face_personId_assetId", "asset_face", ["personId", "assetId"])
    with op.batch_alter_table("person") as batch_op:
        batch_op.create_foreign_key(
            op.f("fk_person_faceAssetId"), "asset_face", ["faceAssetId"], ["id"], ondelete="SET NULL"
        )
    op.create_index("ix_person_ownerId", "person", ["ownerId"])
    op.create_index("ix_person_thumbnailPath", "person", ["thumbnailPath"])
    op.create_index("ix_person_faceAssetId", "person", ["faceAssetId"])
    op.create_table(
        "asset_damage",
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_asset_damage_asset_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("asset_id", name=op.f("pk_asset_damage")),
    )


def downgrade() -> None:
    op.drop_table("asset_damage")
    with op.batch_alter_table("person") as batch_op:
        batch_op.drop_constraint(op.f("fk_person_faceAssetId"), type_="foreignkey")
    op.drop_table("asset_face")
    op.drop_table("person")
