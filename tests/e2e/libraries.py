"""Libraries made directly, as fast as rows can be written: many assets over few objects."""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import insert, select

from config import MediaKind
from models.assets import Asset, AssetType
from models.base import table_of
from models.objects import StoredObject
from models.users import User
from storage import core
from tests.e2e.installations import Inside

TAKEN = datetime(2024, 5, 1, 10, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Original:
    """An object that many assets may name as theirs."""

    path: str
    data: bytes


def put_originals(
    inside: Inside, contents: Sequence[bytes], kind: MediaKind = MediaKind.ORIGINALS
) -> list[Original]:
    """Objects with their rows, on the engine that the settings name for the kind."""
    originals = []
    for data in contents:
        path = inside.storage.new_path(core.original_key(_owner_of(inside), ".jpg"), kind)
        inside.storage.put_object(path, data)
        originals.append(Original(path, data))
    rows = [
        {
            "path": original.path,
            "kind": kind,
            "owner_id": _owner_of(inside),
            "size": len(original.data),
            "sha1": hashlib.sha1(original.data).digest(),
            "crc32": zlib.crc32(original.data),
        }
        for original in originals
    ]
    with inside.database.write() as session:
        session.execute(insert(table_of(StoredObject)), rows)
    return originals


def add_assets(inside: Inside, originals: Sequence[Original], count: int) -> list[str]:
    """So many assets of the only user, `0.jpg`, `1.jpg` and so on, each with the next of the originals; their ids."""
    ids = [uuid4() for _ in range(count)]
    owner_id = _owner_of(inside)
    rows = [
        {
            "id": asset_id,
            "ownerId": owner_id,
            "type": AssetType.IMAGE,
            "originalPath": originals[number % len(originals)].path,
            "originalFileName": f"{number}.jpg",
            "checksum": asset_id.bytes,
            "fileCreatedAt": TAKEN,
            "fileModifiedAt": TAKEN + timedelta(seconds=2 * number),
            "localDateTime": TAKEN,
        }
        for number, asset_id in enumerate(ids)
    ]
    with inside.database.write() as session:
        session.execute(insert(table_of(Asset)), rows)
    return [str(asset_id) for asset_id in ids]


def _owner_of(inside: Inside) -> UUID:
    with inside.database.read() as session:
        return session.scalars(select(User.id)).one()
