"""People in a user's pictures: listed, named, hidden, merged and removed by that user alone."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid4

from sqlalchemy import Select, bindparam, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from config import MediaKind
from errors import BadRequest, NotFound
from media import mime
from models.assets import Asset, AssetVisibility
from models.base import utc_now
from models.objects import StoredObject
from models.people import AssetFace, Person
from models.users import User
from services import features, objects, preferences
from services.access import no_access
from services.album_assets import IdResult, Refusal
from services.assets import Deliverable
from services.auth import Auth, Credentials, ask, question
from services.changes import UNSET, Unset, apply_changes
from services.features import IS_SHOWN
from services.permissions import Permission
from services.system import System


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """Some of a user's people; `total` counts all whom a picture shows, `hidden` those of them who are hidden."""

    people: Sequence[Person]
    has_more: bool
    total: int
    hidden: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonChanges:
    """What is to be different about a person; UNSET leaves as it is."""

    name: str | Unset = UNSET
    is_hidden: bool | Unset = UNSET
    is_favorite: bool | Unset = UNSET
    birth_date: date | Unset | None = UNSET
    color: str | Unset | None = UNSET


@dataclass(frozen=True, slots=True)
class PersonUpdate:
    """Changes to one person; `feature_asset_id` names the asset whose face is to stand for them."""

    id: UUID
    changes: PersonChanges
    feature_asset_id: UUID | None = None


_IN_TIMELINE = (Asset.visibility == AssetVisibility.TIMELINE) & Asset.deleted_at.is_(None)
# Asked together with who asks.
_THUMBNAIL = question(
    lambda who: who.add_columns(Person.thumbnail_path, StoredObject.size, StoredObject.sha1, StoredObject.created_at)
    .outerjoin(Person, (Person.id == bindparam("person_id")) & (Person.owner_id == User.id))
    .outerjoin(StoredObject, StoredObject.path == Person.thumbnail_path)
)


def list_people(system: System, auth: Auth, *, page: int, size: int, with_hidden: bool) -> PeoplePage:
    """One page, counted from 1, in Immich's order: shown, favourites, named, then the most often seen first.

    Whoever has no name is listed from so many faces on as the user prefers (`minimumFaces`).
    """
    minimum = int(preferences.preferences_of(system, auth.user_id)["people"]["minimumFaces"])
    with system.database.read() as session:
        found = session.scalars(
            _listed(auth, minimum, with_hidden=with_hidden).offset((page - 1) * size).limit(size + 1)
        ).all()
        total, hidden = session.execute(_counts(auth)).one()
    return PeoplePage(found[:size], len(found) > size, total, hidden)


def person_of(system: System, auth: Auth, person_id: UUID) -> Person:
    """Raises BadRequest (Immich's) where the person is not the user's."""
    with system.database.read() as session:
        person = session.scalar(_own(auth, [person_id]))
    if person is None:
        raise no_access(Permission.PERSON_READ)
    return person


def people_in(system: System, auth: Auth, asset_ids: Collection[UUID]) -> Mapping[UUID, list[Person]]:
    """The user's people in each of the assets, from left to right; assets without any are left out."""
    query = (
        select(AssetFace.asset_id, Person)
        .join(Person, Person.id == AssetFace.person_id)
        .where(AssetFace.asset_id.in_(asset_ids), IS_SHOWN, Person.owner_id == auth.user_id)
        .order_by(AssetFace.bounding_box_x1, AssetFace.id)
    )
    found: dict[UUID, list[Person]] = {}
    with system.database.read() as session:
        for asset_id, person in session.execute(query):
            people = found.setdefault(asset_id, [])
            if person not in people:
                people.append(person)
    return found


def count_assets(system: System, auth: Auth, person_id: UUID) -> int:
    """In how many assets of the timeline the person is. Raises BadRequest where they are not the user's."""
    person = person_of(system, auth, person_id)
    query = (
        select(func.count(Asset.id.distinct()))
        .select_from(AssetFace)
        .join(Asset, Asset.id == AssetFace.asset_id)
        .where(AssetFace.person_id == person.id, IS_SHOWN, _IN_TIMELINE)
    )
    with system.database.read() as session:
        return session.scalar(query) or 0


def thumbnail_of(system: System, credentials: Credentials, person_id: UUID) -> Deliverable:
    """The face that stands for a person; one query, who asks included.

    Raises Unauthorized, Forbidden, and NotFound where there is none, or none for the user to see.
    """
    who, row = ask(system, credentials, _THUMBNAIL, person_id=person_id)
    who.demand(Permission.PERSON_READ)
    path, size, sha1, created_at = row
    if sha1 is None:
        raise NotFound("Not Found")
    return Deliverable(path, MediaKind.THUMBNAILS, size, sha1.hex(), created_at, mime.content_type_of(path), None)


def create_person(system: System, auth: Auth, changes: PersonChanges) -> Person:
    """A new person of the user's, whom no picture shows yet."""
    person = Person(id=uuid4(), owner_id=auth.user_id)
    apply_changes(person, changes)
    with system.transaction() as session:
        session.add(person)
    return person


def update_person(system: System, auth: Auth, wanted: PersonUpdate) -> Person:
    """The person with the changes made. Raises BadRequest where they are not the user's, or not in the asset."""
    with system.transaction() as session:
        person = own_person(session, auth, wanted.id, Permission.PERSON_UPDATE)
        if not _apply(session, person, wanted):
            raise BadRequest("Invalid assetId for feature face")
    return person


def update_people(system: System, auth: Auth, many: Sequence[PersonUpdate]) -> list[IdResult]:
    """One result for each update, in their order; those that can be made are made."""
    with system.transaction() as session:
        own = {person.id: person for person in _locked(session, auth, [one.id for one in many])}
        return [IdResult(one.id, _update(session, own.get(one.id), one)) for one in many]


def merge_people(system: System, auth: Auth, person_id: UUID, others: Sequence[UUID]) -> list[IdResult]:
    """Gives the faces of others to a person, with what was not known of them, and removes the others.

    One result for each of the others, in their order. Raises BadRequest where the person is not
    the user's, or among the others.
    """
    if person_id in others:
        raise BadRequest("Cannot merge a person into themselves")
    with system.transaction() as session:
        own = {person.id: person for person in _locked(session, auth, [person_id, *others])}
        if person_id not in own:
            raise no_access(Permission.PERSON_UPDATE)
        person = own.pop(person_id)
        merged = [own[one] for one in dict.fromkeys(others) if one in own]
        for other in merged:
            person.name, person.birth_date = person.name or other.name, person.birth_date or other.birth_date
        session.execute(
            update(AssetFace).where(AssetFace.person_id.in_(own)).values(person_id=person_id, updated_at=utc_now())
        )
        paths = _remove(session, merged)
        if person.face_asset_id is None:
            paths += features.feature_another(session, [person])
    objects.remove_disowned(system, paths)
    return [IdResult(one, None if one in own else Refusal.NO_PERMISSION) for one in others]


def delete_people(system: System, auth: Auth, person_ids: Sequence[UUID]) -> None:
    """Removes people; their faces stay, nobody's. All or none: raises BadRequest where one is not the user's."""
    with system.transaction() as session:
        people = _locked(session, auth, person_ids)
        if len(people) != len(set(person_ids)):
            raise no_access(Permission.PERSON_DELETE)
        paths = _remove(session, people)
    objects.remove_disowned(system, paths)


def own_person(session: Session, auth: Auth, person_id: UUID, permission: Permission) -> Person:
    """The user's person, locked until the transaction ends. Raises BadRequest, naming the permission."""
    people = _locked(session, auth, [person_id])
    if not people:
        raise no_access(permission)
    return people[0]


def _own(auth: Auth, person_ids: Collection[UUID]) -> Select[Person]:
    return select(Person).where(Person.id.in_(person_ids), Person.owner_id == auth.user_id).order_by(Person.id)


def _locked(session: Session, auth: Auth, person_ids: Collection[UUID]) -> Sequence[Person]:
    # In the order of the ids, so that two transactions do not wait for each other.
    return session.scalars(_own(auth, person_ids).with_for_update()).all()


def _listed(auth: Auth, minimum: int, *, with_hidden: bool) -> Select[Person]:
    faces = func.count(AssetFace.id)
    query = (
        select(Person)
        .join(AssetFace, AssetFace.person_id == Person.id)
        .join(Asset, Asset.id == AssetFace.asset_id)
        .where(Person.owner_id == auth.user_id, IS_SHOWN, _IN_TIMELINE)
        .group_by(Person.id)
        .having(or_(Person.name != "", faces >= minimum))
        .order_by(Person.is_hidden, Person.is_favorite.desc(), Person.name == "")
        .order_by(faces.desc(), Person.name, Person.created_at, Person.id)
    )
    return query if with_hidden else query.where(Person.is_hidden.is_(False))


def _counts(auth: Auth) -> Select[int, int]:
    is_seen = exists().where(
        AssetFace.person_id == Person.id, IS_SHOWN, Asset.id == AssetFace.asset_id, _IN_TIMELINE
    )
    counts = select(func.count(Person.id), func.count(Person.id).filter(Person.is_hidden))
    return counts.where(Person.owner_id == auth.user_id, is_seen)


def _update(session: Session, person: Person | None, wanted: PersonUpdate) -> Refusal | None:
    if person is None:
        return Refusal.NO_PERMISSION
    return None if _apply(session, person, wanted) else Refusal.NOT_FOUND


def _apply(session: Session, person: Person, wanted: PersonUpdate) -> bool:
    """False, and nothing is changed, where the asset shows no face of the person."""
    if wanted.feature_asset_id is not None:
        face_id = session.scalar(
            select(AssetFace.id)
            .where(AssetFace.asset_id == wanted.feature_asset_id, AssetFace.person_id == person.id, IS_SHOWN)
            .limit(1)
        )
        if face_id is None:
            return False
        features.feature(session, person, face_id)
    apply_changes(person, wanted.changes)
    return True


def _remove(session: Session, people: Collection[Person]) -> list[str]:
    """Removes people in the caller's transaction; returns the paths that were disowned."""
    paths = features.take_thumbnails(session, people)
    session.flush()
    session.execute(delete(Person).where(Person.id.in_([person.id for person in people])))
    return paths
