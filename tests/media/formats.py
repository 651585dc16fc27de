"""Every format of still pictures, with a sample of each and the table of docs/media.md that follows from them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image, ImageCms

from media import images
from tests.media.containers import dng, psd, tiff_of
from tests.media.pictures import TURNS, photo, rgb_profile, save

DOCUMENT = Path(__file__).parents[2] / "docs/media.md"
_BEGIN, _END = "<!-- table: python -m tests.media.formats -->", "<!-- /table -->"
SIZE = (1800, 1500)
PROFILE = rgb_profile()

Make = Callable[[Path, Image.Image], Path]


@dataclass(frozen=True, slots=True)
class Format:
    """A way in which pictures are kept: how one is made, and what is true of its preview.

    `tolerance` is the mean difference to the picture that was saved, in levels of 255. `turned`
    makes one that EXIF's orientation 6 turns, `profiled` one with an RGB profile.
    """

    name: str
    extensions: tuple[str, ...]
    reader: str
    make: Make
    tolerance: float = 3
    turned: Make | None = None
    profiled: Make | None = None
    profile: str = "kept"

    @property
    def file_name(self) -> str:
        return f"a{self.extensions[0]}"


def original() -> Image.Image:
    """What all samples show: soft colours, no two places alike."""
    return photo((90, 75)).resize(SIZE, Image.Resampling.BICUBIC)


def _saved(**options: object) -> Make:
    return lambda path, image: save(image, path, **options)


def _as(mode: str, **options: object) -> Make:
    return lambda path, image: save(image.convert(mode), path, **options)


def _written(made: Callable[[Image.Image], bytes]) -> Make:
    def make(path: Path, image: Image.Image) -> Path:
        path.write_bytes(made(image))
        return path

    return make


def _deep(image: Image.Image) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint16]]":
    return np.asarray(image).astype(np.uint16) * 257


def _lab(image: Image.Image) -> Image.Image:
    into = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(image, into)
    assert lab is not None
    return lab


def _jxl_of_jpeg(path: Path, image: Image.Image) -> Path:
    jpeg = path.with_suffix(".jpg")
    image.save(jpeg, quality=95)
    with Image.open(jpeg) as opened:
        opened.save(path, lossless_jpeg=True)
    return path


def _svg(image: Image.Image) -> bytes:
    small = np.asarray(image.resize((30, 25), Image.Resampling.BOX))
    cells = "".join(
        f'<rect x="{x}" y="{y}" width="1.02" height="1.02" fill="#{bytes(small[y, x]).hex()}"/>'
        for y in range(25) for x in range(30)
    )  # fmt: skip
    head = '<svg xmlns="http://www.w3.org/2000/svg" width="1800" height="1500" viewBox="0 0 30 25">'
    return f'{head}<rect width="30" height="25"/>{cells}</svg>'.encode()


def _turned(path: Path, image: Image.Image) -> Path:
    exif = Image.Exif()
    exif[0x112] = 6
    return save(image, path, exif=exif)


_ICC = _saved(icc_profile=PROFILE)
_PILLOW, _LIBRAW, _MAGICK = "Pillow", "LibRaw (rawpy)", "ImageMagick (Wand)"
_RAW = (
    ".3fr", ".ari", ".arw", ".cap", ".cin", ".cr2", ".cr3", ".crw", ".dcr", ".erf", ".fff", ".iiq", ".k25", ".kdc",
    ".mrw", ".nef", ".nrw", ".orf", ".ori", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
)  # fmt: skip

FORMATS = (
    Format("JPEG", (".jpg", ".jpeg", ".jpe", ".insp"), _PILLOW, _saved(quality=95), turned=_turned, profiled=_ICC),
    Format("JPEG, progressive", (".jpg",), _PILLOW, _saved(progressive=True), turned=_turned, profiled=_ICC),
    Format("JPEG, CMYK", (".jpg",), _PILLOW, _as("CMYK", quality=95), profile="used, then sRGB"),
    Format("JPEG, several in one (MPO)", (".mpo",), _PILLOW, _saved(format="MPO", save_all=True), turned=_turned),
    Format("PNG", (".png",), _PILLOW, _saved(), turned=_turned, profiled=_ICC),
    Format("PNG, palette", (".png",), _PILLOW, lambda path, image: save(image.quantize(), path), 6),
    Format("WebP", (".webp",), _PILLOW, _saved(quality=95), turned=_turned, profiled=_ICC),
    Format("GIF", (".gif",), _PILLOW, _saved(), 6, profile="none in the format"),
    Format("AVIF", (".avif",), "Pillow (libavif)", _saved(quality=90), turned=_turned, profiled=_ICC),
    Format("HEIC", (".heic", ".heif", ".hif"), "libheif (pillow-heif)", _saved(quality=90), profiled=_ICC),
    Format("JPEG XL", (".jxl",), "libjxl (pillow-jxl-plugin)", _saved(quality=95)),
    Format("JPEG XL, of a JPEG", (".jxl",), "libjxl (pillow-jxl-plugin)", _jxl_of_jpeg),
    Format("JPEG 2000", (".jp2",), "Pillow (OpenJPEG)", _saved(), profile="taken for sRGB"),
    Format("TIFF", (".tif", ".tiff"), _PILLOW, _saved(), turned=_turned, profiled=_ICC),
    Format("TIFF, JPEG inside", (".tif",), "Pillow (libtiff)", _saved(compression="jpeg", quality=95)),
    Format("TIFF, 16 bits", (".tif",), _PILLOW, _written(lambda image: tiff_of(_deep(image), 2))),
    Format("TIFF, floating point", (".tif",), _MAGICK,
           _written(lambda image: tiff_of(np.asarray(image).astype(np.float32) / 255, 2))),
    Format("TIFF, CMYK", (".tif",), _PILLOW, _as("CMYK"), profile="used, then sRGB"),
    Format("TIFF, L\\*a\\*b\\*", (".tif",), _PILLOW, lambda path, image: save(_lab(image), path), 4,
           profile="none needed; becomes sRGB"),
    Format("BMP", (".bmp",), _PILLOW, _saved(), profile="none in the format"),
    Format("Photoshop", (".psd",), _PILLOW, _written(lambda image: psd(np.asarray(image), 3)),
           profiled=_written(lambda image: psd(np.asarray(image), 3, PROFILE))),
    Format("Photoshop, CMYK", (".psd",), _PILLOW,
           _written(lambda image: psd(255 - np.asarray(image.convert("CMYK")), 4)), profile="used, then sRGB"),
    Format("Photoshop, 16 bits", (".psd",), _MAGICK, _written(lambda image: psd(_deep(image), 3))),
    Format("SVG", (".svg",), "resvg (resvg-py)", _written(_svg), 12, profile="none in the format"),
    Format("RAW, with a JPEG large enough", (".dng", *_RAW), f"{_LIBRAW}, then Pillow",
           _written(lambda image: dng(image, preview=image)),
           turned=_written(lambda image: dng(image, preview=image, orientation=6))),
    Format("RAW, without one", (".dng", *_RAW), _LIBRAW, _written(dng), 40,
           turned=_written(lambda image: dng(image, orientation=6)), profile="developed into sRGB"),
)  # fmt: skip


def difference(preview: Path, wanted: Image.Image) -> float:
    """How far a preview is from a picture on the average, in levels of 255; noise in single pixels does not count."""
    with Image.open(preview) as made:
        found, told = (np.asarray(one.convert("RGB").resize((60, 50), Image.Resampling.BOX)).astype(float)
                       for one in (made, wanted))  # fmt: skip
    return float(np.abs(found - told).mean())


def upright(image: Image.Image) -> Image.Image:
    """How a viewer shows the picture where orientation 6 is told."""
    for step in TURNS[6]:
        image = image.transpose(step)
    return image


def rows(seconds: Callable[[Format], float]) -> list[str]:
    """The lines of the table."""
    head = ["| format | extensions | read by | colour | orientation | profile | CPU |", "|---|---|---|---|---|---|---|"]
    return head + [
        f"| {one.name} | {_named(one.extensions)} | {one.reader} | within {one.tolerance:g} levels | "
        f"{'turned upright' if one.turned else 'none told, or the library turns'} | {one.profile} | "
        f"{seconds(one) * 1000:.0f} ms |"
        for one in FORMATS
    ]


def _named(extensions: tuple[str, ...]) -> str:
    return ", ".join(f"`{extension}`" for extension in extensions)


def without_times(lines: list[str]) -> list[str]:
    return [line.rsplit("|", 2)[0] for line in lines]


def documented() -> list[str]:
    """The lines of the table as the document has them."""
    return DOCUMENT.read_text().partition(_BEGIN)[2].partition(_END)[0].strip().splitlines()


def _seconds(one: Format) -> float:
    with TemporaryDirectory() as folder:
        source = one.make(Path(folder, one.file_name), original())
        spent = []
        for _ in range(3):
            started = time.process_time()
            images.make_previews(source, Path(folder, "preview"), Path(folder, "thumbnail"))
            spent.append(time.process_time() - started)
    return min(spent)


def main() -> None:
    """Writes the table anew, with the time that each format takes here."""
    before, _, rest = DOCUMENT.read_text().partition(_BEGIN)
    after = rest.partition(_END)[2]
    DOCUMENT.write_text("\n".join([f"{before}{_BEGIN}", *rows(_seconds), _END]) + after)


if __name__ == "__main__":
    main()
