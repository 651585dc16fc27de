"""Still pictures: one decode becomes preview, thumbnail and thumbhash.

Light to import: libraries that decode are loaded where a picture is read, in the workshop's children.
"""

from dataclasses import dataclass
from pathlib import Path

# Immich's defaults: pixels on the shorter side, and quality.
PREVIEW_SIDE = 1440
THUMBNAIL_SIDE = 250
QUALITY = 80

MAX_PIXELS = 200_000_000

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Preview:
    """What was made of a picture; `width` and `height` are the original's pixels as shown.

    `is_transparent` says that the thumbnail has an alpha channel; the preview never has. `damage`
    tells in a sentence what is wrong with the original where not all of it could be read.
    """

    width: int
    height: int
    thumbhash: bytes
    is_transparent: bool
    damage: str | None = None


def make_previews(source: Path, preview: Path, thumbnail: Path, fullsize: Path | None = None) -> Preview:
    """Writes preview (JPEG) and thumbnail (WebP) of a picture file, where asked its full size (JPEG), from one decode.

    The shorter side becomes 1440 and 250 pixels, never more than the source has. Turned upright,
    the source's RGB profile kept, everything else of its metadata left out. Transparent parts
    are white in the preview, as on a page, and stay transparent in the thumbnail. Of an
    animation it is the first frame, of a damaged picture what can be read of it.

    Raises UnsupportedMedia for what is no picture of a known format, MediaError for one that is too
    large or of which nothing can be read. A task for the workshop.
    """
    from media.images_write import write_previews

    return write_previews(source, preview, thumbnail, fullsize)
