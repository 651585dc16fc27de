"""Names in archives: whatever files are called, what is extracted stays in its folder and nothing is overwritten."""

from pathlib import PurePosixPath, PureWindowsPath
from unicodedata import normalize

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from media.zip_names import archive_names

DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"} | {
    port + number for port in ("COM", "LPT") for number in "123456789¹²³"
}
FRAGMENTS = st.sampled_from([
    "con", "Nul", "COM¹", "lpt9", "conin$", ".", "..", " ", "\u3000", "/", "\\", ":", "\0", "\u202e", "\ud800", "+1",
    "+2", ".jpg", ".JPG", "a", "A", "é", "e\u0301", "ß", "ss", "K", "\u212a", "🏔️", "x" * 120, "é" * 120, " " * 250,
])  # fmt: skip
NAMES = st.text(st.characters(exclude_categories=())) | st.lists(FRAGMENTS, max_size=6).map("".join)


def one(name: str) -> str:
    return archive_names([name])[0]


def folded(name: str) -> str:
    return normalize("NFC", normalize("NFC", name).casefold())


@settings(deadline=None)  # a busy machine is no error
@given(NAMES)
@example("con" + " " * 300 + "x")
@example("." * 300 + "x")
@example("a." + "x" * 300)
def test_every_name_is_one_segment_that_every_system_can_hold(text: str) -> None:
    name = one(text)
    assert PureWindowsPath(name).parts == PurePosixPath(name).parts == (name,)
    assert name not in (".", "..")
    assert not set('<>:"/\\|?*') & set(name)
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 or 0xD800 <= ord(char) < 0xE000 for char in name)
    assert not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069") & set(name)
    assert name == name.strip() == name.rstrip(".")
    assert name == normalize("NFC", name)
    assert 0 < len(name.encode()) <= 255
    assert name.split(".")[0].strip().upper() not in DEVICES


@settings(deadline=None)
@given(st.lists(NAMES), st.lists(NAMES))
def test_no_two_names_are_alike_nor_like_one_that_is_taken(texts: list[str], taken: list[str]) -> None:
    names = archive_names(texts, taken)
    alike = {folded(name) for name in names}
    assert len(alike) == len(names) == len(texts)
    assert not alike & {folded(name) for name in taken}


@settings(deadline=None)
@given(st.lists(NAMES))
def test_names_that_are_safe_and_unlike_stay_as_they_are(texts: list[str]) -> None:
    names = archive_names(texts)
    assert archive_names(names) == names


@pytest.mark.parametrize("name", ["IMG_0001.HEIC", "...a", ".hidden", "a b.c.jpg", "Zoë 🏔️.jpg", "عكس.jpg", "a+1.jpg",
                                  "console.log", "com.jpg", "com10.txt", "x" * 251 + ".jpg", "-rf", "~"])  # fmt: skip
def test_an_ordinary_name_is_kept(name: str) -> None:
    assert one(name) == name


@pytest.mark.parametrize(("text", "name"), [
    ("a/b.jpg", "a_b.jpg"),
    ("../../etc/passwd", ".._.._etc_passwd"),
    ("..\\x.jpg", ".._x.jpg"),
    ("/etc/passwd", "_etc_passwd"),
    ("C:\\x.jpg", "C__x.jpg"),
    ("C:x.jpg", "C_x.jpg"),
    ("\\\\server\\share", "__server_share"),
    ("a.jpg:stream", "a.jpg_stream"),
    ("a<b>c|d?e*f\"g", "a_b_c_d_e_f_g"),
    ("a\0b\nc\x7fd\x85e\u2028f", "a_b_c_d_e_f"),
    ("a\u202egpj.exe", "a_gpj.exe"),
    ("a\udc80.jpg", "a_.jpg"),
])  # fmt: skip
def test_what_makes_a_path_or_misleads_is_replaced(text: str, name: str) -> None:
    assert one(text) == name


@pytest.mark.parametrize("text", ["", ".", "..", "...", " ", "\u3000", " . . "])
def test_a_name_of_nothing_is_called_unnamed(text: str) -> None:
    assert one(text) == "unnamed"


@pytest.mark.parametrize(("text", "name"), [(" a.jpg", "a.jpg"), ("a.jpg. .", "a.jpg"), ("a.jpg\u00a0", "a.jpg")])
def test_blanks_at_the_ends_and_dots_behind_are_dropped(text: str, name: str) -> None:
    assert one(text) == name


@pytest.mark.parametrize("text", ["CON", "con.jpg", "Aux.tar.gz", "NUL .txt", "com1", "LPT9.jpg", "COM².jpg", "lpt³",
                                  "CONIN$", "conout$.txt"])  # fmt: skip
def test_a_device_of_windows_gets_a_mark(text: str) -> None:
    assert one(text) == f"_{text}"


def test_a_long_name_is_cut_between_characters_and_keeps_its_extension() -> None:
    assert one("é" * 200 + ".jpg") == "é" * 125 + ".jpg"
    assert one("x" * 300) == "x" * 255
    assert one("a" + " " * 300 + ".jpg") == "a.jpg"


def test_a_cut_name_has_room_for_its_number() -> None:
    first, second = archive_names(["🏔" * 100 + ".jpg"] * 2)
    assert first == "🏔" * 62 + ".jpg"
    assert second == "🏔" * 59 + "+1.jpg"


def test_repeats_are_numbered_as_in_immich() -> None:
    assert archive_names(["a.jpg"] * 3 + ["b"] * 2) == ["a.jpg", "a+1.jpg", "a+2.jpg", "b", "b+1"]


def test_names_that_differ_in_case_or_in_normalisation_are_repeats() -> None:
    assert archive_names(["a.jpg", "A.JPG"]) == ["a.jpg", "A+1.JPG"]
    assert archive_names(["é.jpg", "e\u0301.jpg", "É.jpg"]) == ["é.jpg", "é+1.jpg", "É+2.jpg"]


def test_a_name_that_looks_numbered_is_not_given_twice() -> None:
    assert archive_names(["a+1.jpg", "a.jpg", "a.jpg"]) == ["a+1.jpg", "a.jpg", "a+2.jpg"]
    assert archive_names(["a.jpg", "a.jpg", "a+1.jpg"]) == ["a.jpg", "a+1.jpg", "a+1+1.jpg"]


def test_a_taken_name_is_left_alone() -> None:
    assert archive_names(["_MISSING.txt", "a"], taken=["_missing.txt"]) == ["_MISSING+1.txt", "a"]


@pytest.mark.parametrize("texts", [
    ["IMG.jpg"] * 20_000,
    # Unlike, but all alike once they are cut to make room for a number.
    ["x" * 245 + f"{number:05}" for number in range(10_000)] * 2,
    ["IMG.jpg"] * 10_000 + [f"IMG+{number}.jpg" for number in range(1, 10_001)],
], ids=["equal", "equal when cut", "numbered already"])  # fmt: skip
def test_many_names_cost_time_for_each_name_only(texts: list[str]) -> None:
    names = archive_names(texts)
    assert len(set(names)) == len(texts)
