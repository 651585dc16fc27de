"""JSON as Immich's clients expect it: rows become the contract's objects."""

from base64 import b64encode
from collections.abc import Iterable
from typing import Any

from blueprints.http import iso, iso_or_none
from media import mime
from models.assets import Asset, AssetExif, AssetVisibility
from models.people import Person
from models.users import User
from services.faces import SeenFace


def user_json(user: User) -> dict[str, Any]:
    """UserResponseDto: what other users may see."""
    return {
        "id": str(user.id),
        "email": user.email,
        "name": user.name,
        "profileImagePath": user.profile_image_path,
        "avatarColor": user.avatar_color or "primary",
        "profileChangedAt": iso(user.profile_changed_at),
    }


def user_admin_json(user: User) -> dict[str, Any]:
    """UserAdminResponseDto: what the user and administrators see."""
    return {
        **user_json(user),
        # Everyone is a group of their own: people in pictures are not recognised across users.
        "clusterGroupId": str(user.id),
        "storageLabel": user.storage_label,
        "shouldChangePassword": user.should_change_password,
        "isAdmin": user.is_admin,
        "createdAt": iso(user.created_at),
        "deletedAt": iso_or_none(user.deleted_at),
        "updatedAt": iso(user.updated_at),
        "oauthId": user.oauth_id,
        "quotaSizeInBytes": user.quota_size_in_bytes,
        "quotaUsageInBytes": user.quota_usage_in_bytes,
        "status": user.status,
        "license": None,
    }


def asset_json(
    asset: Asset,
    *,
    exif: AssetExif | None = None,
    has_metadata: bool,
    owner: User | None = None,
    people: Iterable[Person] = (),
) -> dict[str, Any]:
    """AssetResponseDto; with `exifInfo` where `exif` is given, with `owner` where that is given."""
    shape: dict[str, Any] = {
        "id": str(asset.id),
        "createdAt": iso(asset.created_at),
        "ownerId": str(asset.owner_id),
        "libraryId": None if asset.library_id is None else str(asset.library_id),
        "type": asset.type,
        "originalPath": asset.original_path,
        "originalFileName": asset.original_file_name,
        "originalMimeType": mime.content_type_of(asset.original_path),
        "thumbhash": None if asset.thumbhash is None else b64encode(asset.thumbhash).decode(),
        "fileCreatedAt": iso(asset.file_created_at),
        "fileModifiedAt": iso(asset.file_modified_at),
        "localDateTime": iso(asset.local_date_time),
        "updatedAt": iso(asset.updated_at),
        "isFavorite": asset.is_favorite,
        "isArchived": asset.visibility == AssetVisibility.ARCHIVE,
        "isTrashed": asset.deleted_at is not None,
        "visibility": asset.visibility,
        "duration": asset.duration,
        "livePhotoVideoId": None if asset.live_photo_video_id is None else str(asset.live_photo_video_id),
        "tags": [],
        "people": [person_json(person) for person in people],
        "checksum": b64encode(asset.checksum).decode(),
        "stack": None,
        "isOffline": asset.is_offline,
        "hasMetadata": has_metadata,
        "duplicateId": None if asset.duplicate_id is None else str(asset.duplicate_id),
        "resized": asset.thumbhash is not None,
        "width": asset.width,
        "height": asset.height,
        "isEdited": asset.is_edited,
    }
    if exif is not None:
        shape["exifInfo"] = exif_json(exif)
    if owner is not None:
        shape["owner"] = user_json(owner)
    return shape


def exif_json(exif: AssetExif) -> dict[str, Any]:
    """ExifResponseDto."""
    return {
        "make": exif.make,
        "model": exif.model,
        "exifImageWidth": exif.exif_image_width,
        "exifImageHeight": exif.exif_image_height,
        "fileSizeInByte": exif.file_size_in_byte,
        "orientation": exif.orientation,
        "dateTimeOriginal": iso_or_none(exif.date_time_original),
        "modifyDate": iso_or_none(exif.modify_date),
        "timeZone": exif.time_zone,
        "lensModel": exif.lens_model,
        "fNumber": exif.f_number,
        "focalLength": exif.focal_length,
        "iso": exif.iso,
        "exposureTime": exif.exposure_time,
        "latitude": exif.latitude,
        "longitude": exif.longitude,
        "city": exif.city,
        "state": exif.state,
        "country": exif.country,
        "description": exif.description,
        "projectionType": exif.projection_type,
        # The contract has no word for a rejected picture, -1 in our rows.
        "rating": None if exif.rating == -1 else exif.rating,
    }


def person_json(person: Person) -> dict[str, Any]:
    """PersonResponseDto; who has no color shows none."""
    shape: dict[str, Any] = {
        "id": str(person.id),
        "name": person.name,
        "birthDate": None if person.birth_date is None else person.birth_date.isoformat(),
        "thumbnailPath": person.thumbnail_path,
        "isHidden": person.is_hidden,
        "isFavorite": person.is_favorite,
        "updatedAt": iso(person.updated_at),
        # Of Immich 3.3, where users share people; clients made for that do not do without.
        "otherPeople": [],
        "sharedBy": [],
        "sharedWith": [],
    }
    return shape if person.color is None else {**shape, "color": person.color}


def face_json(seen: SeenFace) -> dict[str, Any]:
    """AssetFaceResponseDto."""
    face = seen.face
    return {
        "id": str(face.id),
        "imageWidth": face.image_width,
        "imageHeight": face.image_height,
        "boundingBoxX1": face.bounding_box_x1,
        "boundingBoxY1": face.bounding_box_y1,
        "boundingBoxX2": face.bounding_box_x2,
        "boundingBoxY2": face.bounding_box_y2,
        "sourceType": face.source_type,
        "person": None if seen.person is None else person_json(seen.person),
    }
