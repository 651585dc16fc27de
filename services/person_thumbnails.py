"""Thumbnails of people: the job that cuts the face that stands for a person out of a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from config import MediaKind
from errors import MediaError, UnsupportedMedia
from jobs import ledger
from jobs.names import JobName
from jobs.registry import job
from media import crops, workshop
from media.crops import FaceBox
from media.images import PREVIEW_SIDE
from media.staging import Digest
from models.assets import Asset, AssetFile, AssetFileType, AssetType
from models.base import utc_now
from models.objects import StoredObject
from models.people import AssetFace, Person
from services import objects
from services.system import System
from storage import core


@dataclass(frozen=True, slots=True)
class _Feature:
    """The face that stands for a person, and the stored paths of its picture, the cheapest to read first."""

    person_id: UUID
    owner_id: UUID
    face_id: UUID
    box: FaceBox
    sources: Sequence[str]


@job(JobName.PERSON_GENERATE_THUMBNAIL)
def generate_person_thumbnail(system: System, id: UUID) -> None:
    """Makes the thumbnail of a person, or makes it again; nothing for who is gone or has no face.

    The preview is read, and the original only where the face is small in it. The object comes
    first, all rows in one commit. Raises UnsupportedMedia and MediaError, which set the job aside.
    """
    wanted = _feature_of(system, id)
    if wanted is None:
        return
    path = system.storage.new_path(core.person_thumbnail_key(wanted.owner_id, id), MediaKind.THUMBNAILS)
    with system.staging.upload_from_temp(system.storage, path, content_type="image/jpeg") as output:
        _cut_out(system, wanted, output.path)
        objects.announce_all(system, {path: output.path.stat().st_size})
    _attach(system, wanted, path, output.digest)


def enqueue_thumbnails(session: Session, *, force: bool) -> None:
    """Enqueues the thumbnail of every person with a face who has none, with `force` of all of them."""
    wanted = select(Person.id).where(Person.face_asset_id.is_not(None))
    if not force:
        wanted = wanted.where(Person.thumbnail_path == "")
    ids = session.scalars(wanted.order_by(Person.id)).all()
    ledger.enqueue_all(session, JobName.PERSON_GENERATE_THUMBNAIL, ({"id": str(one)} for one in ids))


def _feature_of(system: System, person_id: UUID) -> _Feature | None:
    is_preview = (
        (AssetFile.asset_id == Asset.id) & (AssetFile.type == AssetFileType.PREVIEW) & AssetFile.is_edited.is_(False)
    )
    query = (
        select(Person.owner_id, AssetFace, Asset, AssetFile.path)
        .select_from(Person)
        .join(AssetFace, AssetFace.id == Person.face_asset_id)
        .join(Asset, Asset.id == AssetFace.asset_id)
        .outerjoin(AssetFile, is_preview)
        .where(Person.id == person_id)
    )
    with system.database.read() as session:
        row = session.execute(query).one_or_none()
    if row is None:
        return None
    owner_id, face, asset, preview = row
    return _Feature(person_id, owner_id, face.id, _box_of(face), _sources_of(asset, preview))


def _box_of(face: AssetFace) -> FaceBox:
    return FaceBox(
        image_width=face.image_width,
        image_height=face.image_height,
        x1=face.bounding_box_x1,
        y1=face.bounding_box_y1,
        x2=face.bounding_box_x2,
        y2=face.bounding_box_y2,
    )


def _sources_of(asset: Asset, preview: str | None) -> list[str]:
    sources = [] if preview is None else [preview]
    has_more_pixels = not asset.width or not asset.height or min(asset.width, asset.height) > PREVIEW_SIDE
    if asset.type is AssetType.IMAGE and (preview is None or has_more_pixels):
        sources.append(asset.original_path)
    return sources


def _cut_out(system: System, wanted: _Feature, target: Path) -> None:
    """Writes the face from the first source in which it is large enough, else from the last that can be read."""
    if not wanted.sources:
        raise UnsupportedMedia("There is no picture of this person that can be read")
    for number, path in enumerate(wanted.sources):
        with system.staging.stage_to_temp(system.storage, path) as source:
            try:
                if workshop.run(crops.crop_face, source, target, wanted.box) >= crops.SIDE:
                    return
            except MediaError:
                # What the preview gave is better than nothing.
                if number == 0:
                    raise


def _attach(system: System, made: _Feature, path: str, digest: Digest) -> None:
    """Gives the thumbnail to the person in one commit, and removes what nobody needs any more."""
    with system.transaction() as session:
        # The lock keeps the person from being removed between this look and the commit.
        person = session.get(Person, made.person_id, with_for_update=True)
        unwanted = _replace(session, person, made, path, digest)
        if unwanted is not None:
            objects.disown(session, [unwanted])
    objects.remove_disowned(system, [] if unwanted is None else [unwanted])


def _replace(session: Session, person: Person | None, made: _Feature, path: str, digest: Digest) -> str | None:
    """Puts the thumbnail in the place of the former one; the path that is of no more use, if there is one."""
    if person is None:
        return path
    former, person.updated_at = person.thumbnail_path, utc_now()
    if person.face_asset_id is None:
        person.thumbnail_path = ""
        return path
    session.execute(delete(StoredObject).where(StoredObject.path == path))
    objects.adopt(session, path, MediaKind.THUMBNAILS, made.owner_id, digest)
    person.thumbnail_path = path
    if person.face_asset_id != made.face_id:
        # Another face was chosen meanwhile, and its own job may have come to its end before.
        ledger.enqueue(session, JobName.PERSON_GENERATE_THUMBNAIL, id=str(person.id))
    return former if former not in ("", path) else None
