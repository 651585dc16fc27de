"""Faces in a user's assets: marked by hand, given to people, taken away."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.assets import Asset
from models.base import utc_now
from models.people import AssetFace, FaceSource, Person
from services import features, objects
from services.access import no_access
from services.auth import Auth
from services.features import IS_SHOWN
from services.people import own_person
from services.permissions import Permission
from services.system import System


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFace:
    """A box that a person with a client has drawn, in pixels of the upright picture as it was shown."""

    asset_id: UUID
    person_id: UUID
    image_width: int
    image_height: int
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class SeenFace:
    """A face and whose it is; nobody's where that is not known."""

    face: AssetFace
    person: Person | None


@dataclass(frozen=True, slots=True)
class FacesOf:
    """The faces of one person in one asset."""

    person_id: UUID
    asset_id: UUID


def faces_in(system: System, auth: Auth, asset_id: UUID) -> list[SeenFace]:
    """The faces in an asset, from left to right. Raises BadRequest where the asset is not the user's."""
    query = (
        select(AssetFace, Person)
        .outerjoin(Person, (Person.id == AssetFace.person_id) & (Person.owner_id == auth.user_id))
        .where(AssetFace.asset_id == asset_id, IS_SHOWN)
        .order_by(AssetFace.bounding_box_x1, AssetFace.id)
    )
    with system.database.read() as session:
        _own_asset(session, auth, asset_id, Permission.ASSET_READ)
        return [SeenFace(*row) for row in session.execute(query)]


def create_face(system: System, auth: Auth, new: NewFace) -> None:
    """Marks a face as somebody's. Raises BadRequest where asset or person is not the user's."""
    with system.transaction() as session:
        _own_asset(session, auth, new.asset_id, Permission.ASSET_UPDATE)
        person = own_person(session, auth, new.person_id, Permission.PERSON_READ)
        face = AssetFace(
            id=uuid4(),
            asset_id=new.asset_id,
            person_id=new.person_id,
            image_width=new.image_width,
            image_height=new.image_height,
            bounding_box_x1=new.x,
            bounding_box_y1=new.y,
            bounding_box_x2=new.x + new.width,
            bounding_box_y2=new.y + new.height,
            source_type=FaceSource.MANUAL,
        )
        session.add(face)
        session.flush()
        if person.face_asset_id is None:
            features.feature(session, person, face.id)


def reassign_face(system: System, auth: Auth, face_id: UUID, person_id: UUID) -> Person:
    """Gives a face to a person. Raises BadRequest where one of them is not the user's."""
    with system.transaction() as session:
        person = own_person(session, auth, person_id, Permission.PERSON_UPDATE)
        face = _own_face(session, auth, face_id, Permission.PERSON_CREATE)
        paths = _give(session, [face], person)
    objects.remove_disowned(system, paths)
    return person


def reassign_faces(system: System, auth: Auth, person_id: UUID, which: Iterable[FacesOf]) -> Person:
    """Gives faces to a person; those that are not the user's stay. Raises BadRequest for others' persons."""
    with system.transaction() as session:
        person = own_person(session, auth, person_id, Permission.PERSON_UPDATE)
        faces = [face for one in which for face in _faces_of(session, auth, one)]
        paths = _give(session, faces, person)
    objects.remove_disowned(system, paths)
    return person


def delete_face(system: System, auth: Auth, face_id: UUID, *, force: bool) -> None:
    """Takes a face away; only with `force` it is forgotten, so that a program may find it again.

    Raises BadRequest where it is not in an asset of the user's.
    """
    with system.transaction() as session:
        face = _own_face(session, auth, face_id, Permission.FACE_DELETE)
        people = features.featured_by(session, [face_id])
        if force:
            session.delete(face)
        else:
            face.deleted_at = utc_now()
        paths = features.feature_another(session, people)
    objects.remove_disowned(system, paths)


def _own_asset(session: Session, auth: Auth, asset_id: UUID, permission: Permission) -> None:
    own = select(Asset.id).where(Asset.id == asset_id, Asset.owner_id == auth.user_id)
    if session.scalar(own.with_for_update(read=True)) is None:
        raise no_access(permission)


def _own_face(session: Session, auth: Auth, face_id: UUID, permission: Permission) -> AssetFace:
    face = session.scalar(
        select(AssetFace)
        .join(Asset, Asset.id == AssetFace.asset_id)
        .where(AssetFace.id == face_id, IS_SHOWN, Asset.owner_id == auth.user_id)
    )
    if face is None:
        raise no_access(permission)
    return face


def _faces_of(session: Session, auth: Auth, which: FacesOf) -> Sequence[AssetFace]:
    return session.scalars(
        select(AssetFace)
        .join(Asset, Asset.id == AssetFace.asset_id)
        .where(AssetFace.asset_id == which.asset_id, AssetFace.person_id == which.person_id, IS_SHOWN)
        .where(Asset.owner_id == auth.user_id)
    ).all()


def _give(session: Session, faces: Sequence[AssetFace], person: Person) -> list[str]:
    """Makes the faces the person's; whoever one of them stood for gets another. Returns the disowned paths."""
    former = features.featured_by(session, [face.id for face in faces if face.person_id != person.id])
    for face in faces:
        face.person_id = person.id
    lacking = [person] if person.face_asset_id is None and faces else []
    return features.feature_another(session, [*former, *lacking])
