"""Drawings: rendered in their size, with nothing fetched, opened or run, however they ask for it."""

from base64 import b64encode
from pathlib import Path

import numpy as np
import pytest

from errors import MediaError
from media import images_svg
from media.images_pixels import Picture
from tests.media.pictures import GREEN, RED, colour_at, corners, near, save

SVG = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def drawn(folder: Path, text: str | bytes) -> Picture:
    path = folder / "a.svg"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return images_svg.read(path, lambda size: size)


@pytest.mark.parametrize(("told", "size"), [
    ('width="100" height="50"', (100, 50)),
    ('width="100px" height="0.5in"', (100, 48)),
    ('width="25.4mm" height="2.54cm"', (96, 96)),
    ('viewBox="0 0 300 200"', (300, 200)),
    ('width="150" viewBox="0 0 300 200"', (150, 100)),
    ('height="100" viewBox="0 0 300 200"', (150, 100)),
    ('width="100%" height="100%" viewBox="0,0,40,30"', (40, 30)),
    ('width="nonsense" height="-1"', (100, 100)),
    ("", (100, 100)),
])
def test_the_size_is_the_one_that_is_told(tmp_path: Path, told: str, size: tuple[int, int]) -> None:
    assert drawn(tmp_path, f"<svg {SVG} {told}/>").size == size


@pytest.mark.parametrize("told", [
    'width="1000000" height="1000000"', 'width="1e5" height="1e5"', 'width="0" height="1"', 'width="1e999" height="1"',
])  # fmt: skip
def test_a_size_that_cannot_be_shown_is_refused(tmp_path: Path, told: str) -> None:
    with pytest.raises(MediaError):
        drawn(tmp_path, f"<svg {SVG} {told}/>")


def test_large_drawings_are_rendered_small(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    path.write_text(f'<svg {SVG} width="9000" height="6000"><rect width="9000" height="6000" fill="rgb{RED}"/></svg>')
    picture = images_svg.read(path, lambda size: (90, 60))
    assert (picture.size, picture.image.size) == ((9000, 6000), (90, 60))
    assert near(colour_at(picture.image, 0.99, 0.99), RED, by=2)


def test_what_is_not_drawn_is_transparent(tmp_path: Path) -> None:
    picture = drawn(tmp_path, f'<svg {SVG} width="20" height="20"><rect width="10" height="20" fill="red"/></svg>')
    assert picture.image.mode == "RGBA"
    assert picture.image.getpixel((15, 10)) == (0, 0, 0, 0)


def test_styles_gradients_and_parts_used_twice_are_drawn(tmp_path: Path) -> None:
    picture = drawn(tmp_path, f"""<?xml version="1.0" encoding="ISO-8859-1"?>
        <!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd"
            [<!ENTITY colour "rgb{RED}">]>
        <svg {SVG} width="40" height="20"><style>.a {{ fill: &colour; }}</style>
        <defs><rect id="r" width="20" height="20"/>
        <linearGradient id="g"><stop stop-color="rgb{GREEN}"/></linearGradient></defs>
        <use xlink:href="#r" class="a"/><use href="#r" x="20" fill="url(#g)"/></svg>""")
    assert near(colour_at(picture.image, 0.25, 0.5), RED, by=2)
    assert near(colour_at(picture.image, 0.75, 0.5), GREEN, by=2)


def test_pictures_inside_are_drawn(tmp_path: Path) -> None:
    inside = b64encode(save(corners(), tmp_path / "a.png").read_bytes()).decode()
    image = f'<image width="60" height="40" href="data:image/png;base64,{inside}"/>'
    picture = drawn(tmp_path, f'<svg {SVG} width="60" height="40">{image}</svg>')
    assert near(colour_at(picture.image, 0.25, 0.25), RED, by=2)


@pytest.mark.parametrize("reference", [
    '<image width="60" height="40" href="{path}"/>',
    '<image width="60" height="40" xlink:href="{path}"/>',
    '<image width="60" height="40" xlink:href="file://{path}"/>',
    '<image width="60" height="40" href="a.png"/>',
    '<image width="60" height="40" href=" {path}"/>',
    '<defs><filter id="f"><feImage href="{path}"/></filter></defs><rect width="60" height="40" filter="url(#f)"/>',
    '<image width="60" height="40" href="data:image/svg+xml,&lt;svg xmlns=\'http://www.w3.org/2000/svg\' '
    'width=\'60\' height=\'40\'>&lt;image width=\'60\' height=\'40\' href=\'{path}\'/>&lt;/svg>"/>',
    '<use href="{path}#x"/>',
    '<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="{path}" parse="text"/>',
    '<style>@import url("{path}"); rect {{ fill: url("{path}") }}</style>',
    '<script>document.location = "{path}"</script>',
    '<foreignObject width="60" height="40"><img xmlns="http://www.w3.org/1999/xhtml" src="{path}"/></foreignObject>',
])
def test_no_other_file_is_read(tmp_path: Path, reference: str) -> None:
    path = save(corners(), tmp_path / "a.png")
    text = reference.format(path=path)
    picture = drawn(tmp_path, f'<svg {SVG} width="60" height="40">{text}</svg>')
    # Black where something was to be filled with what is not there.
    assert not np.asarray(picture.image.convert("RGBA"))[..., :3].any()


@pytest.mark.parametrize("text", [
    '<!DOCTYPE svg [<!ENTITY e SYSTEM "file:///etc/passwd">]><svg {svg}><text>&e;</text></svg>',
    '<!DOCTYPE svg [<!ENTITY % e SYSTEM "file:///etc/passwd"> %e;]><svg {svg}/>',
    "<svg {svg}",
    "<svg {svg}><g></svg>",
    "<svg {svg}>&undeclared;</svg>",
    "<html><svg {svg}/></html>",
])
def test_what_is_no_drawing_is_told_or_shown_without_what_it_asks_for(tmp_path: Path, text: str) -> None:
    try:
        picture = drawn(tmp_path, text.format(svg=SVG))
    except MediaError:
        return
    assert picture.image.getchannel("A").getextrema() == (0, 0)


def test_entities_that_multiply_are_no_bomb(tmp_path: Path) -> None:
    entities = '<!ENTITY a0 "lol">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    with pytest.raises(MediaError, match="damaged"):
        drawn(tmp_path, f"<!DOCTYPE svg [{entities}]><svg {SVG}><text>&a11;</text></svg>")


def test_too_many_elements_are_refused(tmp_path: Path) -> None:
    for inside in ("<g/>" * 200_001, "<g>" * 1000 + "</g>" * 1000):
        with pytest.raises(MediaError, match="elements"):
            drawn(tmp_path, f"<svg {SVG}>{inside}</svg>")


def test_drawings_in_utf_16_are_read(tmp_path: Path) -> None:
    text = f'<?xml version="1.0" encoding="UTF-16"?><svg {SVG} width="30" height="20"/>'
    assert drawn(tmp_path, text.encode("utf-16")).size == (30, 20)
