"""The video inside a motion photo: found where each maker puts it, and nowhere else."""

from pathlib import Path

import pytest

from media.exif import read_metadata
from media.motion import MotionClue, copy_video, find_video
from media.probe import probe
from tests.media.motion_photos import KINDS, google, micro_video, picture, samsung_trailer
from tests.media.videos import make_video

SAMPLES = Path(__file__).parents[3] / "shared/samples"


@pytest.fixture
def video(tmp_path: Path) -> bytes:
    return make_video(tmp_path / "inside.mp4").read_bytes()


def video_in(photo: Path) -> bytes | None:
    """The bytes of the video, as the metadata of the photo lead to it."""
    clue = read_metadata(photo).motion
    span = find_video(photo, clue) if clue is not None else None
    if span is None:
        return None
    data = bytearray()
    copy_video(photo, span, data.extend)
    return bytes(data)


@pytest.mark.parametrize("name", KINDS)
def test_the_video_is_found_and_is_the_whole_of_it(tmp_path: Path, video: bytes, name: str) -> None:
    assert video_in(KINDS[name](tmp_path / name, video)) == video


def test_what_lies_behind_the_video_is_counted(tmp_path: Path, video: bytes) -> None:
    found = video_in(google(tmp_path / "a.jpg", video, behind=b"x" * 100))
    assert found is not None
    assert found.startswith(video)


def test_a_photo_has_no_video(tmp_path: Path) -> None:
    photo = picture(tmp_path / "a.jpg")
    assert read_metadata(photo).motion is None


@pytest.mark.parametrize("wrong", [0, 1, 7, 500, 10**6, 2**31, 2**63])
def test_a_place_that_is_wrong_is_not_believed(tmp_path: Path, video: bytes, wrong: int) -> None:
    assert video_in(micro_video(tmp_path / "a.jpg", video, offset=wrong)) is None
    assert video_in(google(tmp_path / "b.jpg", video, length=wrong)) is None


def test_an_edited_photo_that_lost_its_video_has_none(tmp_path: Path, video: bytes) -> None:
    whole = google(tmp_path / "a.jpg", video)
    whole.write_bytes(whole.read_bytes()[: -len(video)])
    assert video_in(whole) is None


@pytest.mark.parametrize("place", range(1, 60, 3))
def test_a_trailer_that_is_broken_leads_nowhere_or_to_a_video(tmp_path: Path, video: bytes, place: int) -> None:
    trailer = bytearray(samsung_trailer(video))
    trailer[-place] ^= 0xFF
    photo = picture(tmp_path / "a.jpg")
    with photo.open("ab") as file:
        file.write(trailer)
    span = find_video(photo, MotionClue(None))
    assert span is None or photo.read_bytes()[span.start + 4 : span.start + 8] == b"ftyp"


def test_boxes_without_an_end_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x08ftyp" * 100_000)
    assert find_video(tmp_path / "a.heic", MotionClue(None)) is None


def test_a_photo_of_a_phone_gives_its_video(tmp_path: Path) -> None:
    sample = SAMPLES / "formats/samsung-one-ui-6.heic"
    if not sample.exists():
        pytest.skip("the samples are not there")
    found = video_in(sample)
    assert found is not None
    assert len(found) == 3_226_469
    (tmp_path / "a.mp4").write_bytes(found)
    assert probe(tmp_path / "a.mp4").video.codec == "hevc"
