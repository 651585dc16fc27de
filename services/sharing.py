"""Which photos of others a user sees: those in albums that they are a member of."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, SQLColumnExpression, exists, literal_column, or_
from sqlalchemy.orm import aliased

from models.albums import Album, AlbumAsset, AlbumRole, AlbumUser
from models.assets import Asset, AssetVisibility
from models.users import User

_UserId = UUID | SQLColumnExpression[UUID]


def is_shared_with(user_id: _UserId) -> ColumnElement[bool]:
    """Whether `Asset` shows in an album that the user sees; a live photo's video does so with its photo.

    A photo in the trash or locked away shows in none, nor does one in an album whose owner was deleted.
    `user_id` is a value, or the id of the `User` in the statement around.
    """
    photo = aliased(Asset)
    with_its_photo = (
        exists()
        .where(photo.live_photo_video_id == Asset.id, _is_shown(photo), _is_in_album_of(photo, user_id))
        .correlate(Asset, User)
    )
    by_itself = _is_shown(Asset) & _is_in_album_of(Asset, user_id)
    is_hidden = Asset.visibility == _constant(AssetVisibility.HIDDEN)
    return Asset.deleted_at.is_(None) & or_(by_itself, is_hidden & with_its_photo)


def _is_shown(photo: type[Asset]) -> ColumnElement[bool]:
    seen = [photo.visibility == _constant(one) for one in (AssetVisibility.TIMELINE, AssetVisibility.ARCHIVE)]
    return photo.deleted_at.is_(None) & or_(*seen)


def _is_in_album_of(photo: type[Asset], user_id: _UserId) -> ColumnElement[bool]:
    member, owner, owning = aliased(AlbumUser), aliased(AlbumUser), aliased(User)
    return (
        exists()
        .where(AlbumAsset.asset_id == photo.id)
        .where(Album.id == AlbumAsset.album_id, Album.deleted_at.is_(None))
        .where(member.album_id == Album.id, member.user_id == user_id)
        .where(owner.album_id == Album.id, owner.role == _constant(AlbumRole.OWNER))
        .where(owning.id == owner.user_id, owning.deleted_at.is_(None))
        .correlate(photo, User)
    )


def _constant(value: StrEnum) -> ColumnElement[Any]:
    """A value as part of the statement: each parameter would cost time with every request for a picture."""
    return literal_column(f"'{value}'")
