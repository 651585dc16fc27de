"""Which face stands for a person: chosen where there is none, and anew where it is gone."""

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.orm import Session

from jobs import ledger
from jobs.names import JobName
from models.assets import Asset
from models.people import AssetFace, Person
from services import objects

# A face that was taken away stays in its table, so that no program finds it again.
IS_SHOWN = AssetFace.deleted_at.is_(None) & AssetFace.is_visible
_WIDTH = AssetFace.bounding_box_x2 - AssetFace.bounding_box_x1


def shows(person_id: UUID) -> ColumnElement[bool]:
    """Whether the person's face is in `Asset`."""
    return exists().where(AssetFace.asset_id == Asset.id, AssetFace.person_id == person_id, IS_SHOWN)


def feature(session: Session, person: Person, face_id: UUID) -> None:
    """Lets a face stand for the person from now on; a job makes the thumbnail."""
    person.face_asset_id = face_id
    ledger.enqueue(session, JobName.PERSON_GENERATE_THUMBNAIL, id=str(person.id))


def featured_by(session: Session, face_ids: Collection[UUID]) -> Sequence[Person]:
    """The people for whom one of these faces stands, locked until the transaction ends."""
    query = select(Person).where(Person.face_asset_id.in_(face_ids)).order_by(Person.id)
    return session.scalars(query.with_for_update()).all()


def feature_another(session: Session, people: Iterable[Person]) -> list[str]:
    """Lets the widest face of each person stand for them; who has none is left without a thumbnail.

    Returns the paths that were disowned, for `objects.remove_disowned` after the commit.
    """
    session.flush()
    disowned = []
    for person in people:
        face_id = session.scalar(
            select(AssetFace.id)
            .where(AssetFace.person_id == person.id, IS_SHOWN)
            .order_by(_WIDTH.desc(), AssetFace.id)
            .limit(1)
        )
        if face_id is not None:
            feature(session, person, face_id)
        else:
            person.face_asset_id = None
            disowned += take_thumbnails(session, [person])
    return disowned


def take_thumbnails(session: Session, people: Iterable[Person]) -> list[str]:
    """Leaves people without thumbnails; returns the paths that were disowned."""
    paths = []
    for person in people:
        if person.thumbnail_path:
            paths.append(person.thumbnail_path)
            person.thumbnail_path = ""
    if paths:
        objects.disown(session, paths)
    return paths


def remove_faces_in(session: Session, asset_id: UUID) -> list[str]:
    """Removes the faces in an asset that is on its way out; whoever one of them stood for gets another.

    Returns the paths that were disowned.
    """
    face_ids = session.scalars(select(AssetFace.id).where(AssetFace.asset_id == asset_id)).all()
    if not face_ids:
        return []
    people = featured_by(session, face_ids)
    session.execute(delete(AssetFace).where(AssetFace.asset_id == asset_id))
    return feature_another(session, people)
