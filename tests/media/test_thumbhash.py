"""The thumbhash format: what is written is read back as the same picture."""

import numpy as np
import pytest
from numpy.typing import NDArray

from media.thumbhash import thumbhash


def picture(width: int, height: int, alpha: int = 255) -> NDArray[np.uint8]:
    """Red grows to the right, green downwards; blue is half everywhere."""
    pixels = np.full((height, width, 4), 128, np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width)[None, :]
    pixels[..., 1] = np.linspace(0, 255, height)[:, None]
    pixels[..., 3] = alpha
    return pixels


def mean_colour(code: bytes) -> tuple[float, float, float]:
    """The average colour by the format's header: luma, then yellow against blue, then red against green."""
    head = int.from_bytes(code[:3], "little")
    luma, warmth, tint = (head & 63) / 63, (head >> 6 & 63) / 31.5 - 1, (head >> 12 & 63) / 31.5 - 1
    blue = luma - 2 / 3 * warmth
    red = (3 * luma - blue + tint) / 2
    return red, red - tint, blue


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 120, 40)])
def test_the_mean_colour_is_in_the_head(colour: tuple[int, int, int]) -> None:
    pixels = np.full((40, 60, 4), (*colour, 255), np.uint8)
    assert mean_colour(thumbhash(pixels)) == pytest.approx([part / 255 for part in colour], abs=0.04)


@pytest.mark.parametrize(("size", "landscape", "shorter"), [((100, 50), True, 4), ((50, 100), False, 4),
                                                            ((100, 100), False, 7), ((100, 1), True, 1)])
def test_the_head_tells_the_proportions(size: tuple[int, int], landscape: bool, shorter: int) -> None:
    head = int.from_bytes(thumbhash(picture(*size))[3:5], "little")
    assert (bool(head >> 15), head & 7) == (landscape, shorter)


def test_an_opaque_square_takes_25_bytes_and_more_with_alpha() -> None:
    # 5 of head; 27 luma terms and 5 for each of two colours, at half a byte each.
    assert len(thumbhash(picture(100, 100))) == 5 + (27 + 5 + 5 + 1) // 2
    # One more of head; 14 luma terms instead, and as many for alpha.
    with_alpha = thumbhash(picture(100, 100, alpha=100))
    assert len(with_alpha) == 6 + (14 + 5 + 5 + 14) // 2
    assert with_alpha[2] & 0x80


def test_a_picture_that_is_nowhere_visible_has_a_hash() -> None:
    assert len(thumbhash(picture(10, 10, alpha=0))) == 25


def test_a_known_picture_has_its_known_hash() -> None:
    """Worked out by hand from the format: one column of white beside one of black."""
    pixels = np.zeros((1, 2, 4), np.uint8)
    pixels[0, 0, :3] = 255
    pixels[..., 3] = 255
    code = thumbhash(pixels)
    head = int.from_bytes(code[:3], "little")
    # The mean is 0.5. The largest of the other terms is -0.5, the fourth; the first is cos(pi / 4) / 2.
    assert (head & 63, head >> 18 & 31) == (32, 16)
    assert code[5] & 15 == round(15 * (0.5 + np.cos(np.pi / 4) / 2))


@pytest.mark.parametrize("size", [(101, 1), (0, 0)])
def test_larger_pictures_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="not a picture"):
        thumbhash(np.zeros((size[1], size[0], 4), np.uint8))
