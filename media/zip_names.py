"""Names for the members of a zip archive, safe to extract on every system."""

import re
from collections import Counter
from collections.abc import Iterable
from posixpath import splitext
from unicodedata import normalize

_LIMIT = 255
# Room for the counter of a repeated name: "+" and up to eleven digits.
_ROOM = 12
# What is longer than this many bytes is no extension that anyone relies on.
_EXTENSION_LIMIT = 32

# Folders, Windows' own characters, control characters and line ends, bidi overrides and isolates, lone surrogates.
_FORBIDDEN = re.compile(r'[/\\<>:"|?*\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]')
# Windows takes these for devices whatever follows the first dot, and does not count spaces before it.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[1-9¹²³])\s*(?:\.|\Z)", re.IGNORECASE)
_BLANKS = "".join(filter(str.isspace, map(chr, range(0x3001))))


def archive_names(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """One member name for each file name, in order: safe, and unlike every other and all of `taken`.

    A name is one visible path segment in NFC, at most 255 bytes of UTF-8, that no system takes for a folder, a
    device or a drive. Two names are alike where a file system that ignores case and normalisation cannot hold both;
    repeats become `name+1.ext`, `name+2.ext`, as in Immich's archives. Takes time linear in the number of names.
    """
    used = {_folded(name) for name in taken}
    repeats: Counter[str] = Counter()
    return [_unused(_safe(name), used, repeats) for name in names]


def _unused(name: str, used: set[str], repeats: Counter[str]) -> str:
    """`name`, or its first repeat that is not in `used`; adds what it gives to `used`."""
    # One count for all names that are cut to the same: else each of them would try the others' numbers again.
    base = _shortened(name, _LIMIT - _ROOM)
    stem, extension = _split(base)
    key = _folded(base)
    while (folded := _folded(name)) in used:
        repeats[key] += 1
        name = f"{stem}+{repeats[key]}{extension}"
    used.add(folded)
    return name


def _safe(name: str) -> str:
    """`name` as a single path segment that every system can hold."""
    visible = _FORBIDDEN.sub("_", normalize("NFC", name)).lstrip(_BLANKS).rstrip(_BLANKS + ".")
    short = _shortened(visible, _LIMIT)
    return _shortened(f"_{short}", _LIMIT) if _DEVICE.match(short) else short


def _shortened(name: str, limit: int) -> str:
    """`name` in at most `limit` bytes of UTF-8: the stem is cut between two characters, the extension stays."""
    if 0 < len(name.encode()) <= limit:
        return name
    stem, extension = _split(name)
    kept = stem.encode()[: limit - len(extension.encode())].decode(errors="ignore").rstrip(_BLANKS + ".")
    return (kept or "unnamed") + extension


def _split(name: str) -> tuple[str, str]:
    """Stem and extension, the latter with its dot."""
    stem, extension = splitext(name)
    return (stem, extension) if len(extension.encode()) <= _EXTENSION_LIMIT else (name, "")


def _folded(name: str) -> str:
    """What all names alike have in common (the Unicode Standard, section 3.13, D145)."""
    return normalize("NFD", normalize("NFD", name).casefold())
