"""Python's clients of Immich: immichpy, whose models check every answer, and aioimmich, which Home Assistant uses."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from aiohttp import ClientSession, TraceConfig
from aioimmich import Immich
from aioimmich.exceptions import ImmichUnauthorizedError
from immichpy import AsyncClient
from immichpy.client.generated.exceptions import ApiException
from immichpy.client.generated.models.asset_bulk_delete_dto import AssetBulkDeleteDto
from immichpy.client.generated.models.asset_face_create_dto import AssetFaceCreateDto
from immichpy.client.generated.models.bulk_ids_dto import BulkIdsDto
from immichpy.client.generated.models.create_album_dto import CreateAlbumDto
from immichpy.client.generated.models.metadata_search_dto import MetadataSearchDto
from immichpy.client.generated.models.people_delete_dto import PeopleDeleteDto
from immichpy.client.generated.models.person_create_dto import PersonCreateDto
from immichpy.client.generated.models.person_update_dto import PersonUpdateDto
from pydantic import ValidationError

from tests.e2e import photos
from tests.e2e.client import Client
from tests.e2e.installations import on_s3
from tests.live import LiveServer, live_server, new_admin_key
from tests.servers import S3Server, own_prefix

pytestmark = pytest.mark.servers

# Every question that immichpy can ask without an id, and that this server has an answer to.
QUESTIONS = (
    "server.ping_server",
    "server.get_about_info",
    "server.get_server_config",
    "server.get_server_features",
    "server.get_server_statistics",
    "server.get_server_version",
    "server.get_storage",
    "server.get_supported_media_types",
    "server.get_version_check",
    "server.get_version_history",
    "users.get_my_preferences",
    "users.get_my_user",
    "users.search_users",
    "users_admin.search_users_admin",
    "api_keys.get_api_keys",
    "api_keys.get_my_api_key",
    "sessions.get_sessions",
    "assets.get_asset_statistics",
    "albums.get_all_albums",
    "albums.get_album_statistics",
    "jobs.get_queues_legacy",
    "queues.get_queues",
    "timeline.get_time_buckets",
    "people.get_all_people",
    "tags.get_all_tags",
    "memories.search_memories",
    "notifications.get_notifications",
    "stacks.search_stacks",
)


@dataclass(frozen=True, slots=True)
class Home:
    """A person with photos on disk, uploaded by immichpy to an album of theirs."""

    folder: Path
    media: list[Path]
    server: LiveServer
    client: Client

    def immichpy(self, *arguments: str) -> Any:
        """What immichpy answers; it fails where an answer does not fit its models."""
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "IMMICH_API_URL": f"{self.server.url}/api",
            "IMMICH_API_KEY": self.client.key,
        }
        command = [str(Path(sys.executable).with_name("immichpy")), "--format", "json", *arguments]
        done = subprocess.run(command, env=environ, cwd=self.folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def id_of(self, path: Path) -> str:
        found = self.client.asset_of(path.read_bytes())
        assert found, path
        return found


@pytest.fixture(scope="module")
def home(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("home")
    media = photos.make_library(folder / "photos")
    with live_server(on_s3(s3_server, own_prefix())) as server:
        home = Home(folder, media, server, Client(server.url, new_admin_key(server)))
        home.immichpy("assets", "upload", str(folder / "photos"), "--album-name", "Library", "--skip-duplicates")
        home.client.wait_until_idle()
        yield home


def test_immichpy_uploads_a_folder_into_an_album(home: Home) -> None:
    assert home.client.statistics()["total"] == len(home.media)
    [album] = home.client.get("/api/albums").json
    assert (album["albumName"], album["assetCount"]) == ("Library", len(home.media))


def test_immichpy_uploads_nothing_twice(home: Home) -> None:
    # Without --skip-duplicates it sends every file, and the server says which it has.
    home.immichpy("assets", "upload", str(home.folder / "photos"))
    assert home.client.statistics()["total"] == len(home.media)


@pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")
def test_immichpy_understands_every_answer(home: Home) -> None:
    async def ask(immich: AsyncClient) -> None:
        wrong = {}
        for question in QUESTIONS:
            try:
                await attrgetter(question)(immich)()
            except (ApiException, ValidationError) as error:
                wrong[question] = str(error)[:500]
        assert not wrong

    _with_immichpy(home, ask)


def test_immichpy_understands_assets_albums_and_months(home: Home) -> None:
    async def ask(immich: AsyncClient) -> None:
        asset = await immich.assets.get_asset_info(UUID(home.id_of(home.media[0])))
        assert asset.exif_info
        assert asset.exif_info.make == photos.MAKE
        [album] = await immich.albums.get_all_albums()
        assert (await immich.albums.get_album_info(album.id)).asset_count == len(home.media)
        months = await immich.timeline.get_time_buckets()
        assert sum(month.count for month in months) == len(home.media)
        bucket = await immich.timeline.get_time_bucket(time_bucket=months[0].time_bucket)
        assert len(bucket.id) == months[0].count
        found = await immich.search.search_assets(MetadataSearchDto(checksum=photos.sha1_of(home.media[0])))
        assert [item.id for item in found.assets.items] == [asset.id]

    _with_immichpy(home, ask)


def test_immichpy_keeps_albums(home: Home) -> None:
    async def ask(immich: AsyncClient) -> None:
        first, second = (UUID(home.id_of(path)) for path in home.media[:2])
        made = await immich.albums.create_album(CreateAlbumDto(albumName="Two", assetIds=[first]))
        added = await immich.albums.add_assets_to_album(made.id, BulkIdsDto(ids=[first, second]))
        assert [one.success for one in added] == [False, True]
        await immich.albums.delete_album(made.id)
        assert len(await immich.albums.get_all_albums()) == 1

    _with_immichpy(home, ask)


def test_immichpy_moves_to_the_trash_and_back(home: Home) -> None:
    async def ask(immich: AsyncClient) -> None:
        asset_id = UUID(home.id_of(home.media[1]))
        await immich.assets.delete_assets(AssetBulkDeleteDto(ids=[asset_id]))
        assert (await immich.assets.get_asset_info(asset_id)).is_trashed
        assert (await immich.trash.restore_assets(BulkIdsDto(ids=[asset_id]))).count == 1

    _with_immichpy(home, ask)


@pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")
def test_immichpy_names_a_face_that_home_assistants_client_then_shows(home: Home) -> None:
    asset_id, made = UUID(home.id_of(home.media[0])), []

    async def name(immich: AsyncClient) -> None:
        person = await immich.people.create_person(PersonCreateDto(name="Ada"))
        made.append(person.id)
        face = AssetFaceCreateDto(
            assetId=asset_id, personId=person.id, imageWidth=600, imageHeight=400, x=200, y=100, width=200, height=200
        )
        await immich.faces.create_face(face)
        await immich.people.update_person(person.id, PersonUpdateDto(featureFaceAssetId=asset_id))
        [marked] = await immich.faces.get_faces(id=asset_id)
        assert marked.person
        assert marked.person.name == "Ada"
        assert (await immich.people.get_person_statistics(person.id)).assets == 1
        [shown] = (await immich.assets.get_asset_info(asset_id)).people or []
        assert shown.id == person.id
        await asyncio.to_thread(home.client.wait_until_idle)

    async def show(immich: Immich) -> None:
        [person] = await immich.people.async_get_all_people()
        assert (person.name, await immich.people.async_get_people_count()) == ("Ada", 1)
        face = await immich.people.async_get_person_thumbnail(person.person_id)
        assert face.startswith(b"\xff\xd8")

    async def remove(immich: AsyncClient) -> None:
        await immich.people.delete_people(PeopleDeleteDto(ids=made))

    _with_immichpy(home, name)
    _with_aioimmich(home, show)
    _with_immichpy(home, remove)


def test_immichpy_gives_its_user_a_face(home: Home) -> None:
    async def ask(immich: AsyncClient) -> None:
        sent = await immich.users.create_profile_image(("me.jpg", photos.picture(500)))
        assert (await immich.users.get_my_user()).profile_image_path == sent.profile_image_path
        assert (await immich.users.get_profile_image(sent.user_id))[8:12] == b"WEBP"
        await immich.users.delete_profile_image()
        assert not (await immich.users.get_my_user()).profile_image_path

    _with_immichpy(home, ask)


def test_immichpy_downloads_what_was_uploaded(home: Home) -> None:
    async def ask(immich: AsyncClient) -> None:
        for number, path in enumerate(home.media):
            folder = home.folder / "down" / str(number)
            await immich.assets.download_asset_to_file(UUID(home.id_of(path)), folder)
            # Named as immichpy named it when it sent it: with %20 for spaces.
            [written] = folder.iterdir()
            assert written.read_bytes() == path.read_bytes()

    _with_immichpy(home, ask)


def test_immichpy_resumes_a_download_that_was_broken_off(home: Home) -> None:
    path, folder = home.media[0], home.folder / "resumed"
    folder.mkdir()
    # What it has is not asked for again: so the mark stands in the result.
    mark = b"what was here before"
    (folder / "again.jpg.temp").write_bytes(mark)
    home.immichpy("assets", "download-asset-to-file", home.id_of(path), str(folder), "--filename", "again.jpg")
    assert (folder / "again.jpg").read_bytes() == mark + path.read_bytes()[len(mark):]


def test_immichpy_lists_and_shows_on_the_command_line(home: Home) -> None:
    [album] = home.immichpy("albums", "get-all-albums")
    assert (album["album_name"], album["asset_count"]) == ("Library", len(home.media))
    home.immichpy("assets", "view-asset-to-file", home.id_of(home.media[0]), str(home.folder / "views"))
    [view] = (home.folder / "views").iterdir()
    assert view.read_bytes()[8:12] == b"WEBP"


def test_home_assistants_client_reads_the_server(home: Home) -> None:
    async def ask(immich: Immich) -> None:
        assert immich.api.version.major == 3
        assert (await immich.server.async_get_about_info()).version
        assert (await immich.server.async_get_storage_info()).disk_size
        assert (await immich.server.async_get_server_statistics()).photos > 0
        await immich.server.async_get_version_check()
        assert (await immich.users.async_get_my_user()).email == "admin@example.com"
        assert await immich.people.async_get_all_people() == []
        assert await immich.tags.async_get_all_tags() == []

    _with_aioimmich(home, ask)


def test_home_assistants_client_uploads_without_a_length_and_finds_it(home: Home) -> None:
    file = home.folder / "from home assistant.jpg"
    file.write_bytes(photos.picture(700))

    async def ask(immich: Immich) -> None:
        sent = await immich.assets.async_upload_asset(str(file))
        assert sent.status == "created"
        [album] = await immich.albums.async_get_all_albums()
        [added] = await immich.albums.async_add_assets_to_album(album.album_id, [sent.asset_id])
        assert added.success
        assert (await immich.albums.async_get_album_info(album.album_id)).asset_count == album.asset_count + 1
        assert sent.asset_id in {asset.asset_id for asset in await immich.search.async_get_all()}
        await asyncio.to_thread(home.client.wait_until_idle)
        assert (await immich.assets.async_view_asset(sent.asset_id)).startswith(b"RIFF")
        assert (await immich.assets.async_view_asset(sent.asset_id, "preview")).startswith(b"\xff\xd8")

    _with_aioimmich(home, ask)
    assert home.client.original_of(home.id_of(file)) == file.read_bytes()


def test_home_assistants_client_is_told_when_nothing_changed(home: Home) -> None:
    statuses = []

    async def ask(immich: Immich) -> None:
        first = await immich.users.async_get_my_user()
        assert await immich.users.async_get_my_user() == first

    async def notice(session: ClientSession, context: object, seen: Any) -> None:
        statuses.append(seen.response.status)

    _with_aioimmich(home, ask, notice)
    assert statuses == [200, 200, 304]


def test_home_assistants_client_is_told_that_a_key_is_wrong(home: Home) -> None:
    async def ask(immich: Immich) -> None:
        immich.api.api_key = "wrong"
        with pytest.raises(ImmichUnauthorizedError, match="Invalid API key"):
            await immich.users.async_get_my_user()

    _with_aioimmich(home, ask)


def _with_immichpy(home: Home, ask: Callable[[AsyncClient], Awaitable[None]]) -> None:
    """Runs questions with immichpy's own client, which is what its command line calls."""

    async def run() -> None:
        async with AsyncClient(api_key=home.client.key, base_url=home.server.url) as immich:
            await ask(immich)

    asyncio.run(run())


def _with_aioimmich(home: Home, ask: Any, notice: Any = None) -> None:
    """Runs questions with the client set up as Home Assistant does; `notice` is called for each answer."""

    async def run() -> None:
        tracing = TraceConfig()
        if notice is not None:
            tracing.on_request_end.append(notice)
        async with ClientSession(trace_configs=[tracing]) as session:
            url = urlsplit(home.server.url)
            assert url.hostname
            assert url.port
            immich = Immich(session, home.client.key, url.hostname, url.port, use_ssl=False)
            await immich.async_setup()
            await ask(immich)

    asyncio.run(run())
