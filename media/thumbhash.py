"""thumbhash: a picture in some 25 bytes, as the format's author describes it (evanw.github.io/thumbhash)."""

from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]

# The picture that is hashed is at most this many pixels wide and high.
LARGEST = 100


@dataclass(frozen=True, slots=True)
class _Channel:
    """The cosine terms of one plane: the constant, the others from 0 to 1, and their scale."""

    constant: float
    scale: float
    terms: NDArray[np.float64]


def thumbhash(rgba: NDArray[np.uint8]) -> bytes:
    """The hash of an array (height, width, 4) of at most 100 x 100 pixels, alpha not premultiplied."""
    height, width, _ = rgba.shape
    if not 1 <= max(width, height) <= LARGEST:
        raise ValueError(f"not a picture to hash: {width} x {height}")
    luma, warmth, tint, alpha = _planes(rgba)
    has_alpha = bool((rgba[..., 3] < 255).any())
    # Colour and alpha need room of their own, so luma gets fewer terms beside alpha.
    limit = 5 if has_alpha else 7
    columns = max(1, _round(limit * width / max(width, height)))
    rows = max(1, _round(limit * height / max(width, height)))
    channels = [
        _channel(luma, max(3, columns), max(3, rows)),
        _channel(warmth, 3, 3),
        _channel(tint, 3, 3),
    ]
    if has_alpha:
        channels.append(_channel(alpha, 5, 5))
    head = _head(channels, has_alpha=has_alpha, is_landscape=width > height, columns=columns, rows=rows)
    return head + _packed(np.concatenate([channel.terms for channel in channels]))


def _planes(rgba: NDArray[np.uint8]) -> tuple[Plane, Plane, Plane, Plane]:
    """Brightness, yellow against blue, red against green, and alpha, over the picture's mean colour."""
    pixels = rgba.astype(np.float64) / 255
    alpha = pixels[..., 3]
    colour = pixels[..., :3] * alpha[..., None]
    weight = alpha.sum()
    mean = colour.sum(axis=(0, 1)) / weight if weight else np.zeros(3)
    red, green, blue = np.moveaxis(colour + mean * (1 - alpha[..., None]), -1, 0)
    return (red + green + blue) / 3, (red + green) / 2 - blue, red - green, alpha


def _channel(plane: Plane, columns: int, rows: int) -> _Channel:
    """The lowest terms of the plane's cosine transform: the triangle of a `columns` x `rows` grid."""
    height, width = plane.shape
    all_terms = _cosines(rows, height) @ plane @ _cosines(columns, width).T / plane.size
    row, column = np.indices((rows, columns))
    inside = column * rows < columns * (rows - row)
    constant, *terms = all_terms[inside]
    scale = float(np.abs(terms).max())
    # Half stands for none; the smallest number keeps a plain colour from dividing by nothing.
    return _Channel(float(constant), scale, 0.5 + 0.5 * np.array(terms) / max(scale, 5e-324))


def _cosines(count: int, length: int) -> Plane:
    return np.cos(np.pi / length * np.outer(np.arange(count), np.arange(length) + 0.5))


def _head(channels: list[_Channel], *, has_alpha: bool, is_landscape: bool, columns: int, rows: int) -> bytes:
    luma, warmth, tint, *alpha = channels
    first = (
        _round(63 * luma.constant)
        | _round(31.5 + 31.5 * warmth.constant) << 6
        | _round(31.5 + 31.5 * tint.constant) << 12
        | _round(31 * luma.scale) << 18
        | has_alpha << 23
    )
    # The side that is not told follows from the format's limit for the longer one.
    second = (
        (rows if is_landscape else columns)
        | _round(63 * warmth.scale) << 3
        | _round(63 * tint.scale) << 9
        | is_landscape << 15
    )
    third = bytes(_round(15 * one.constant) | _round(15 * one.scale) << 4 for one in alpha)
    return first.to_bytes(3, "little") + second.to_bytes(2, "little") + third


def _packed(terms: NDArray[np.float64]) -> bytes:
    """Four bits a term, the first in the lower half of its byte."""
    nibbles = np.floor(15 * terms + 0.5).astype(np.uint8)
    nibbles = np.append(nibbles, np.zeros(nibbles.size % 2, np.uint8))
    return (nibbles[::2] | nibbles[1::2] << 4).astype(np.uint8).tobytes()


def _round(value: float) -> int:
    """Half upwards, as the format's reference does; Python rounds half to even."""
    return floor(value + 0.5)
