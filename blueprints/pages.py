"""The library as pages: photos by day, one photo, the trash, and what is chosen for download."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from flask import Response, request, url_for

from blueprints.archive_addresses import location_of
from blueprints.html import check_form, page, page_blueprint, see_other, visitor
from blueprints.http import current_system
from blueprints.server import human_size
from errors import BadRequest, NotFound
from media import mime
from models.assets import AssetExif, AssetType
from services import assets, selections, timeline, trash, users
from services.downloads import Wanted
from services.timeline import PageCursor, PagePhoto

bp = page_blueprint("pages", __name__)

PAGE_SIZE = 120
# New photos are asked for in lots: an address has only so much room.
TILES_AT_MOST = 60
# Some hundred thousand photos, each an `ids=` with its id.
SELECTION_BYTES = 4 * 1024 * 1024
PICKABLE = ",".join([*mime.IMAGE_TYPES, *mime.VIDEO_TYPES])


class Day(NamedTuple):
    """The photos of one day, `2024-05-01`, newest first."""

    date: str
    photos: list[PagePhoto]


class Month(NamedTuple):
    """The days of one month, `2024-05`, newest first; `title` is for people."""

    month: str
    title: str
    days: list[Day]


@bp.get("/")
def library() -> Response:
    if not users.is_initialized(current_system()):
        return see_other(url_for("sign_in.show_sign_up"))
    who = visitor()
    before = request.args.get("before")
    cursor = None if before is None else PageCursor.parse(before)
    found = timeline.library_page(current_system(), who, before=cursor, limit=PAGE_SIZE)
    return page("library.html", months=months_of(found.photos), next_cursor=found.next_cursor,
                is_first=before is None, pickable=PICKABLE, album_id=None)  # fmt: skip


@bp.get("/photos/tiles")
@bp.get("/albums/<album_id>/photos/tiles")
def tiles(album_id: str | None = None) -> Response:
    """Those of the asked photos that can be shown already, as pieces of the library or of an album."""
    who = visitor()
    wanted = [id_of(text) for text in request.args.get("ids", "").split(",")[:TILES_AT_MOST]]
    with not_found_instead("This album is not here."):
        album = optional_id_of(album_id)
        found = timeline.photos_by_id(current_system(), who, wanted, album)
    ready = [photo for photo in found if photo.asset.thumbhash is not None]
    return page("tiles.html", months=months_of(ready), album_id=album)


@bp.get("/photos/<photo_id>")
@bp.get("/albums/<album_id>/photos/<photo_id>")
def photo(photo_id: str, album_id: str | None = None) -> Response:
    who, system = visitor(), current_system()
    with not_found_instead("This photo is not here."):
        album = optional_id_of(album_id)
        found = assets.details_of(system, who, id_of(photo_id))
        neighbours = timeline.neighbours_of(system, who, found.asset, album)
    return page(
        "photo.html",
        photo=found.asset,
        found=found,
        facts=facts_of(found),
        is_video=found.asset.type == AssetType.VIDEO,
        is_own=found.owner.id == who.user_id,
        neighbours=neighbours,
        album_id=album,
    )


@bp.post("/photos/download")
def download_photos() -> Response:
    """Leads to an archive of the chosen photos or of an album; the browser saves it and stays on its page."""
    who, system = visitor(), current_system()
    request.max_content_length = SELECTION_BYTES
    check_form()
    album = request.form.get("album")
    wanted = Wanted(asset_ids=[id_of(text) for text in request.form.getlist("ids")])
    if album is not None:
        wanted = Wanted(album_id=id_of(album))
    with not_found_instead("Some of these photos are not here any more. Please load the page again."):
        address = selections.address_of(system, who, wanted)
    return see_other(location_of(address))


@bp.post("/photos/<photo_id>/trash")
def trash_photo(photo_id: str) -> Response:
    who, system = visitor(), current_system()
    check_form()
    with not_found_instead("This photo is not here."):
        found = assets.details_of(system, who, id_of(photo_id))
        beside = timeline.neighbours_of(system, who, found.asset)
        trash.delete_assets(system, who, [found.asset.id])
    following = beside.older or beside.newer
    return see_other(url_for(".library" if following is None else ".photo", photo_id=following))


@bp.post("/photos/<photo_id>/restore")
def restore_photo(photo_id: str) -> Response:
    who, system = visitor(), current_system()
    check_form()
    with not_found_instead("This photo is not here."):
        trash.restore_assets(system, who, [id_of(photo_id)])
    return see_other(url_for(".photo", photo_id=photo_id))


def months_of(photos: Sequence[PagePhoto]) -> list[Month]:
    """Photos that are in order of time, by month and day of their own clock."""
    return [
        Month(month, _title_of(in_month[0].asset.local_date_time), _days_of(in_month))
        for month, in_month in _grouped(photos, 7)
    ]


def _title_of(taken: datetime) -> str:
    return f"{taken:%B} {taken.year}"


def _days_of(photos: Sequence[PagePhoto]) -> list[Day]:
    return [Day(date, in_day) for date, in_day in _grouped(photos, 10)]


def _grouped(photos: Sequence[PagePhoto], letters: int) -> list[tuple[str, list[PagePhoto]]]:
    groups = groupby(photos, lambda photo: photo.asset.local_date_time.date().isoformat()[:letters])
    return [(key, list(group)) for key, group in groups]


def facts_of(found: assets.AssetDetails) -> list[tuple[str, str]]:
    """What the camera wrote down, each with its name, as far as it is known."""
    asset, exif = found.asset, found.exif
    facts = [("Size", f"{asset.width} × {asset.height}" if asset.width and asset.height else None)]
    if exif is not None:
        exposure = (
            f"ƒ/{exif.f_number:g}" if exif.f_number else None,
            f"{exif.exposure_time}\N{NO-BREAK SPACE}s" if exif.exposure_time else None,
            f"{exif.focal_length:g}\N{NO-BREAK SPACE}mm" if exif.focal_length else None,
            f"ISO\N{NO-BREAK SPACE}{exif.iso}" if exif.iso else None,
        )
        facts += [
            ("File", human_size(exif.file_size_in_byte) if exif.file_size_in_byte else None),
            ("Camera", _camera_of(exif)),
            ("Lens", exif.lens_model),
            ("Exposure", " · ".join(part for part in exposure if part)),
            ("Place", ", ".join(part for part in (exif.city, exif.state, exif.country) if part)),
            ("Description", exif.description),
        ]
    facts.append(("Damage", found.damage))
    return [(name, value) for name, value in facts if value]


def _camera_of(exif: AssetExif) -> str:
    """Make and model; many models begin with their make already."""
    make, model = exif.make or "", exif.model or ""
    return model if model.casefold().startswith(make.casefold()) and model else f"{make} {model}".strip()


@contextmanager
def not_found_instead(message: str) -> Iterator[None]:
    """Whatever is not here or not for this visitor is a page that does not exist: nobody learns what others have."""
    try:
        yield
    except BadRequest:
        raise NotFound(message) from None


def id_of(text: str) -> UUID:
    """An id from an address or a form. Raises BadRequest."""
    try:
        return UUID(text)
    except ValueError:
        raise BadRequest("That is not an id.") from None


def optional_id_of(text: str | None) -> UUID | None:
    """As id_of, where an address may do without."""
    return None if text is None else id_of(text)
