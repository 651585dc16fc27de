"""Users, their sessions and API keys, in Immich's tables."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, TextList, Timestamped, utc_now


class User(Identified, Timestamped, Base):
    __tablename__ = "user"

    email: Mapped[str] = mapped_column(unique=True)
    # bcrypt, as Immich keeps it; empty means that no password signs in.
    password: Mapped[str] = mapped_column(default="")
    name: Mapped[str] = mapped_column(default="")
    is_admin: Mapped[bool] = mapped_column("isAdmin", default=False)
    should_change_password: Mapped[bool] = mapped_column("shouldChangePassword", default=True)
    profile_image_path: Mapped[str] = mapped_column("profileImagePath", default="")
    profile_changed_at: Mapped[datetime] = mapped_column("profileChangedAt", default=utc_now)
    avatar_color: Mapped[str | None] = mapped_column("avatarColor")
    storage_label: Mapped[str | None] = mapped_column("storageLabel", unique=True)
    oauth_id: Mapped[str] = mapped_column("oauthId", default="")
    status: Mapped[str] = mapped_column(default="active")
    # Bytes; None is no limit.
    quota_size_in_bytes: Mapped[int | None] = mapped_column("quotaSizeInBytes", BigInteger)
    quota_usage_in_bytes: Mapped[int] = mapped_column("quotaUsageInBytes", BigInteger, default=0)
    deleted_at: Mapped[datetime | None] = mapped_column("deletedAt")


class UserMetadata(Base):
    """What a user has decided, by key: `preferences` holds what differs from the defaults."""

    __tablename__ = "user_metadata"

    user_id: Mapped[UUID] = mapped_column("userId", ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]] = mapped_column(JSON().with_variant(JSONB(), "postgresql"))


class UserSession(Identified, Timestamped, Base):
    """A signed-in device; `token` is the SHA-256 of what the client holds."""

    __tablename__ = "session"

    token: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    user_id: Mapped[UUID] = mapped_column("userId", ForeignKey("user.id", ondelete="CASCADE"), index=True)
    device_type: Mapped[str] = mapped_column("deviceType", default="")
    device_os: Mapped[str] = mapped_column("deviceOS", default="")
    app_version: Mapped[str | None] = mapped_column("appVersion")
    expires_at: Mapped[datetime | None] = mapped_column("expiresAt")


class ApiKey(Identified, Timestamped, Base):
    """A key for scripts and clients; `key` is the SHA-256 of the secret."""

    __tablename__ = "api_key"

    name: Mapped[str]
    key: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    user_id: Mapped[UUID] = mapped_column("userId", ForeignKey("user.id", ondelete="CASCADE"), index=True)
    permissions: Mapped[list[str]] = mapped_column(TextList)


class LoginFailure(Base):
    """Failed logins since the last success, per e-mail address and client address."""

    __tablename__ = "login_failure"
    __table_args__ = (Index("ix_login_failure_last_at", "last_at"),)

    subject: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime]
