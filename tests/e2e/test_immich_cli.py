"""The official Immich CLI against a small installation and a large one, both with their media in a real S3 server."""

import io
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

import pytest
from PIL import Image

from media.probe import probe
from tests.databases import Postgresql
from tests.e2e import photos
from tests.e2e.client import Client, checksum
from tests.e2e.installations import Inside, inside, on_s3, on_servers
from tests.live import ROOT, LiveServer, live_server, new_admin_key
from tests.media.motion_photos import apple_still, apple_video, google
from tests.media.videos import HEVC, make_video
from tests.servers import S3Server, own_prefix

pytestmark = pytest.mark.servers

TOOLS = ROOT / ".tools" / "node_modules"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Said:
    """What the CLI printed, and its exit code."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Home:
    """A person with the CLI, photos on disk, and a server to send them to."""

    folder: Path
    media: list[Path]
    server: LiveServer
    client: Client
    inside: Inside

    def immich(self, *arguments: str, key: str = "") -> Said:
        """Runs the CLI with the person's key, or another."""
        command = [str(TOOLS / ".bin/node"), str(TOOLS / "@immich/cli/bin/immich"), *arguments]
        environ = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder),
            "IMMICH_CONFIG_DIR": str(self.folder / "config"),
            "IMMICH_INSTANCE_URL": self.server.url,
            "IMMICH_API_KEY": key or self.client.key,
        }
        done = subprocess.run(
            command, env=environ, cwd=self.folder, text=True, timeout=180,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return Said(done.returncode, COLOURS.sub("", done.stdout))

    def fresh_photos(self, name: str, seeds: range) -> list[Path]:
        """A folder of photos that the server has not seen."""
        folder = self.folder / name
        folder.mkdir()
        files = [folder / f"{seed}.jpg" for seed in seeds]
        for seed, file in zip(seeds, files, strict=True):
            file.write_bytes(photos.picture(seed))
        return files


@pytest.fixture(scope="module", params=["small", "large"])
def home(
    request: pytest.FixtureRequest, s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Home]:
    """SQLite with one process of each kind; PostgreSQL and Redis with two of each."""
    folder = tmp_path_factory.mktemp("home")
    media = photos.make_library(folder / "photos")
    if photos.samples():
        copytree(photos.SAMPLES, folder / "photos" / "real")
        media += [folder / "photos" / "real" / path.relative_to(photos.SAMPLES) for path in photos.samples()]
    settings = on_s3(s3_server, own_prefix())
    if request.param == "small":
        with live_server(settings) as server, inside(server) as within:
            yield Home(folder, media, server, Client(server.url, new_admin_key(server)), within)
        return
    postgresql: Postgresql = request.getfixturevalue("postgresql_server")
    redis_url: str = request.getfixturevalue("redis_url")
    with (
        postgresql.database() as database,
        live_server(settings | on_servers(database, redis_url), webs=2, workers=2) as server,
        inside(server) as within,
    ):
        yield Home(folder, media, server, Client(server.url_of("web2"), new_admin_key(server)), within)


@pytest.fixture(scope="module")
def uploaded(home: Home) -> Said:
    """What the CLI said to the first upload of all photos; the workers are done with them."""
    options = ("--recursive", "--album", "--concurrency", "4", "--no-progress")
    said = home.immich("upload", *options, str(home.folder / "photos"))
    home.client.wait_until_idle(120)
    return said


def test_login_and_server_info_work(home: Home) -> None:
    said = home.immich("login", home.server.url, home.client.key)
    assert said.code == 0, said
    assert (home.folder / "config" / "auth.yml").exists()
    said = home.immich("server-info")
    assert said.code == 0, said
    assert "3.2.2" in said.text


def test_a_wrong_key_is_told_so(home: Home) -> None:
    said = home.immich("login", home.server.url, "wrong", key="wrong")
    assert said.code != 0
    assert "401" in said.text
    assert "Invalid API key" in said.text


def test_every_file_is_uploaded(home: Home, uploaded: Said) -> None:
    assert uploaded.code == 0, uploaded
    assert f"Successfully uploaded {len(home.media)} new asset" in uploaded.text
    assert home.client.statistics()["total"] == len(home.media)


def test_every_original_comes_back_identical(home: Home, uploaded: Said) -> None:
    for path in home.media:
        data = path.read_bytes()
        asset_id = home.client.asset_of(data)
        assert asset_id, path
        assert photos.sha1_of(home.client.original_of(asset_id)) == photos.sha1_of(data), path


def test_every_file_keeps_its_name(home: Home, uploaded: Said) -> None:
    names = sorted(asset["originalFileName"] for asset in home.client.assets())
    assert names == sorted(path.name for path in home.media)


def test_every_picture_has_thumbnail_preview_and_thumbhash(home: Home, uploaded: Said) -> None:
    for path in home.media:
        asset_id = home.client.asset_of(path.read_bytes())
        assert home.client.get(f"/api/assets/{asset_id}").json["thumbhash"], path
        for size, kind, side in (("thumbnail", "WEBP", 250), ("preview", "JPEG", 1440)):
            answer = home.client.get(f"/api/assets/{asset_id}/thumbnail?size={size}")
            assert answer.status == 200, (path, answer)
            with Image.open(io.BytesIO(answer.body)) as image:
                assert image.format == kind
                assert min(image.size) <= side


def test_every_file_has_its_metadata(home: Home, uploaded: Said) -> None:
    found = {asset["checksum"]: asset["exifInfo"] for asset in home.client.assets()}
    for path in home.media:
        exif = found[checksum(path.read_bytes())]
        assert exif["fileSizeInByte"] == path.stat().st_size, path
        if "real" not in path.parts and photos.has_exif(path):
            assert (exif["make"], exif["model"]) == (photos.MAKE, photos.MODEL), path
            assert exif["dateTimeOriginal"].startswith("2023-07-"), path
            assert exif["latitude"] == pytest.approx(51.8), path


def test_a_sidecar_describes_its_photo(home: Home, uploaded: Said) -> None:
    plain = home.folder / "photos" / "plain.jpg"
    exif = home.client.get(f"/api/assets/{home.client.asset_of(plain.read_bytes())}").json["exifInfo"]
    assert (exif["description"], exif["rating"]) == (photos.DESCRIPTION, 4)


def test_each_folder_is_an_album_that_holds_its_files(home: Home, uploaded: Said) -> None:
    expected: dict[str, int] = {}
    for path in home.media:
        expected[path.parent.name] = expected.get(path.parent.name, 0) + 1
    albums = home.client.get("/api/albums").json
    assert {album["albumName"]: album["assetCount"] for album in albums} == expected


def test_no_job_was_set_aside(home: Home, uploaded: Said) -> None:
    assert home.client.failed_jobs() == {}


def test_the_bucket_holds_what_the_database_names_and_the_disk_nothing(home: Home, uploaded: Said) -> None:
    assert home.inside.stored_paths() == home.inside.named_paths() == home.inside.object_rows()
    assert not home.inside.files()
    assert not home.inside.staged()


def test_a_second_upload_finds_only_duplicates_and_stores_nothing(home: Home, uploaded: Said) -> None:
    before = home.inside.stored_paths()
    for options in ((), ("--skip-hash",)):
        said = home.immich("upload", "--recursive", "--album", "--no-progress", *options, str(home.folder / "photos"))
        assert said.code == 0, said
    home.client.wait_until_idle()
    assert home.inside.stored_paths() == before
    assert home.client.statistics()["total"] == len(home.media)


def test_a_dry_run_changes_nothing(home: Home, uploaded: Said) -> None:
    before = home.client.statistics()
    [photo] = home.fresh_photos("dry", range(900, 901))
    said = home.immich("upload", "--dry-run", "--json-output", "--no-progress", "--album-name", "Dry", str(photo))
    assert said.code == 0, said
    assert home.client.statistics() == before
    assert "Dry" not in {album["albumName"] for album in home.client.get("/api/albums").json}


def test_delete_removes_the_local_files_only_after_the_server_has_them(home: Home, uploaded: Said) -> None:
    files = home.fresh_photos("moved", range(910, 913))
    contents = [file.read_bytes() for file in files]
    said = home.immich("upload", "--delete", "--no-progress", *map(str, files))
    assert said.code == 0, said
    assert not any(file.exists() for file in files)
    for data in contents:
        asset_id = home.client.asset_of(data)
        assert asset_id
        assert home.client.original_of(asset_id) == data


def test_uploads_reach_a_named_album_with_the_visibility_asked_for(home: Home, uploaded: Said) -> None:
    [photo] = home.fresh_photos("hidden", range(920, 921))
    said = home.immich("upload", "--no-progress", "--visibility", "archive", "--album-name", "One Album", str(photo))
    assert said.code == 0, said
    asset = home.client.get(f"/api/assets/{home.client.asset_of(photo.read_bytes())}").json
    assert asset["visibility"] == "archive"
    [album] = [album for album in home.client.get("/api/albums").json if album["albumName"] == "One Album"]
    assert album["assetCount"] == 1
    assert json.loads(home.client.get(f"/api/assets/{asset['id']}").body)["id"] == asset["id"]


def test_live_pairs_and_motion_photos_move(home: Home, uploaded: Said) -> None:
    folder = home.folder / "moving"
    folder.mkdir()
    inside = make_video(home.folder / "inside.mp4", *HEVC, "-pix_fmt", "yuv420p").read_bytes()
    video = apple_video(folder / "IMG_1.MOV", "CLI-PAIR", *HEVC, "-pix_fmt", "yuv420p").read_bytes()
    stills = [apple_still(folder / "IMG_1.jpg", "CLI-PAIR"), google(folder / "PXL_1.MP.jpg", inside)]
    before = home.client.statistics()
    said = home.immich("upload", "--recursive", "--no-progress", str(folder))
    assert said.code == 0, said
    home.client.wait_until_idle(120)
    after = home.client.statistics()
    assert (after["images"] - before["images"], after["videos"] - before["videos"]) == (2, 0)
    for still, moving in zip(stills, (video, inside), strict=True):
        asset = home.client.get(f"/api/assets/{home.client.asset_of(still.read_bytes())}").json
        assert asset["livePhotoVideoId"] == home.client.asset_of(moving)
        played = home.client.get(f"/api/assets/{asset['livePhotoVideoId']}/video/playback")
        (home.folder / "played.mp4").write_bytes(played.body)
        assert probe(home.folder / "played.mp4").video.codec == "h264"
    assert home.client.failed_jobs() == {}
