"""Managed objects: one row per object that is there, and one per object that may be there unowned."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from config import MediaKind
from models.base import Base, utc_now


class StoredObject(Base):
    """An object whose bytes were whole in the store before this row was committed."""

    __tablename__ = "stored_object"

    path: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[MediaKind]
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"), index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    sha1: Mapped[bytes] = mapped_column(LargeBinary)
    # None for what came here by other ways than an upload, until it is read for the first time.
    crc32: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    verified_at: Mapped[datetime | None]
    # When the bytes were looked for and not found; archives leave such objects out.
    missing_at: Mapped[datetime | None]


class PendingObject(Base):
    """A path whose object belongs to nobody yet, or to nobody any more.

    Written before an object is put and removed in the commit that gives it an owner; written
    again in the commit that takes the owner away. What is left over when `expires_at` has
    passed is an orphan: the sweep takes it over (`swept_at`), deletes the object, then the row.
    Taking over and giving an owner exclude each other, so a sweep never removes owned bytes.
    """

    __tablename__ = "pending_object"

    path: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    swept_at: Mapped[datetime | None]
