"""The library as pages: photos by day, one photo, the trash."""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from flask import Response, request, url_for

from blueprints.html import check_form, page, page_blueprint, see_other, visitor
from blueprints.http import current_system
from blueprints.server import human_size
from errors import BadRequest, NotFound
from media import mime
from models.assets import Asset, AssetExif, AssetType
from services import assets, timeline, trash, users
from services.timeline import PageCursor

bp = page_blueprint("pages", __name__)

PAGE_SIZE = 120
# New photos are asked for in lots: an address has only so much room.
TILES_AT_MOST = 60
PICKABLE = ",".join([*mime.IMAGE_TYPES, *mime.VIDEO_TYPES])


class Day(NamedTuple):
    """The photos of one day, `2024-05-01`, newest first."""

    date: str
    photos: list[Asset]


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
                is_first=before is None, pickable=PICKABLE)  # fmt: skip


@bp.get("/photos/tiles")
def tiles() -> Response:
    """Those of the asked photos that can be shown already, as pieces of the library."""
    who = visitor()
    wanted = [_id_of(text) for text in request.args.get("ids", "").split(",")[:TILES_AT_MOST]]
    found = timeline.photos_by_id(current_system(), who, wanted)
    return page("tiles.html", months=months_of([photo for photo in found if photo.thumbhash is not None]))


@bp.get("/photos/<photo_id>")
def photo(photo_id: str) -> Response:
    who, system = visitor(), current_system()
    found = _details(photo_id)
    return page(
        "photo.html",
        photo=found.asset,
        exif=found.exif,
        facts=facts_of(found),
        is_video=found.asset.type == AssetType.VIDEO,
        neighbours=timeline.neighbours_of(system, who, found.asset),
    )


@bp.post("/photos/<photo_id>/trash")
def trash_photo(photo_id: str) -> Response:
    who, system = visitor(), current_system()
    check_form()
    found = _details(photo_id)
    beside = timeline.neighbours_of(system, who, found.asset)
    trash.delete_assets(system, who, [found.asset.id])
    following = beside.older or beside.newer
    return see_other(url_for(".library" if following is None else ".photo", photo_id=following))


@bp.post("/photos/<photo_id>/restore")
def restore_photo(photo_id: str) -> Response:
    who, system = visitor(), current_system()
    check_form()
    found = _details(photo_id)
    trash.restore_assets(system, who, [found.asset.id])
    return see_other(url_for(".photo", photo_id=found.asset.id))


def months_of(photos: Sequence[Asset]) -> list[Month]:
    """Photos that are in order of time, by month and day of their own clock."""
    return [
        Month(month, f"{in_month[0].local_date_time:%B} {in_month[0].local_date_time.year}", _days_of(in_month))
        for month, in_month in _grouped(photos, 7)
    ]


def _days_of(photos: Sequence[Asset]) -> list[Day]:
    return [Day(date, in_day) for date, in_day in _grouped(photos, 10)]


def _grouped(photos: Sequence[Asset], letters: int) -> list[tuple[str, list[Asset]]]:
    groups = groupby(photos, lambda photo: photo.local_date_time.date().isoformat()[:letters])
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
    return [(name, value) for name, value in facts if value]


def _camera_of(exif: AssetExif) -> str:
    """Make and model; many models begin with their make already."""
    make, model = exif.make or "", exif.model or ""
    return model if model.casefold().startswith(make.casefold()) and model else f"{make} {model}".strip()


def _details(photo_id: str) -> assets.AssetDetails:
    """Raises NotFound, as a page that does not exist: nobody learns what others have."""
    try:
        return assets.details_of(current_system(), visitor(), _id_of(photo_id))
    except BadRequest:
        raise NotFound("This photo is not here.") from None


def _id_of(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise BadRequest("That is not a photo's id.") from None
