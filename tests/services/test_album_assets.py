"""What holds about albums even when two change one at once."""

from concurrent.futures import ThreadPoolExecutor

from services import album_assets, albums
from services.system import System
from tests.systems import Person, add_asset, on_every_database

pytestmark = on_every_database


def test_photos_added_by_two_at_once_are_in_the_album_once(system: System, admin: Person) -> None:
    assets = [add_asset(system, admin) for _ in range(20)]
    album = album_assets.create_album(system, admin.auth, "Summer", "", [], []).album
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(album_assets.add_assets, system, admin.auth, album.id, assets) for _ in range(4)]
        results = [result for future in futures for result in future.result()]
    assert len([result for result in results if result.refusal is None]) == 20
    contents = albums.album_of(system, admin.auth, album.id).contents
    assert contents is not None
    assert contents.count == 20


def test_an_album_tells_the_same_on_every_database(system: System, admin: Person) -> None:
    first, second = add_asset(system, admin), add_asset(system, admin)
    view = album_assets.create_album(system, admin.auth, "Summer", "", [first, second], [])
    assert (view.cover_id, view.contents and view.contents.count) == (first, 2)
    counts = albums.count_albums(system, admin.auth)
    assert (counts.owned, counts.shared, counts.not_shared) == (1, 0, 1)
    album_assets.remove_assets(system, admin.auth, view.album.id, [first])
    assert albums.album_of(system, admin.auth, view.album.id).cover_id == second
