"""Content-Disposition for any file name: RFC 6266, with the extended form of RFC 8187."""

import re
from typing import Literal
from urllib.parse import quote

Disposition = Literal["inline", "attachment"]

# What a quoted string can hold without escapes; a percent sign some readers take for an encoding (RFC 6266, D).
_UNSPEAKABLE = re.compile(r'[^ !#-$&-.0-\[\]-~]')
# `attr-char` of RFC 8187, letters and digits aside.
_ATTRIBUTE = "!#$&+-.^_`|~"


def content_disposition(kind: Disposition, name: str) -> str:
    """The header for a file of this name: in ASCII for old readers, then in full."""
    plain = _UNSPEAKABLE.sub("_", name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_ATTRIBUTE, errors='replace')}"
