"""Every format that Immich lists is shown: upright, in its colours, in the right size; docs/media.md says so."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from media import images, mime
from media.images import Preview
from tests.media import formats
from tests.media.formats import FORMATS, SIZE, Format


def make(source: Path) -> tuple[Preview, Path, Path]:
    preview, thumbnail = source.with_name("made.jpeg"), source.with_name("made.webp")
    return images.make_previews(source, preview, thumbnail), preview, thumbnail


def shown(path: Path) -> Image.Image:
    return Image.open(BytesIO(path.read_bytes()))


@pytest.fixture(scope="module")
def original() -> Image.Image:
    return formats.original()


@pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.name)
def test_the_picture_comes_out_in_its_colours_and_size(one: Format, original: Image.Image, tmp_path: Path) -> None:
    result, preview, thumbnail = make(one.make(tmp_path / one.file_name, original))
    assert (result.width, result.height) == SIZE
    assert shown(preview).size == (1728, 1440)
    assert shown(thumbnail).size == (300, 250)
    assert formats.difference(preview, original) < one.tolerance
    assert formats.difference(thumbnail, original) < one.tolerance + 3
    assert (result.damage, result.is_transparent) == (None, False)


@pytest.mark.parametrize("one", [one for one in FORMATS if one.turned], ids=lambda one: one.name)
def test_the_picture_comes_out_upright(one: Format, original: Image.Image, tmp_path: Path) -> None:
    assert one.turned is not None
    result, preview, _ = make(one.turned(tmp_path / one.file_name, original))
    assert (result.width, result.height) == SIZE[::-1]
    assert shown(preview).size == (1440, 1728)
    assert formats.difference(preview, formats.upright(original)) < one.tolerance + 1


@pytest.mark.parametrize("one", [one for one in FORMATS if one.profiled], ids=lambda one: one.name)
def test_the_profile_is_kept(one: Format, original: Image.Image, tmp_path: Path) -> None:
    assert one.profiled is not None
    _, preview, thumbnail = make(one.profiled(tmp_path / one.file_name, original))
    for made in (preview, thumbnail):
        assert shown(made).info["icc_profile"] == formats.PROFILE


def test_no_extension_that_immich_lists_is_missing() -> None:
    assert {extension for one in FORMATS for extension in one.extensions} == set(mime.IMAGE_TYPES)


def test_the_document_says_what_is_true() -> None:
    assert formats.without_times(formats.documented()) == formats.without_times(formats.rows(lambda _: 0))
