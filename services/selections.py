"""What visitors of the pages choose to download: one archive of it all, named after what it holds."""

from errors import NotFound
from services import albums, timeline
from services.auth import Auth
from services.downloads import ArchiveAddress, Wanted, addressed, parts_of
from services.system import System

# An archive that can be resumed needs no size at which it is split.
_NO_LIMIT = 2**63


def address_of(system: System, auth: Auth, wanted: Wanted) -> ArchiveAddress:
    """The address of one archive with everything that is wanted, live photos with their videos.

    Raises BadRequest (Immich's) where something of it is not the user's to download, and NotFound
    where there is nothing.
    """
    parts = parts_of(system, auth, wanted, archive_size=_NO_LIMIT)
    if not parts:
        raise NotFound("There is nothing to download: no photo is selected.")
    _, address = addressed(system, auth.user_id, parts[0].asset_ids, _name_of(system, auth, wanted))
    return address


def _name_of(system: System, auth: Auth, wanted: Wanted) -> str:
    """What the archive is called: as the album, or `photos-2024-05-01-to-2024-06-12` by what was chosen."""
    if wanted.album_id is not None:
        return albums.album_of(system, auth, wanted.album_id).album.album_name
    first, last = timeline.days_of(system, wanted.asset_ids or ())
    return f"photos-{first}" if first == last else f"photos-{first}-to-{last}"
