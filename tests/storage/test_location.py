"""Media locations: stored paths to keys and back, by whole segments."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errors import InvalidKey
from storage.location import MediaLocation
from storage.types import StorageKey

LOCATIONS = [
    MediaLocation.local(Path("/data")),
    MediaLocation.local(Path("/")),
    MediaLocation.s3("bucket"),
    MediaLocation.s3("bucket", "photos/immich"),
]


@pytest.mark.parametrize("location", LOCATIONS)
@settings(deadline=None)  # a busy machine is no error
@given(text=st.text() | st.lists(st.text(min_size=1, max_size=8)).map("/".join))
def test_every_key_comes_back_from_its_path(location: MediaLocation, text: str) -> None:
    try:
        key = StorageKey(text)
    except InvalidKey:
        return
    assert location.key_of(location.path_of(key)) == key


def test_paths_are_written_as_immich_writes_them() -> None:
    key = StorageKey("upload/u/ab/cd/x.jpg")
    assert MediaLocation.local(Path("/data/")).path_of(key) == "/data/upload/u/ab/cd/x.jpg"
    assert MediaLocation.s3("b", "/p/q/").path_of(key) == "s3://b/p/q/upload/u/ab/cd/x.jpg"
    assert MediaLocation.s3("b").path_of(key) == "s3://b/upload/u/ab/cd/x.jpg"


@pytest.mark.parametrize(
    ("location", "path"),
    [
        (MediaLocation.local(Path("/data")), "/data2/upload/x"),
        (MediaLocation.local(Path("/data")), "/data"),
        (MediaLocation.local(Path("/data")), "/data/"),
        (MediaLocation.local(Path("/data")), "/data/../etc/passwd"),
        (MediaLocation.local(Path("/data")), "data/x"),
        (MediaLocation.local(Path("/data")), "s3://data/x"),
        (MediaLocation.s3("bucket", "photos"), "s3://bucket/photos2/x"),
        (MediaLocation.s3("bucket", "photos"), "s3://bucket2/photos/x"),
        (MediaLocation.s3("bucket", "photos"), "s3://bucket/photos"),
        (MediaLocation.s3("bucket", "photos"), "S3://bucket/photos/x"),
        (MediaLocation.s3("bucket"), "s3://bucket2/x"),
    ],
)
def test_a_path_elsewhere_has_no_key(location: MediaLocation, path: str) -> None:
    assert location.key_of(path) is None
