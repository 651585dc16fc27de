"""What goes into an archive: the members, where their bytes lie, and what is missing."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha1
from io import BytesIO
from itertools import groupby, islice
from uuid import UUID
from zlib import crc32

from sqlalchemy import ColumnElement, func, or_, select, update

from errors import ObjectNotFound, UnmanagedPath
from media.zip_layout import Member, MemberBytes, ZipLayout
from media.zip_names import archive_names
from media.zip_stream import ArchiveBody, Unsummed, laid_out, streamed
from models.assets import Asset
from models.base import utc_now
from models.objects import StoredObject
from services.access import no_access
from services.permissions import Permission
from services.sharing import is_shared_with
from services.system import System
from storage.backend import ReadStream
from storage.types import ByteRange, StorageKey

MISSING_LIST = "_missing.txt"
# SQLite takes some tens of thousands of bound values at most.
BATCH = 5000
# So many objects are looked for one by one before an archive is begun; more only where a listing is cheap.
LOOKED_FOR = 20
LISTED_AT_ONCE = 1000
MOST_PAGES = 10
# Checksums found on the way are kept in lots.
KEPT_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """An original as the database knows it; `size` and `sha1` are None where it knows no bytes of it."""

    name: str
    path: str
    modified_at: datetime
    owner_id: UUID
    size: int | None
    sha1: bytes | None
    crc32: int | None
    missing_at: datetime | None


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """A member to be: its `source` is a stored path, or the bytes themselves. `crc32` None is not known yet."""

    name: str
    modified_at: datetime
    size: int
    sha1: bytes
    crc32: int | None
    source: str | bytes


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive before its first byte; `layout` is None until every checksum is known."""

    entries: Sequence[ArchiveEntry]
    layout: ZipLayout | None


def archive_of(system: System, user_id: UUID, asset_ids: Sequence[UUID], *, is_begun: bool) -> Archive:
    """The archive of these assets' originals in their order, as far as the user may download them.

    What is known to be missing is listed in `_missing.txt` instead. An archive that is not begun
    yet is worth looking for its objects in the bucket, as far as that costs little; a part of one
    that is begun is made as the whole was. Raises BadRequest (Immich's) where nothing may be downloaded.
    """
    files = _files_of(system, user_id, asset_ids)
    if not files:
        raise no_access(Permission.ASSET_DOWNLOAD)
    gone = {file.path for file in files if _is_known_missing(system, file)}
    if not is_begun:
        gone -= _found_again(system, [file for file in files if file.missing_at is not None])
        gone |= _missing_from_bucket(system, [file for file in files if file.path not in gone])
    entries = _entries([file for file in files if file.path not in gone], [file for file in files if file.path in gone])
    return Archive(entries, _layout_of(entries))


def body_of(system: System, archive: Archive, part: ByteRange | None = None) -> ArchiveBody:
    """A part of an archive, or all of it: so always where the layout is not known, and what is found is kept."""
    if archive.layout is None:
        return _body_without_layout(system, archive.entries)
    start, stop = (part.start, part.stop) if part else (0, None)

    def open_member(piece: MemberBytes) -> ReadStream:
        return _open(system, archive.entries[piece.index], piece.byte_range)

    return laid_out(archive.layout, start, archive.layout.size if stop is None else stop, open_member)


def is_in_bucket(system: System, archive: Archive) -> bool:
    """Whether bytes of the archive come from a bucket."""
    return any(
        isinstance(entry.source, str) and system.storage.local_path(entry.source) is None for entry in archive.entries
    )


def _body_without_layout(system: System, entries: Sequence[ArchiveEntry]) -> ArchiveBody:
    found: dict[str, int] = {}

    def learned(index: int, checksum: int) -> None:
        source = entries[index].source
        if isinstance(source, str):
            found[source] = checksum
        if len(found) >= KEPT_AT_ONCE or index == len(entries) - 1:
            _keep_checksums(system, found)
            found.clear()

    members = [Unsummed(index, entry.name, entry.size, entry.modified_at) for index, entry in enumerate(entries)]
    return streamed(members, lambda member: _open(system, entries[member.index]), learned)


def _files_of(system: System, user_id: UUID, asset_ids: Sequence[UUID]) -> list[ArchiveFile]:
    query = (
        select(
            Asset.id,
            Asset.original_file_name,
            Asset.original_path,
            Asset.file_modified_at,
            Asset.owner_id,
            StoredObject.size,
            StoredObject.sha1,
            StoredObject.crc32,
            StoredObject.missing_at,
        )
        .outerjoin(StoredObject, StoredObject.path == Asset.original_path)
        .where(may_download(user_id))
    )
    found: dict[UUID, ArchiveFile] = {}
    with system.database.read() as session:
        for batch in batches(asset_ids):
            rows = session.execute(query.where(Asset.id.in_(batch)))
            found.update({row[0]: ArchiveFile(*row[1:]) for row in rows})
    return [found[asset_id] for asset_id in dict.fromkeys(asset_ids) if asset_id in found]


def may_download(user_id: UUID) -> ColumnElement[bool]:
    """Which assets a user may download: their own, and what others share with them."""
    return or_(Asset.owner_id == user_id, is_shared_with(user_id))


def batches(asset_ids: Sequence[UUID]) -> Iterator[list[UUID]]:
    """The ids in lots that one statement can name."""
    rest = iter(asset_ids)
    while batch := list(islice(rest, BATCH)):
        yield batch


def _is_known_missing(system: System, file: ArchiveFile) -> bool:
    if file.sha1 is None or file.missing_at is not None:
        return True
    try:
        local = system.storage.local_path(file.path)
    except UnmanagedPath:
        return True
    if local is None or local.is_file():
        return False
    # Says apart what is gone and what is unmounted: an absent disk is no absent file.
    return not system.storage.exists(file.path)


def _found_again(system: System, files: Sequence[ArchiveFile]) -> set[str]:
    """Which of the first objects that were once missing are back, as from a backup; noted, so that parts agree."""
    back = {file.path for file in files[:LOOKED_FOR] if system.storage.exists(file.path)}
    if back:
        with system.database.write() as session:
            session.execute(update(StoredObject).where(StoredObject.path.in_(back)).values(missing_at=None))
    return back


def _missing_from_bucket(system: System, files: Sequence[ArchiveFile]) -> set[str]:
    """Which objects the bucket lacks, by whatever costs few requests; noted, so that every part agrees."""
    held = [file for file in files if system.storage.local_path(file.path) is None]
    if len(held) <= LOOKED_FOR:
        with ThreadPoolExecutor(8) as pool:
            there = pool.map(lambda file: system.storage.exists(file.path), held)
            gone = {file.path for file, is_there in zip(held, there, strict=True) if not is_there}
    else:
        gone = _missing_from_listings(system, held)
    for path in gone:
        note_missing(system, path)
    return gone


def _missing_from_listings(system: System, files: Sequence[ArchiveFile]) -> set[str]:
    gone: set[str] = set()
    by_owner = sorted(files, key=lambda file: file.owner_id)
    for owner_id, group in groupby(by_owner, key=lambda file: file.owner_id):
        wanted = {file.path for file in group}
        if _pages_of(system, owner_id) <= min(MOST_PAGES, len(wanted) // 10):
            gone |= wanted - _listed_beside(system, wanted)
    return gone


def _pages_of(system: System, owner_id: UUID) -> int:
    with system.database.read() as session:
        count = session.scalar(select(func.count()).where(StoredObject.owner_id == owner_id)) or 0
    return count // LISTED_AT_ONCE + 1


def _listed_beside(system: System, paths: set[str]) -> set[str]:
    """Every object that lies in the first two folders of the paths, such as `upload/<user>`."""
    found: set[str] = set()
    for folder in {path[: -len(key)] + "/".join(key.split("/")[:2]) for path, key in _keys_of(system, paths)}:
        place = system.storage.locate(folder)
        root = folder[: -len(place.key)]
        found.update(f"{root}{key}" for key, _ in place.backend.list_keys(place.key))
    return found


def _keys_of(system: System, paths: set[str]) -> Iterator[tuple[str, StorageKey]]:
    return ((path, system.storage.locate(path).key) for path in paths)


def _entries(files: Sequence[ArchiveFile], missing: Sequence[ArchiveFile]) -> list[ArchiveEntry]:
    names = archive_names((file.name for file in files), taken=(MISSING_LIST,))
    entries = [
        ArchiveEntry(name, file.modified_at, file.size or 0, file.sha1 or b"", file.crc32, file.path)
        for name, file in zip(names, files, strict=True)
    ]
    if missing:
        entries.append(_missing_list(missing))
    return entries


def _missing_list(missing: Sequence[ArchiveFile]) -> ArchiveEntry:
    """A text that names what is left out; the same files make the same bytes, whenever it is made."""
    lines = ["Not in this archive, because their bytes are not there:", "", *(file.name for file in missing), ""]
    data = "\n".join(lines).encode(errors="replace")
    dated = max(file.modified_at for file in missing)
    digest = sha1(data, usedforsecurity=False).digest()
    return ArchiveEntry(MISSING_LIST, dated, len(data), digest, crc32(data), data)


def _layout_of(entries: Sequence[ArchiveEntry]) -> ZipLayout | None:
    members = [
        Member(entry.name, entry.size, entry.crc32, entry.modified_at, entry.sha1)
        for entry in entries
        if entry.crc32 is not None
    ]
    return ZipLayout(members) if len(members) == len(entries) else None


def _open(system: System, entry: ArchiveEntry, byte_range: ByteRange | None = None) -> ReadStream:
    if isinstance(entry.source, bytes):
        return BytesIO(entry.source[byte_range.start : byte_range.stop] if byte_range else entry.source)
    if byte_range == ByteRange(0, entry.size):
        byte_range = None
    try:
        return system.storage.read_stream(entry.source, byte_range)
    except ObjectNotFound:
        note_missing(system, entry.source)
        raise


def note_missing(system: System, path: str) -> None:
    """Remembers that an object was looked for and not found."""
    with system.database.write() as session:
        session.execute(
            update(StoredObject)
            .where(StoredObject.path == path, StoredObject.missing_at.is_(None))
            .values(missing_at=utc_now())
        )


def _keep_checksums(system: System, found: dict[str, int]) -> None:
    with system.database.write() as session:
        for path, checksum in found.items():
            unknown = (StoredObject.path == path) & StoredObject.crc32.is_(None)
            session.execute(update(StoredObject).where(unknown).values(crc32=checksum))
