"""Videos and motion photos as clients meet them: uploaded, looked into by jobs, shown and played; on every engine."""

import io
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image

from media.probe import probe
from services.system import System
from tests.blueprints.forms import kept
from tests.media.motion_photos import KINDS
from tests.media.videos import HEVC, make_rotated, make_video
from tests.services.test_staged_once import run_jobs
from tests.systems import Person


def test_a_video_of_a_phone_is_shown_upright_and_played_by_every_browser(
    client: FlaskClient, admin: Person, system: System, tmp_path: Path
) -> None:
    lying = make_video(tmp_path / "a.mov", *HEVC, "-pix_fmt", "yuv420p", sound=("-c:a", "aac"))
    source = make_rotated(tmp_path / "b.mov", 90, lying)
    asset_id = kept(client, admin.headers, source.read_bytes(), name="IMG_1.MOV")
    run_jobs(system)
    about = client.get(f"/api/assets/{asset_id}", headers=admin.headers).get_json()
    assert (about["type"], about["width"], about["height"]) == ("VIDEO", 48, 64)
    assert 450 <= about["duration"] <= 650
    assert about["thumbhash"]
    preview = client.get(f"/api/assets/{asset_id}/thumbnail?size=preview", headers=admin.headers)
    assert Image.open(io.BytesIO(preview.data)).size == (48, 64)
    played = client.get(f"/api/assets/{asset_id}/video/playback", headers=admin.headers)
    (tmp_path / "played.mp4").write_bytes(played.data)
    video = probe(tmp_path / "played.mp4").video
    assert (played.content_type, video.codec, video.width, video.height) == ("video/mp4", "h264", 48, 64)
    original = client.get(f"/api/assets/{asset_id}/original", headers=admin.headers)
    assert original.data == source.read_bytes()


@pytest.mark.parametrize("name", ["google.jpg", "samsung.heic"])
def test_a_motion_photo_moves(
    client: FlaskClient, admin: Person, system: System, tmp_path: Path, name: str
) -> None:
    inside = make_video(tmp_path / "inside.mp4", *HEVC, "-pix_fmt", "yuv420p").read_bytes()
    photo_id = kept(client, admin.headers, KINDS[name](tmp_path / name, inside).read_bytes(), name=name)
    run_jobs(system)
    about = client.get(f"/api/assets/{photo_id}", headers=admin.headers).get_json()
    video_id = about["livePhotoVideoId"]
    played = client.get(f"/api/assets/{video_id}/video/playback", headers=admin.headers)
    (tmp_path / "played.mp4").write_bytes(played.data)
    assert probe(tmp_path / "played.mp4").video.codec == "h264"
    assert client.get(f"/api/assets/{video_id}/original", headers=admin.headers).data == inside
    counts = client.get("/api/assets/statistics", headers=admin.headers).get_json()
    assert (counts["images"], counts["videos"]) == (1, 0)


def test_a_live_pair_of_a_client_stays_linked(
    client: FlaskClient, admin: Person, system: System, tmp_path: Path
) -> None:
    video = make_video(tmp_path / "a.mov", *HEVC, "-pix_fmt", "yuv420p").read_bytes()
    video_id = kept(client, admin.headers, video, name="IMG_1.MOV")
    still = KINDS["google.jpg"](tmp_path / "IMG_1.jpg", make_video(tmp_path / "b.mp4").read_bytes()).read_bytes()
    still_id = kept(client, admin.headers, still, name="IMG_1.jpg", livePhotoVideoId=video_id)
    run_jobs(system)
    about = client.get(f"/api/assets/{still_id}", headers=admin.headers).get_json()
    assert about["livePhotoVideoId"] == video_id
    played = client.get(f"/api/assets/{video_id}/video/playback", headers=admin.headers)
    (tmp_path / "played.mp4").write_bytes(played.data)
    assert probe(tmp_path / "played.mp4").video.codec == "h264"
