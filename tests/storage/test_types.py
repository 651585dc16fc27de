"""Storage keys and byte ranges: wrong values cannot be made."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errors import InvalidKey
from storage.types import ByteRange, StorageKey

SEGMENTS = st.text(min_size=1, max_size=12) | st.sampled_from(["..", ".", "", "a", "thumbs", "\\", "é"])


@settings(deadline=None)  # a busy machine is no error
@given(st.text() | st.lists(SEGMENTS).map("/".join))
def test_any_text_is_refused_or_kept_as_it_is(text: str) -> None:
    try:
        key = StorageKey(text)
    except InvalidKey:
        return
    assert key == text
    assert not key.startswith("/")
    assert all(part not in ("", ".", "..") for part in key.split("/"))
    assert "\\" not in key
    assert "\0" not in key
    assert len(key.encode()) <= 1024


@pytest.mark.parametrize(
    "text",
    [
        "", "/", "/etc/passwd", "a//b", "a/", "..", "a/../b", "./a", "a/.", "a\\b", "a\0b", "a\nb", "a\x7fb",
        "\udc80", "x" * 1025, "é" * 513,
    ],
)  # fmt: skip
def test_what_could_leave_the_root_or_break_a_store_is_no_key(text: str) -> None:
    with pytest.raises(InvalidKey):
        StorageKey(text)


@pytest.mark.parametrize("text", ["a", "a/b.jpg", "...", "a/.hidden", "x" * 1024, "100%/#?/🏔️ +.jpg"])
def test_ordinary_names_are_keys(text: str) -> None:
    assert StorageKey(text) == text


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (0, 0), (5, 4), (-2, -1)])
def test_a_range_without_bytes_cannot_be_made(start: int, stop: int | None) -> None:
    with pytest.raises(ValueError, match="Not a byte range"):
        ByteRange(start, stop)
