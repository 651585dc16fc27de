"""File names and what they mean."""

import pytest

from media import mime


def test_an_extension_in_capitals_counts_the_same() -> None:
    assert mime.asset_type_of("IMG_0001.HEIC") == "IMAGE"
    assert mime.content_type_of("IMG_0001.HEIC") == "image/heic"


@pytest.mark.parametrize(("name", "kind"), [("a.jpg", "IMAGE"), ("a.b.dng", "IMAGE"), ("a.mov", "VIDEO"),
                                            ("s3://bucket/upload/a.mp4", "VIDEO")])
def test_the_last_extension_decides(name: str, kind: str) -> None:
    assert mime.asset_type_of(name) == kind
    assert mime.is_supported(name)


@pytest.mark.parametrize("name", ["a", "a.txt", "jpg", ".jpg", "a.jpg.exe", "a.xmp", "a.", "", "folder.jpg/a"])
def test_other_names_are_no_assets(name: str) -> None:
    assert not mime.is_supported(name)


def test_what_is_not_media_is_served_as_bytes() -> None:
    assert mime.content_type_of("a.exe") == "application/octet-stream"


def test_browsers_show_a_png_but_no_heic() -> None:
    assert mime.is_web_image("a.PNG")
    assert not mime.is_web_image("a.heic")


def test_every_extension_has_a_content_type() -> None:
    tables = mime.IMAGE_TYPES | mime.VIDEO_TYPES | mime.SIDECAR_TYPES
    assert len(tables) == 48 + 20 + 1
    assert all(extension == extension.lower() and extension.startswith(".") for extension in tables)
    assert all("/" in content_type for content_type in tables.values())
