"""Archives that may be fetched by a signed address, in a table of our own."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, utc_now


class ArchiveDownload(Identified, Base):
    """What one address gives: which assets, in which order, for whom and until when.

    `etag` is the archive's as it was last begun: whoever resumes without naming what they have
    gets the rest of these very bytes, or the whole anew.
    """

    __tablename__ = "archive_download"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    file_name: Mapped[str]
    # 16 bytes each: tens of thousands of assets fit into one row.
    asset_ids: Mapped[bytes] = mapped_column(LargeBinary)
    etag: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(index=True)
