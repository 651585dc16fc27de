"""Albums: who sees them, what they are called, what they hold in numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, exists, func, select
from sqlalchemy.orm import Session, aliased

from errors import BadRequest
from models.albums import Album, AlbumAsset, AlbumRole, AlbumUser, AssetOrder
from models.assets import Asset, AssetVisibility
from models.users import User
from services.access import no_access
from services.auth import Auth
from services.changes import UNSET, Unset, apply_changes
from services.permissions import Permission
from services.system import System

# What counts in an album: neither trashed nor hidden (live photos' videos) nor locked away.
IS_SHOWN = Asset.deleted_at.is_(None) & Asset.visibility.in_((AssetVisibility.TIMELINE, AssetVisibility.ARCHIVE))
ANY_ROLE = frozenset(AlbumRole)
CONTRIBUTORS = frozenset((AlbumRole.OWNER, AlbumRole.EDITOR))
OWNER_ONLY = frozenset((AlbumRole.OWNER,))


@dataclass(frozen=True, slots=True)
class Member:
    user: User
    role: AlbumRole


@dataclass(frozen=True, slots=True)
class Contents:
    """What an album holds; the dates are those of its first and last photo."""

    count: int
    first_date: datetime
    last_date: datetime
    last_modified: datetime


@dataclass(frozen=True, slots=True)
class AlbumView:
    """An album as its members see it; the owner comes first. Empty albums have no contents."""

    album: Album
    members: Sequence[Member]
    contents: Contents | None
    cover_id: UUID | None


@dataclass(frozen=True, slots=True)
class AlbumFilter:
    """Which albums; None is no opinion. With `asset_id` nothing else counts, as in Immich."""

    id: UUID | None = None
    name: str | None = None
    is_owned: bool | None = None
    is_shared: bool | None = None
    asset_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class AlbumCounts:
    owned: int
    shared: int
    not_shared: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlbumChanges:
    """What is to be different about an album; UNSET leaves as it is."""

    album_name: str | Unset = UNSET
    description: str | Unset = UNSET
    is_activity_enabled: bool | Unset = UNSET
    order: AssetOrder | Unset = UNSET
    album_thumbnail_asset_id: UUID | Unset = UNSET


def albums_of(system: System, auth: Auth, wanted: AlbumFilter) -> list[AlbumView]:
    """The albums that the user sees, the newest first; in four queries, however many there are."""
    with system.database.read() as session:
        return _views(session, _matching(auth, wanted))


def album_of(system: System, auth: Auth, album_id: UUID) -> AlbumView:
    """Raises BadRequest (Immich's) where the user does not see the album."""
    with system.database.read() as session:
        return view_of(session, auth, album_id)


def view_of(session: Session, auth: Auth, album_id: UUID) -> AlbumView:
    """The album as it stands in the caller's transaction. Raises BadRequest (Immich's)."""
    session.flush()
    views = _views(session, _matching(auth, AlbumFilter(id=album_id)))
    if not views:
        raise no_access(Permission.ALBUM_READ)
    return views[0]


def update_album(system: System, auth: Auth, album_id: UUID, changes: AlbumChanges) -> AlbumView:
    """Raises BadRequest where the user is not the owner, or the cover not in the album."""
    with system.transaction() as session:
        album = album_to_change(session, auth, album_id, OWNER_ONLY, Permission.ALBUM_UPDATE)
        cover = changes.album_thumbnail_asset_id
        if cover is not UNSET and session.get(AlbumAsset, (album_id, cover)) is None:
            raise BadRequest("Invalid album thumbnail")
        apply_changes(album, changes)
        return view_of(session, auth, album_id)


def delete_album(system: System, auth: Auth, album_id: UUID) -> None:
    """Removes the album, not what is in it. Raises BadRequest where the user is not the owner."""
    with system.transaction() as session:
        album_to_change(session, auth, album_id, OWNER_ONLY, Permission.ALBUM_DELETE)
        session.execute(delete(Album).where(Album.id == album_id))


def count_albums(system: System, auth: Auth) -> AlbumCounts:
    """How many albums the user has, and how many of those they see are shared."""
    mine = aliased(AlbumUser)
    seen = _visible(auth, mine).with_only_columns(mine.role, _is_shared().label("is_shared")).subquery()
    query = select(seen.c.role == AlbumRole.OWNER, seen.c.is_shared, func.count())
    with system.database.read() as session:
        rows = session.execute(query.group_by(seen.c.role, seen.c.is_shared)).all()
    return AlbumCounts(
        owned=sum(count for owned, _, count in rows if owned),
        shared=sum(count for _, shared, count in rows if shared),
        not_shared=sum(count for owned, shared, count in rows if owned and not shared),
    )


def album_to_change(
    session: Session, auth: Auth, album_id: UUID, roles: frozenset[AlbumRole], permission: Permission
) -> Album:
    """The album, locked until the transaction ends, for a member with one of the roles.

    Raises BadRequest (Immich's) for everyone else.
    """
    mine = aliased(AlbumUser)
    query = _visible(auth, mine).with_only_columns(Album).where(Album.id == album_id, mine.role.in_(roles))
    album: Album | None = session.scalar(query.with_for_update(of=Album))
    if album is None:
        raise no_access(permission)
    return album


def _visible(auth: Auth, mine: type[AlbumUser]) -> Select[UUID]:
    """The albums that the user is a member of and whose owner has not been deleted."""
    owner = aliased(AlbumUser)
    return (
        select(Album.id)
        .join(mine, (mine.album_id == Album.id) & (mine.user_id == auth.user_id))
        .join(owner, (owner.album_id == Album.id) & (owner.role == AlbumRole.OWNER))
        .join(User, (User.id == owner.user_id) & User.deleted_at.is_(None))
        .where(Album.deleted_at.is_(None))
    )


def _matching(auth: Auth, wanted: AlbumFilter) -> Select[UUID]:
    mine = aliased(AlbumUser)
    query = _visible(auth, mine)
    if wanted.asset_id is not None:
        holds = (AlbumAsset.album_id == Album.id) & (AlbumAsset.asset_id == wanted.asset_id)
        return query.where(exists().where(holds))
    if wanted.id is not None:
        query = query.where(Album.id == wanted.id)
    if wanted.name is not None:
        query = query.where(Album.album_name == wanted.name)
    if wanted.is_owned is not None:
        query = query.where((mine.role == AlbumRole.OWNER) == wanted.is_owned)
    if wanted.is_shared is not None:
        query = query.where(_is_shared() == wanted.is_shared)
    return query


def _is_shared() -> ColumnElement[bool]:
    guest, user = aliased(AlbumUser), aliased(User)
    return (
        exists()
        .where(guest.album_id == Album.id, guest.role != AlbumRole.OWNER)
        .where(user.id == guest.user_id, user.deleted_at.is_(None))
    )


def _views(session: Session, ids: Select[UUID]) -> list[AlbumView]:
    albums = session.scalars(select(Album).where(Album.id.in_(ids)).order_by(Album.created_at.desc(), Album.id)).all()
    members = _members(session, ids)
    contents = _contents(session, ids)
    covers = _covers(session, ids)
    return [
        AlbumView(album, members[album.id], contents.get(album.id), covers.get(album.id)) for album in albums
    ]


def _members(session: Session, ids: Select[UUID]) -> Mapping[UUID, Sequence[Member]]:
    members: dict[UUID, list[Member]] = {}
    query = (
        select(AlbumUser.album_id, AlbumUser.role, User)
        .join(User, User.id == AlbumUser.user_id)
        .where(AlbumUser.album_id.in_(ids), User.deleted_at.is_(None))
        .order_by(AlbumUser.created_at, User.id)
    )
    for album_id, role, user in session.execute(query):
        members.setdefault(album_id, []).append(Member(user, role))
    for listed in members.values():
        listed.sort(key=lambda member: member.role != AlbumRole.OWNER)
    return members


def _contents(session: Session, ids: Select[UUID]) -> Mapping[UUID, Contents]:
    query = (
        select(
            AlbumAsset.album_id,
            func.count(),
            func.min(Asset.local_date_time),
            func.max(Asset.local_date_time),
            func.max(Asset.updated_at),
        )
        .join(Asset, Asset.id == AlbumAsset.asset_id)
        .where(AlbumAsset.album_id.in_(ids), IS_SHOWN)
        .group_by(AlbumAsset.album_id)
    )
    return {row[0]: Contents(*row[1:]) for row in session.execute(query)}


def _covers(session: Session, ids: Select[UUID]) -> Mapping[UUID, UUID]:
    """Each album's chosen cover; where that is gone or in the trash, its latest photo."""
    is_chosen = AlbumAsset.asset_id == Album.album_thumbnail_asset_id
    place = func.row_number().over(
        partition_by=AlbumAsset.album_id,
        order_by=(is_chosen.is_(True).desc(), Asset.local_date_time.desc(), Asset.id),
    )
    ranked = (
        select(AlbumAsset.album_id, AlbumAsset.asset_id, place.label("place"))
        .join(Album, Album.id == AlbumAsset.album_id)
        .join(Asset, Asset.id == AlbumAsset.asset_id)
        .where(AlbumAsset.album_id.in_(ids), IS_SHOWN)
        .subquery()
    )
    return dict(session.execute(select(ranked.c.album_id, ranked.c.asset_id).where(ranked.c.place == 1)).all())
