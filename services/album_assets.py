"""What is in an album: a new album with its first photos, adding and taking out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from uuid import UUID, uuid4

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from models.albums import Album, AlbumAsset, AlbumRole, AlbumUser
from models.assets import Asset, AssetVisibility
from models.base import utc_now
from services.album_users import Guest, add_guests
from services.albums import CONTRIBUTORS, AlbumView, album_to_change, view_of
from services.auth import Auth
from services.permissions import Permission
from services.system import System

# SQLite takes some tens of thousands of bound values at most; a batch stays far below.
BATCH = 5000


class Refusal(StrEnum):
    """Why one of many ids was refused, in Immich's words."""

    DUPLICATE = "duplicate"
    NO_PERMISSION = "no_permission"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class IdResult:
    """What became of one id of a request; `refusal` None is success."""

    id: UUID
    refusal: Refusal | None


def create_album(
    system: System, auth: Auth, name: str, description: str, asset_ids: Sequence[UUID], guests: Sequence[Guest]
) -> AlbumView:
    """A new album of the user's; assets of others are left out, as Immich does.

    Raises BadRequest where a guest is unknown or the owner.
    """
    album = Album(id=uuid4(), album_name=name, description=description)
    with system.transaction() as session:
        session.add(album)
        session.flush()
        session.add(AlbumUser(album_id=album.id, user_id=auth.user_id, role=AlbumRole.OWNER))
        add_guests(session, album.id, guests)
        own = _own(session, auth, asset_ids)
        _put_in(session, album, [asset_id for asset_id in dict.fromkeys(asset_ids) if asset_id in own])
        return view_of(session, auth, album.id)


def add_assets(system: System, auth: Auth, album_id: UUID, asset_ids: Sequence[UUID]) -> list[IdResult]:
    """One result for each id, in their order; what is there already is a duplicate.

    Raises BadRequest where the user is neither owner nor editor.
    """
    with system.transaction() as session:
        album = album_to_change(session, auth, album_id, CONTRIBUTORS, Permission.ALBUM_ASSET_CREATE)
        present = _present(session, album_id, asset_ids)
        own = _own(session, auth, asset_ids)
        results, new = [], []
        for asset_id in asset_ids:
            refusal = _refusal_to_add(asset_id, present, own)
            results.append(IdResult(asset_id, refusal))
            if refusal is None:
                new.append(asset_id)
                present.add(asset_id)
        _put_in(session, album, new)
    return results


def remove_assets(system: System, auth: Auth, album_id: UUID, asset_ids: Sequence[UUID]) -> list[IdResult]:
    """One result for each id, in their order; the owner takes out everything, editors what is theirs.

    Raises BadRequest where the user is neither owner nor editor.
    """
    with system.transaction() as session:
        album = album_to_change(session, auth, album_id, CONTRIBUTORS, Permission.ALBUM_ASSET_DELETE)
        present = _present(session, album_id, asset_ids)
        is_owner = session.get_one(AlbumUser, (album_id, auth.user_id)).role is AlbumRole.OWNER
        own = present if is_owner else _own(session, auth, asset_ids)
        results = []
        for asset_id in asset_ids:
            if asset_id not in present:
                results.append(IdResult(asset_id, Refusal.NOT_FOUND))
            elif asset_id not in own:
                results.append(IdResult(asset_id, Refusal.NO_PERMISSION))
            else:
                results.append(IdResult(asset_id, None))
        _take_out(session, album, {result.id for result in results if result.refusal is None})
    return results


def _refusal_to_add(asset_id: UUID, present: set[UUID], own: set[UUID]) -> Refusal | None:
    if asset_id in present:
        return Refusal.DUPLICATE
    return None if asset_id in own else Refusal.NO_PERMISSION


def _present(session: Session, album_id: UUID, asset_ids: Iterable[UUID]) -> set[UUID]:
    in_album = select(AlbumAsset.asset_id).where(AlbumAsset.album_id == album_id)
    found: set[UUID] = set()
    for batch in _batches(asset_ids):
        found.update(session.scalars(in_album.where(AlbumAsset.asset_id.in_(batch))))
    return found


def _own(session: Session, auth: Auth, asset_ids: Iterable[UUID]) -> set[UUID]:
    """Which of the assets are the user's to share; they are kept from being removed meanwhile."""
    query = select(Asset.id).where(Asset.owner_id == auth.user_id, Asset.visibility != AssetVisibility.LOCKED)
    found: set[UUID] = set()
    for batch in _batches(asset_ids):
        found.update(session.scalars(query.where(Asset.id.in_(batch)).with_for_update(read=True, key_share=True)))
    return found


def _put_in(session: Session, album: Album, asset_ids: Sequence[UUID]) -> None:
    if not asset_ids:
        return
    now = utc_now()
    rows = [{"album_id": album.id, "asset_id": asset_id, "created_at": now} for asset_id in asset_ids]
    session.execute(insert(AlbumAsset), rows)
    album.updated_at = now
    if album.album_thumbnail_asset_id is None:
        album.album_thumbnail_asset_id = asset_ids[0]


def _take_out(session: Session, album: Album, asset_ids: set[UUID]) -> None:
    if not asset_ids:
        return
    in_album = delete(AlbumAsset).where(AlbumAsset.album_id == album.id)
    for batch in _batches(asset_ids):
        session.execute(in_album.where(AlbumAsset.asset_id.in_(batch)))
    album.updated_at = utc_now()
    if album.album_thumbnail_asset_id in asset_ids:
        album.album_thumbnail_asset_id = None


def _batches(asset_ids: Iterable[UUID]) -> Iterator[list[UUID]]:
    rest = iter(asset_ids)
    while batch := list(islice(rest, BATCH)):
        yield batch
