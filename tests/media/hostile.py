"""All hostile files, made here from code and always the same: what a stranger could send to do harm."""

import numpy as np

from media import mime
from tests.media.hostile_documents import Outside, documents
from tests.media.hostile_pictures import encoded, pictures
from tests.media.hostile_videos import videos

_ODD = (
    "; touch escaped; .jpg", "$(touch escaped).jpg", "`touch escaped`.png", "-config.jpg", "%s%n%d.jpg", "a|b.jpg",
    "..jpg", "....jpg", "con.jpg", "msl:a.jpg", "https:a.png", "a.jpg[0].jpg", "x" * 180 + ".jpg", "\u202egpj.exe.jpg",
    "'; DROP TABLE asset; --.jpg", "<img src=x onerror=alert(1)>.jpg", "e\u0301\U0001f3d4\ufe0f.jpg", "%00.jpg",
)  # fmt: skip


def hostile_files(outside: Outside) -> dict[str, bytes]:
    """Some hundreds of files by name, a few megabytes in all; no two that have bytes have the same."""
    return {**pictures(), **documents(outside), **videos(outside), **noise(), **oddly_named()}


def noise() -> dict[str, bytes]:
    """Random bytes under every extension that is taken."""
    random = np.random.default_rng(3)
    return {f"noise{extension}": random.bytes(5000) for extension in (*mime.IMAGE_TYPES, *mime.VIDEO_TYPES)}


def oddly_named() -> dict[str, bytes]:
    """Sound pictures whose names are meant for a shell, an option parser, a page, or another file system."""
    return {name: encoded("JPEG", (100 + number, 90)) for number, name in enumerate(_ODD)}
