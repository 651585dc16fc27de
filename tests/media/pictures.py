"""Pictures that tests make for themselves: four corners of known colours, in every format and mode."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401 - teaches Pillow to write JPEG XL
from PIL import Image, ImageCms

RED, GREEN, BLUE, GREY = (230, 20, 20), (20, 200, 20), (20, 20, 230), (128, 128, 128)
# The orientation tag of EXIF and the steps that a viewer takes, from the file's pixels to what is shown.
TURNS: dict[int, tuple[Image.Transpose, ...]] = {
    1: (),
    2: (Image.Transpose.FLIP_LEFT_RIGHT,),
    3: (Image.Transpose.ROTATE_180,),
    4: (Image.Transpose.FLIP_TOP_BOTTOM,),
    5: (Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_90),
    6: (Image.Transpose.ROTATE_270,),
    7: (Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_270),
    8: (Image.Transpose.ROTATE_90,),
}


def corners(size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Red, green, blue and grey, from the upper left to the lower right."""
    image = Image.new("RGB", size)
    width, height = size[0] // 2, size[1] // 2
    for index, colour in enumerate((RED, GREEN, BLUE, GREY)):
        image.paste(colour, (index % 2 * width, index // 2 * height, size[0], size[1]))
    return image


def colour_at(image: Image.Image, x: float, y: float) -> tuple[int, ...]:
    """The colour at a place given as shares of width and height."""
    pixel = image.convert("RGB").getpixel((int(x * image.width), int(y * image.height)))
    assert isinstance(pixel, tuple)
    return tuple(int(part) for part in pixel)


def corner_colours(image: Image.Image) -> list[tuple[int, ...]]:
    return [colour_at(image, x, y) for y in (0.25, 0.75) for x in (0.25, 0.75)]


def near(found: tuple[int, ...], wanted: tuple[int, ...], by: int = 12) -> bool:
    return all(abs(one - other) <= by for one, other in zip(found, wanted, strict=True))


def exif_with(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x112] = orientation
    exif.get_ifd(0x8825)[29] = "2001:01:01 GPSSECRET"
    exif[0x10E] = "EXIFSECRET"
    return exif


def save(image: Image.Image, path: Path, **options: Any) -> Path:
    pillow_heif.register_heif_opener()
    image.save(path, **options)
    return path


def photo(size: tuple[int, int]) -> Image.Image:
    """Something with the detail of a photo, so that its file has a photo's size."""
    random = np.random.default_rng(7)
    coarse = Image.fromarray(random.integers(0, 255, (size[1] // 40 + 1, size[0] // 40 + 1, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC)).astype(np.int16)
    noisy = smooth + random.integers(-8, 9, (size[1], size[0], 1), dtype=np.int16)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def rgb_profile() -> bytes:
    """A profile for RGB."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has next to no pixels."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
