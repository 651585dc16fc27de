"""The key layout, word for word as Immich lays its folders out."""

import re
from uuid import UUID

import pytest

from errors import InvalidKey
from storage import core

OWNER = UUID("11111111-2222-3333-4444-555555555555")
ASSET = UUID("abcdef01-2345-6789-abcd-ef0123456789")


def test_the_managed_folders_are_immichs() -> None:
    assert {folder.value for folder in core.StorageFolder} == {
        "encoded-video", "library", "upload", "profile", "thumbs", "backups",
    }  # fmt: skip


def test_made_files_are_named_by_their_asset() -> None:
    assert core.thumbnail_key(OWNER, ASSET) == f"thumbs/{OWNER}/ab/cd/{ASSET}_thumbnail.webp"
    assert core.preview_key(OWNER, ASSET) == f"thumbs/{OWNER}/ab/cd/{ASSET}_preview.jpeg"
    assert core.fullsize_key(OWNER, ASSET) == f"thumbs/{OWNER}/ab/cd/{ASSET}_fullsize.jpeg"
    assert core.person_thumbnail_key(OWNER, ASSET) == f"thumbs/{OWNER}/ab/cd/{ASSET}.jpeg"
    assert core.encoded_video_key(OWNER, ASSET) == f"encoded-video/{OWNER}/ab/cd/{ASSET}.mp4"
    assert core.motion_video_key(OWNER, ASSET) == f"encoded-video/{OWNER}/ab/cd/{ASSET}-MP.mp4"


def test_an_original_has_a_name_of_its_own_and_the_extension_as_sent() -> None:
    first, second = core.original_key(OWNER, ".JPG"), core.original_key(OWNER, ".JPG")
    assert first != second
    found = re.fullmatch(rf"upload/{OWNER}/(..)/(..)/([0-9a-f-]{{36}})\.JPG", first)
    assert found
    assert found[3].startswith(found[1] + found[2])
    assert core.sidecar_key(OWNER).endswith(".xmp")


def test_profile_images_and_backups_lie_flat() -> None:
    assert re.fullmatch(rf"profile/{OWNER}/[0-9a-f-]{{36}}\.webp", core.profile_image_key(OWNER))
    assert core.backup_key("immich-db-backup-1.sql.gz") == "backups/immich-db-backup-1.sql.gz"


@pytest.mark.parametrize("extension", ["./x", "/../../x", ".a\0", ".a\\b"])
def test_an_extension_cannot_lead_elsewhere(extension: str) -> None:
    with pytest.raises(InvalidKey):
        core.original_key(OWNER, extension)
