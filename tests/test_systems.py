"""The guard of the S3 tests can fail."""

from pathlib import Path

import pytest

from services.system import System


def test_a_file_below_the_media_location_is_caught_where_media_are_in_s3(system: System, engine: str) -> None:
    file = system.settings.media_location / "upload.jpg"
    if engine == "local":
        file.write_bytes(b"fine")
        return
    with pytest.raises(AssertionError, match="was opened as a file"):
        file.write_bytes(b"not fine")
    with pytest.raises(AssertionError, match="was opened as a file"):
        Path("s3://bucket/key").read_bytes()
    with system.staging.new_file() as staged:
        staged.write(b"fine")
