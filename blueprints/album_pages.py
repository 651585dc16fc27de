"""Albums as pages: all that the visitor sees, and one with its photos."""

from datetime import datetime

from flask import Response, request

from blueprints import pages
from blueprints.html import day, page, page_blueprint, visitor
from blueprints.http import current_system
from blueprints.pages import id_of, months_of, not_found_instead
from services import albums, assets, timeline
from services.albums import AlbumFilter, AlbumView
from services.auth import Auth
from services.timeline import PageCursor

bp = page_blueprint("album_pages", __name__, url_prefix="/albums")


@bp.get("")
def list_albums() -> Response:
    who, system = visitor(), current_system()
    found = albums.albums_of(system, who, AlbumFilter())
    covers = assets.with_thumbnails(system, [view.cover_id for view in found if view.cover_id is not None])
    return page("albums.html", albums=[(view, facts_of(view, who)) for view in found], covers=covers)


@bp.get("/<album_id>")
def show_album(album_id: str) -> Response:
    who, system = visitor(), current_system()
    before = request.args.get("before")
    cursor = None if before is None else PageCursor.parse(before)
    with not_found_instead("This album is not here."):
        view = albums.album_of(system, who, id_of(album_id))
        found = timeline.library_page(
            system, who, before=cursor, limit=pages.PAGE_SIZE, album_id=view.album.id
        )
        size = timeline.album_size(system, who, view.album.id)
    return page(
        "album.html",
        view=view,
        facts=facts_of(view, who),
        size=size,
        album_id=view.album.id,
        months=months_of(found.photos),
        next_cursor=found.next_cursor,
    )


def facts_of(view: AlbumView, who: Auth) -> list[str]:
    """How many photos an album has, from when they are and who shares it, as far as there is anything to say."""
    contents = view.contents
    count = 0 if contents is None else contents.count
    facts = [f"{count:,} photo{'' if count == 1 else 's'}"]
    if contents is not None:
        facts.append(span(contents.first_date, contents.last_date))
    return [*facts, *_shared(view, who)]


def span(first: datetime, last: datetime) -> str:
    """`1 May 2024`, or two such days where the last is not the first."""
    ends = [day(moment).partition(" ")[2].replace(" ", "\N{NO-BREAK SPACE}") for moment in (first, last)]
    return " – ".join(dict.fromkeys(ends))


def _shared(view: AlbumView, who: Auth) -> list[str]:
    owner, *guests = view.members
    if owner.user.id != who.user_id:
        return [f"shared by {owner.user.name}"]
    names = ", ".join(guest.user.name for guest in guests)
    return [f"shared with {names}"] if names else []
