"""Drawings (SVG), rendered by resvg: only what is in the file itself, no scripts, nothing fetched or opened."""

import re
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import resvg_py
from PIL import Image

from errors import MediaError
from media.images import MAX_PIXELS, Size
from media.images_pixels import Fit, Picture, without_idle_alpha

_MAX_BYTES = 32 * 1024 * 1024
_MAX_ELEMENTS, _MAX_DEPTH = 200_000, 200
# Pixels of a unit of CSS, at 96 to the inch.
_UNITS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0, "q": 96 / 101.6}
_LENGTH = re.compile(r"\s*([+]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([a-zA-Z]*)\s*")
# As renderers do where a drawing tells no size.
_DEFAULT_SIDE = 100.0
_INLINE_PICTURE = re.compile(r"\s*data:image/(?:png|jpeg|jpg|gif|webp)[;,]", re.IGNORECASE)


def read(source: Path, wanted: Fit) -> Picture:
    """The drawing in as many pixels as are wanted of the size that it tells; transparent where nothing is drawn.

    Raises MediaError where it is too large, or no drawing after all.
    """
    if source.stat().st_size > _MAX_BYTES:
        raise MediaError(f"The drawing has more than {_MAX_BYTES // 1024**2} MiB")
    root = _parsed(source)
    size = _size_of(root)
    if size[0] * size[1] > MAX_PIXELS:
        raise MediaError(f"The picture has more than {MAX_PIXELS // 1_000_000} megapixels")
    small = wanted(size)
    has_text = _make_harmless(root)
    root.set("width", str(size[0]))
    root.set("height", str(size[1]))
    try:
        png = resvg_py.svg_to_bytes(
            svg_string=ElementTree.tostring(root, encoding="unicode"), width=small[0], height=small[1], dpi=96,
            # Fonts are looked for on this machine, which takes a while.
            skip_system_fonts=not has_text,
        )  # fmt: skip
    except ValueError as error:
        raise MediaError(f"The drawing is damaged: {error}") from error
    with Image.open(BytesIO(bytes(png)), formats=("PNG",)) as image:
        return Picture(without_idle_alpha(_on_canvas(image.convert("RGBA"), small)), None, size)


def _parsed(source: Path) -> Element:
    """The document, without doctype and comments; entities are those that it declares itself."""
    elements = depth = 0
    root: Element | None = None
    try:
        # Expat expands no bombs of entities.
        for event, element in ElementTree.iterparse(source, events=("start", "end")):  # noqa: S314
            if event == "end":
                depth -= 1
                continue
            root = element if root is None else root
            elements += 1
            depth += 1
            if elements > _MAX_ELEMENTS or depth > _MAX_DEPTH:
                raise MediaError(f"The drawing has over {_MAX_ELEMENTS} elements, or {_MAX_DEPTH} inside each other")
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise MediaError(f"The drawing is damaged: {error}") from error
    if root is None or _local(root.tag) != "svg":
        raise MediaError("The drawing is damaged: it has no root")
    return root


def _make_harmless(root: Element) -> bool:
    """Takes away every reference out of the file; whether there is text in the drawing.

    resvg would open files that pictures name. Of embedded pictures those are left that hold pixels.
    """
    has_text = False
    for element in root.iter():
        has_text = has_text or _local(element.tag) == "text"
        for name, value in list(element.items()):
            is_inside = value.lstrip().startswith("#") or _INLINE_PICTURE.match(value)
            if _local(name) in ("href", "src", "base") and not is_inside:
                del element.attrib[name]
    return has_text


def _local(name: object) -> str:
    """A name without its namespace; empty for comments and instructions."""
    return name.rpartition("}")[2] if isinstance(name, str) else ""


def _size_of(root: Element) -> Size:
    """Width and height in pixels (SVG 2, 8.2): as told, else by the view box."""
    box = _numbers(root.get("viewBox", ""))
    wide, tall = (box[2], box[3]) if len(box) == 4 and min(box[2:]) > 0 else (None, None)
    width, height = _length(root.get("width")), _length(root.get("height"))
    if width is None and height is None:
        width, height = wide or _DEFAULT_SIDE, tall or _DEFAULT_SIDE
    ratio = tall / wide if wide and tall else 1.0
    width = width if width is not None else (height or _DEFAULT_SIDE) / ratio
    height = height if height is not None else width * ratio
    if not (0 < width < 1e6 and 0 < height < 1e6):
        raise MediaError("The drawing has no size that can be shown")
    return max(1, round(width)), max(1, round(height))


def _length(text: str | None) -> float | None:
    """A length in pixels; None where it is a share of the page, or none."""
    match = _LENGTH.fullmatch(text or "")
    if match is None or match[2].lower() not in _UNITS:
        return None
    return float(match[1]) * _UNITS[match[2].lower()]


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in re.split(r"[\s,]+", text.strip()) if part]
    except ValueError:
        return []


def _on_canvas(image: Image.Image, size: Size) -> Image.Image:
    """The drawing in the middle of its size: resvg keeps proportions, and rounds for itself."""
    if image.size == size:
        return image
    canvas = Image.new("RGBA", size)
    canvas.paste(image, ((size[0] - image.width) // 2, (size[1] - image.height) // 2))
    return canvas
