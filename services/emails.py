"""E-mail addresses: which texts are one, and their one spelling."""

import re
import unicodedata

_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_SHAPE = re.compile(rf"[\w.!#$%&'*+/=?^`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})*")
_MAX_LENGTH = 254


def normal_email(text: str) -> str:
    """The address in lower case and NFC: how it is kept and looked up. Raises ValueError."""
    address = unicodedata.normalize("NFC", text.strip().lower())
    if len(address) > _MAX_LENGTH or not _SHAPE.fullmatch(address) or "_" in address.rpartition("@")[2]:
        raise ValueError("Not an e-mail address")
    return address
