"""Previews and thumbnails: right way up, right colours, right size, and hostile files refused."""

import io
import resource
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from errors import MediaError, UnsupportedMedia
from media import images, images_pixels
from media.images import Preview
from tests.media.pictures import (
    BLUE,
    GREEN,
    GREY,
    RED,
    TURNS,
    colour_at,
    corner_colours,
    corners,
    exif_with,
    near,
    photo,
    png_header,
    rgb_profile,
    save,
)

SAMPLES = Path(__file__).parents[3] / "shared/samples"


@dataclass(frozen=True, slots=True)
class Made:
    result: Preview
    preview: Image.Image
    thumbnail: Image.Image
    files: bytes


def make(source: Path) -> Made:
    preview, thumbnail = source.with_name("made.jpeg"), source.with_name("made.webp")
    result = images.make_previews(source, preview, thumbnail)
    data = preview.read_bytes(), thumbnail.read_bytes()
    shown, small = (Image.open(io.BytesIO(one)) for one in data)
    assert (shown.format, small.format) == ("JPEG", "WEBP")
    return Made(result, shown, small, b"".join(data))


def refuse(source: Path) -> str:
    """The reason why no previews are made; neither file may be left."""
    preview, thumbnail = source.with_name("made.jpeg"), source.with_name("made.webp")
    with pytest.raises(MediaError) as caught:
        images.make_previews(source, preview, thumbnail)
    assert not preview.exists()
    assert not thumbnail.exists()
    return str(caught.value)


@pytest.mark.parametrize(("size", "preview", "thumbnail"), [
    ((4000, 3000), (1920, 1440), (333, 250)),
    ((3000, 4000), (1440, 1920), (250, 333)),
    ((1440, 1440), (1440, 1440), (250, 250)),
    ((1600, 1200), (1600, 1200), (333, 250)),
    ((250, 300), (250, 300), (250, 300)),
    ((60, 40), (60, 40), (60, 40)),
    ((1, 1), (1, 1), (1, 1)),
    ((1, 5000), (1, 5000), (1, 5000)),
    ((5000, 1), (5000, 1), (5000, 1)),
])
def test_the_shorter_side_is_fitted_and_nothing_is_enlarged(
    tmp_path: Path, size: tuple[int, int], preview: tuple[int, int], thumbnail: tuple[int, int]
) -> None:
    made = make(save(Image.new("RGB", size, RED), tmp_path / "a.jpg"))
    assert (made.preview.size, made.thumbnail.size) == (preview, thumbnail)
    assert (made.result.width, made.result.height) == size


def test_a_side_too_long_for_webp_is_cut_down(tmp_path: Path) -> None:
    made = make(save(Image.new("RGB", (20, 40_000), RED), tmp_path / "a.png"))
    assert made.preview.size == (20, 40_000)
    assert made.thumbnail.height == 16_383


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".avif"])
def test_every_orientation_comes_out_upright(tmp_path: Path, orientation: int, suffix: str) -> None:
    upright = corners()
    for step in TURNS[orientation]:
        upright = upright.transpose(step)
    path = save(corners(), tmp_path / f"a{suffix}", exif=exif_with(orientation))
    made = make(path)
    assert made.preview.size == upright.size == (made.result.width, made.result.height)
    for picture in (made.preview, made.thumbnail):
        found = zip(corner_colours(picture), corner_colours(upright), strict=True)
        assert all(near(one, other, by=40) for one, other in found)


def test_a_turned_heic_comes_out_upright(tmp_path: Path) -> None:
    """The turn of a HEIC lies in the container; libheif undoes it, and it must not be undone twice."""
    path = save(corners((200, 100)), tmp_path / "a.heic", exif=exif_with(6))
    made = make(path)
    with Image.open(path) as image:
        assert made.preview.size == image.size
        assert all(near(*pair, by=40) for pair in zip(corner_colours(made.preview), corner_colours(image), strict=True))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".heic", ".avif", ".tif", ".bmp"])
def test_every_format_keeps_its_colours(tmp_path: Path, suffix: str) -> None:
    made = make(save(corners((400, 300)), tmp_path / f"a{suffix}"))
    for picture in (made.preview, made.thumbnail):
        assert all(near(*pair, by=25) for pair in zip(corner_colours(picture), (RED, GREEN, BLUE, GREY), strict=True))


@pytest.mark.parametrize(("mode", "suffix"), [
    ("L", ".jpg"), ("CMYK", ".jpg"), ("L", ".png"), ("LA", ".png"), ("P", ".png"), ("RGBA", ".png"), ("1", ".png"),
    ("P", ".gif"), ("CMYK", ".tif"), ("YCbCr", ".tif"), ("LAB", ".tif"), ("RGBA", ".webp"), ("RGBA", ".avif"),
    ("RGBA", ".heic"), ("RGBA", ".tif"), ("L", ".heic"),
])
def test_every_mode_is_understood(tmp_path: Path, mode: str, suffix: str) -> None:
    source = corners((200, 100))
    if mode == "LAB":
        to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
        changed = ImageCms.applyTransform(source, to_lab)
        assert changed is not None
    else:
        changed = source.quantize() if mode == "P" else source.convert(mode)
    made = make(save(changed, tmp_path / f"a{suffix}"))
    wanted = source.convert("L") if mode in ("L", "LA") else source
    if mode != "1":
        pairs = zip(corner_colours(made.preview), corner_colours(wanted), strict=True)
        assert all(near(*pair, by=30) for pair in pairs)
    assert made.preview.mode == "RGB"


@pytest.mark.parametrize(("values", "suffix"), [
    (np.uint16, ".png"), (np.uint16, ".tif"), (np.int32, ".tif"), (np.float32, ".tif"),
])
def test_deep_greys_keep_their_brightness(tmp_path: Path, values: type[np.generic], suffix: str) -> None:
    ramp = np.tile(np.linspace(0, 1, 256), (50, 1))
    deep = (ramp if values is np.float32 else ramp * 65535).astype(values)
    made = make(save(Image.fromarray(deep), tmp_path / f"a{suffix}"))
    for x in (0.1, 0.5, 0.9):
        assert near(colour_at(made.preview, x, 0.5), (round(x * 255),) * 3, by=4)


def test_a_picture_of_16_bits_a_colour_is_understood(tmp_path: Path) -> None:
    row = b"\0" + struct.pack(">HHH", 0xC000, 0x4000, 0x1000) * 10
    data = png_header(10, 10).replace(b"\x08\x02\0\0\0", b"\x10\x02\0\0\0")
    head = data[12:29]
    data = data[:29] + struct.pack(">I", zlib.crc32(head))
    body = zlib.compress(row * 10)
    for kind, part in ((b"IDAT", body), (b"IEND", b"")):
        data += struct.pack(">I", len(part)) + kind + part + struct.pack(">I", zlib.crc32(kind + part))
    (tmp_path / "a.png").write_bytes(data)
    assert near(colour_at(make(tmp_path / "a.png").preview, 0.5, 0.5), (0xC0, 0x40, 0x10))


def test_a_profile_is_kept_in_both(tmp_path: Path) -> None:
    profile = rgb_profile()
    made = make(save(corners(), tmp_path / "a.jpg", icc_profile=profile))
    assert made.preview.info["icc_profile"] == made.thumbnail.info["icc_profile"] == profile
    made = make(save(corners(), tmp_path / "a.heic", icc_profile=profile))
    assert made.preview.info["icc_profile"] == profile


def test_a_profile_for_other_colours_is_used_and_dropped(tmp_path: Path) -> None:
    broken = rgb_profile()[:16] + b"GRAY" + rgb_profile()[20:]
    made = make(save(corners().convert("L"), tmp_path / "a.jpg", icc_profile=broken))
    assert "icc_profile" not in made.preview.info
    made = make(save(corners(), tmp_path / "b.jpg", icc_profile=b"nonsense"))
    assert "icc_profile" not in made.preview.info


def test_transparent_parts_are_white_in_the_preview_and_stay_in_the_thumbnail(tmp_path: Path) -> None:
    image = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    image.paste((*RED, 255), (0, 0, 200, 400))
    made = make(save(image, tmp_path / "a.png"))
    assert near(colour_at(made.preview, 0.75, 0.5), (255, 255, 255))
    assert near(colour_at(made.preview, 0.25, 0.5), RED)
    assert made.thumbnail.mode == "RGBA"
    pixel = made.thumbnail.getpixel((200, 100))
    assert isinstance(pixel, tuple)
    assert pixel[3] == 0
    assert made.result.is_transparent
    assert not make(save(corners(), tmp_path / "b.png")).result.is_transparent


def test_half_transparent_parts_do_not_darken(tmp_path: Path) -> None:
    """Pixels that nobody sees are black here; mixing them in would leave a dark rim."""
    image = Image.new("RGBA", (2000, 2000), (0, 0, 0, 0))
    image.paste((255, 255, 255, 255), (0, 0, 1001, 2000))
    made = make(save(image, tmp_path / "a.png"))
    assert np.asarray(made.preview).min() > 250


def test_an_animation_shows_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (60, 40), colour) for colour in (RED, GREEN, BLUE)]
    for suffix in (".gif", ".webp", ".png", ".avif"):
        path = save(frames[0], tmp_path / f"a{suffix}", save_all=True, append_images=frames[1:], duration=100)
        assert near(colour_at(make(path).preview, 0.5, 0.5), RED, by=25)


def test_nothing_of_the_metadata_is_left(tmp_path: Path) -> None:
    for suffix in (".jpg", ".png", ".webp", ".tif", ".heic", ".avif"):
        options = {"comment": b"COMMENTSECRET"} if suffix == ".jpg" else {}
        path = save(corners(), tmp_path / f"a{suffix}", exif=exif_with(1), xmp=b"<x>XMPSECRET</x>", **options)
        assert b"SECRET" in path.read_bytes()
        made = make(path)
        assert b"SECRET" not in made.files
        assert not made.preview.getexif()
        assert not made.thumbnail.getexif()


def test_the_preview_keeps_the_colour_of_every_pixel(tmp_path: Path) -> None:
    """4:4:4, as Immich at this quality: JPEG's usual halving would blur red on blue."""
    made = make(save(corners(), tmp_path / "a.png"))
    assert [layer[1:3] for layer in made.preview.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]  # JPEG only


def test_content_decides_whatever_the_name(tmp_path: Path) -> None:
    path = save(corners(), tmp_path / "a.png")
    assert near(colour_at(make(path.rename(tmp_path / "a.jpg")).preview, 0.25, 0.25), RED)


@pytest.mark.parametrize("data", [b"", b"\0", b"hello", bytes(range(256)) * 40, b"%!PS-Adobe-3.0 EPSF-3.0\n",
                                  b"<?xml version='1.0'?><html/>", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"])
def test_what_is_no_picture_is_unsupported(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(UnsupportedMedia):
        make(tmp_path / "a.jpg")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".heic", ".avif", ".tif", ".bmp", ".jp2", ".jxl"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_a_truncated_file_is_noticed(tmp_path: Path, suffix: str, share: float) -> None:
    path = save(photo((400, 300)), tmp_path / f"a{suffix}")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert "damaged" in told_of(path) or "no picture" in told_of(path)


def told_of(path: Path) -> str:
    """What is said of a damaged picture, be it shown or not."""
    try:
        return make(path).result.damage or ""
    except MediaError as error:
        return str(error)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".gif", ".tif", ".bmp"])
def test_what_is_left_of_a_truncated_picture_is_shown(tmp_path: Path, suffix: str) -> None:
    whole = photo((400, 300))
    path = save(whole, tmp_path / f"a{suffix}", **({"interlace": 0} if suffix == ".gif" else {}))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.6)])
    made = make(path)
    assert made.preview.size == (400, 300)
    # The upper half is there, whichever half the format writes first.
    half = (0, 0, 400, 150) if suffix != ".bmp" else (0, 150, 400, 300)
    found, wanted = (np.asarray(one.convert("RGB").crop(half)).astype(int) for one in (made.preview, whole))
    assert np.abs(found - wanted).mean() < 20
    assert made.result.damage is not None


def test_a_jpeg_whose_end_was_never_written_is_noticed(tmp_path: Path) -> None:
    path = save(photo((800, 600)), tmp_path / "a.jpg")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    assert "zeros" in (make(path).result.damage or "")


def test_a_whole_picture_has_no_damage(tmp_path: Path) -> None:
    for suffix in (".jpg", ".png", ".webp", ".gif", ".heic", ".avif", ".tif", ".bmp", ".jp2", ".jxl"):
        assert make(save(photo((400, 300)), tmp_path / f"a{suffix}")).result.damage is None


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of damage that it passes over
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".heic", ".avif", ".tif", ".bmp"])
def test_damage_is_a_media_error_or_a_picture(tmp_path: Path, suffix: str) -> None:
    path = save(photo((120, 80)), tmp_path / f"a{suffix}")
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    random = np.random.default_rng(3)
    for _ in range(30):
        broken = whole.copy()
        places = random.integers(0, len(broken), random.integers(1, 12))
        broken[places] = random.integers(0, 256, len(places))
        path.write_bytes(broken.tobytes())
        try:
            made = make(path)
        except MediaError:
            continue
        assert made.preview.size[0] > 0


@pytest.mark.parametrize("suffix", [".png", ".gif", ".bmp", ".tif", ".webp"])
def test_a_bomb_is_refused_by_its_header(tmp_path: Path, suffix: str) -> None:
    bombs = {".png": png_header(60_000, 60_000)}
    if suffix not in bombs:
        bombs[suffix] = _with_size(save(Image.new("P", (300, 200)).convert("RGB"), tmp_path / f"a{suffix}"), suffix)
    (tmp_path / "b").write_bytes(bombs[suffix])
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    reason = refuse(tmp_path / "b")
    assert suffix == ".webp" or "megapixels" in reason
    assert time.process_time() - started < 0.5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def _with_size(path: Path, suffix: str) -> bytes:
    """The file with a header that claims far more pixels than it has."""
    data = bytearray(path.read_bytes())
    if suffix == ".gif":
        data[6:10] = b"\xff\xff\xff\xff"
        place = data.index(b",\0\0\0\0") + 5
        data[place : place + 4] = b"\xff\xff\xff\xff"
    elif suffix == ".bmp":
        data[18:26] = (60_000).to_bytes(4, "little") * 2
    elif suffix == ".webp":
        data[26:30] = b"\xff\x3f\xff\x3f"
    else:
        for tag in (b"\0\x01\x04\0\1\0\0\0", b"\1\x01\x04\0\1\0\0\0"):
            place = data.index(tag) + 8
            data[place : place + 4] = (60_000).to_bytes(4, "little")
    return bytes(data)


def test_a_jpeg_of_12_bits_is_no_known_format(tmp_path: Path) -> None:
    path = save(corners(), tmp_path / "a.jpg")
    data = path.read_bytes()
    frame = data.index(b"\xff\xc0") + 4
    path.write_bytes(data[:frame] + b"\x0c" + data[frame + 1 :])
    with pytest.raises(UnsupportedMedia):
        make(path)


def test_just_at_the_limit_is_allowed_by_the_header(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_header(20_000, 10_001))
    assert "megapixels" in refuse(tmp_path / "a.png")


def test_threads_make_the_same(tmp_path: Path) -> None:
    sources = [save(corners((900, 700)), tmp_path / f"a{suffix}") for suffix in (".jpg", ".heic", ".avif", ".png")]

    def one(number: int) -> bytes:
        folder = tmp_path / str(number)
        folder.mkdir()
        source = sources[number % len(sources)]
        return make(_copy(source, folder)).files

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(one, range(16)))
    assert len(set(results)) == len(sources)


def _copy(source: Path, folder: Path) -> Path:
    copy = folder / source.name
    copy.write_bytes(source.read_bytes())
    return copy


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "CMYK", "LAB"])
def test_pictures_are_resized_alike_with_and_without_the_fast_resizer(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = photo((400, 300)).convert("RGB" if mode == "LAB" else mode)
    image = Image.merge("LAB", image.split()) if mode == "LAB" else image
    if mode == "RGBA":
        # Where next to nothing is seen, the colour is a matter of rounding.
        image.putalpha(Image.linear_gradient("L").resize(image.size).point(lambda value: 100 + value // 2))
    fast = np.asarray(images_pixels.resized(image, (90, 70))).astype(int)
    monkeypatch.setattr(images_pixels, "Resizer", None)
    plain = np.asarray(images_pixels.resized(image, (90, 70))).astype(int)
    assert np.abs(fast - plain).mean() < 1


def test_the_picture_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    real = JpegImageFile.load

    def counted(self: JpegImageFile) -> object:
        if self.tile:
            decoded.append(self)
        return real(self)

    monkeypatch.setattr(JpegImageFile, "load", counted)
    make(save(corners(), tmp_path / "a.jpg"))
    assert len(decoded) == 1


def test_the_thumbhash_follows_the_picture(tmp_path: Path) -> None:
    upright = make(save(corners((200, 100)), tmp_path / "a.png")).result.thumbhash
    turned = make(save(corners((200, 100)), tmp_path / "b.png", exif=exif_with(6))).result.thumbhash
    assert upright[4] & 0x80
    assert not turned[4] & 0x80


@pytest.mark.skipif(not SAMPLES.exists(), reason="the sample photos are not there")
@pytest.mark.parametrize("path", sorted(SAMPLES.rglob("*.*")), ids=lambda path: path.name)
def test_the_samples_are_shown(path: Path, tmp_path: Path) -> None:
    source = _copy(path, tmp_path)
    if path.suffix == ".xmp":
        assert "format" in refuse(source)
        return
    made = make(source)
    assert made.result.damage is None
    if path.suffix in (".heic", ".jxl"):
        assert min(made.preview.size) == min(1440, made.result.width, made.result.height)
        return
    with Image.open(source) as image:
        shown = ImageOps.exif_transpose(image).convert("RGB")
    assert made.preview.size == shown.size
    small, wanted = (np.asarray(one.convert("RGB").resize((32, 32))).astype(int) for one in (made.preview, shown))
    assert np.abs(small - wanted).mean() < (60 if image.has_transparency_data else 3)
