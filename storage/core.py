"""StorageCore: Immich's folder names and key layout, so that its libraries and ours look alike."""

from enum import StrEnum
from uuid import UUID, uuid4

from errors import InvalidKey
from storage.types import StorageKey


class StorageFolder(StrEnum):
    """The managed folders below a media location (Immich, `StorageFolder`)."""

    ENCODED_VIDEO = "encoded-video"
    LIBRARY = "library"
    UPLOAD = "upload"
    PROFILE = "profile"
    THUMBS = "thumbs"
    BACKUPS = "backups"


def nested_key(folder: StorageFolder, owner_id: UUID, name: str) -> StorageKey:
    """`<folder>/<owner>/ab/cd/<name>`, ab and cd being the first four characters of the name."""
    return StorageKey(f"{folder}/{owner_id}/{name[0:2]}/{name[2:4]}/{name}")


def original_key(owner_id: UUID, extension: str) -> StorageKey:
    """A fresh key for an original: named by a random file id, the extension (`.JPG`) kept as sent."""
    return nested_key(StorageFolder.UPLOAD, owner_id, f"{uuid4()}{_extension(extension)}")


def sidecar_key(owner_id: UUID) -> StorageKey:
    """A fresh key for a sidecar."""
    return original_key(owner_id, ".xmp")


def thumbnail_key(owner_id: UUID, asset_id: UUID) -> StorageKey:
    """The small still of an asset."""
    return nested_key(StorageFolder.THUMBS, owner_id, f"{asset_id}_thumbnail.webp")


def preview_key(owner_id: UUID, asset_id: UUID) -> StorageKey:
    """The screen-sized still of an asset."""
    return nested_key(StorageFolder.THUMBS, owner_id, f"{asset_id}_preview.jpeg")


def fullsize_key(owner_id: UUID, asset_id: UUID) -> StorageKey:
    """The full still of an asset whose original browsers do not show."""
    return nested_key(StorageFolder.THUMBS, owner_id, f"{asset_id}_fullsize.jpeg")


def person_thumbnail_key(owner_id: UUID, person_id: UUID) -> StorageKey:
    """The face of a person."""
    return nested_key(StorageFolder.THUMBS, owner_id, f"{person_id}.jpeg")


def encoded_video_key(owner_id: UUID, asset_id: UUID) -> StorageKey:
    """The video of an asset as every browser plays it."""
    return nested_key(StorageFolder.ENCODED_VIDEO, owner_id, f"{asset_id}.mp4")


def motion_video_key(owner_id: UUID, motion_asset_id: UUID) -> StorageKey:
    """The video that was taken out of a motion photo: the original of a hidden asset."""
    return nested_key(StorageFolder.ENCODED_VIDEO, owner_id, f"{motion_asset_id}-MP.mp4")


def profile_image_key(user_id: UUID, extension: str = ".webp") -> StorageKey:
    """A fresh key for a profile image, so that no cache shows the former one."""
    return StorageKey(f"{StorageFolder.PROFILE}/{user_id}/{uuid4()}{_extension(extension)}")


def backup_key(file_name: str) -> StorageKey:
    """A database backup."""
    return StorageKey(f"{StorageFolder.BACKUPS}/{file_name}")


def _extension(text: str) -> str:
    if "/" in text:
        raise InvalidKey(f"Not a file extension: {text!r}")
    return text
