"""Hostile pictures: bombs, loops, lies about sizes, and pictures that are something else as well."""

import struct
import zlib
from io import BytesIO
from zipfile import ZipFile

import numpy as np
from PIL import Image, TiffImagePlugin

from tests.media.containers import Directory, dng, tiff
from tests.media.motion_photos import samsung_trailer
from tests.media.pictures import photo, png_header

RANDOM = np.random.default_rng(11).bytes(20_000)
PNG = b"\x89PNG\r\n\x1a\n"
_JPEG_END = b"\xff\xd9"


def pictures() -> dict[str, bytes]:
    """The files by the names that they are uploaded under; no two have the same bytes."""
    return {**_pngs(), **_gifs(), **_tiffs(), **_jpegs(), **_metadata(), **_boxes(), **_others()}


def encoded(format: str, size: tuple[int, int] = (60, 40), **options: object) -> bytes:
    """A sound picture in a format."""
    output = BytesIO()
    photo(size).save(output, format, **options)
    return output.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def box(kind: bytes, *contents: bytes) -> bytes:
    """A part of an MP4, HEIC or JPEG 2000 (ISO/IEC 14496-12, 4.2)."""
    content = b"".join(contents)
    return struct.pack(">I4s", len(content) + 8, kind) + content


def full_box(kind: bytes, version: int, *contents: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24), *contents)


def zipped(megabytes: int) -> bytes:
    """Zeros, compressed to a thousandth."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1024**2)) for _ in range(megabytes)) + packer.flush()


def _png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 2, interlaced: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return PNG + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")


def _pngs() -> dict[str, bytes]:
    pixels = chunk(b"IDAT", zlib.compress(bytes((3 * 10 + 1) * 10)))
    bomb = zipped(150)
    animation = chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
    return {
        "header of 60000 x 60000.png": png_header(60_000, 60_000),
        "header of 2147483647 x 1.png": png_header(2**31 - 1, 1),
        "header of nothing.png": png_header(0, 0),
        "pixels of 640 MB.png": _png(8000, 10_000, chunk(b"IDAT", zipped(640)), depth=16, colour=6),
        "pixels of 150 MB in ten rows.png": _png(10, 10, chunk(b"IDAT", bomb)),
        "pixels without end, interlaced.png": _png(14_000, 14_000, chunk(b"IDAT", bomb), colour=0, interlaced=1),
        "zTXt of 150 MB.png": _png(10, 10, chunk(b"zTXt", b"a\0\0" + bomb), pixels),
        "iTXt of 150 MB.png": _png(10, 10, chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + bomb), pixels),
        "iCCP of 150 MB.png": _png(10, 10, chunk(b"iCCP", b"a\0\0" + bomb), pixels),
        "50000 comments.png": _png(10, 10, chunk(b"tEXt", b"a\0b") * 50_000, pixels),
        "50000 empty pixels.png": _png(10, 10, chunk(b"IDAT", b"") * 50_000, pixels),
        "animation of 2 billion frames.png": _png(10, 10, animation, pixels),
        "chunk of 2 GB.png": PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", 10, 10, 8, 2, 0, 0, 0))
        + struct.pack(">I4s", 2**31 - 1, b"IDAT") + RANDOM[:100],
        "EXIF in a circle.png": _png(10, 10, chunk(b"eXIf", _exif_circle()), pixels),
    }  # fmt: skip


def _gif(width: int, height: int, *blocks: bytes, end: bytes = b";") -> bytes:
    size = struct.pack("<HH", width, height)
    return b"GIF89a" + size + b"\x80\0\0" + b"\0\0\0\xff\xff\xff" + b"".join(blocks) + end


def _gif_frame(width: int = 1, height: int = 1, data: bytes = b"\2\2D\1\0") -> bytes:
    return b"!\xf9\x04\0\0\0\0\0,\0\0\0\0" + struct.pack("<HH", width, height) + b"\0" + data


def _gifs() -> dict[str, bytes]:
    return {
        "canvas of 65535 x 65535.gif": _gif(65_535, 65_535, _gif_frame(65_535, 65_535)),
        "frame larger than its canvas.gif": _gif(1, 1, _gif_frame(65_535, 65_535)),
        "100000 frames.gif": _gif(1, 1, b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0", _gif_frame() * 100_000),
        "no end.gif": _gif(1, 1, _gif_frame() * 3000, end=b""),
        "100000 empty blocks.gif": _gif(1, 1, b"!\xfe\0" * 100_000, _gif_frame()),
        "comment without end.gif": _gif(1, 1, b"!\xfe" + (b"\xff" + b"a" * 255) * 4000, end=b""),
        "frames that never begin.gif": _gif(5000, 5000, b"," * 10_000),
        "code size of 255.gif": _gif(10, 10, _gif_frame(10, 10, b"\xff\2D\1\0")),
    }


def _tiff(entries: bytes, count: int, next_place: int = 0, rest: bytes = b"") -> bytes:
    return b"II*\0\x08\0\0\0" + struct.pack("<H", count) + entries + struct.pack("<I", next_place) + rest


def _entry(tag: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack("<HHII", tag, kind, count, value)


def _exif_circle() -> bytes:
    """Directories for EXIF, GPS and makers' notes which are all the first one."""
    return _tiff(_entry(0x8769, 4, 1, 8) + _entry(0x8825, 4, 1, 8) + _entry(0x927C, 7, 1000, 8), 3, 8)


def _tiffs() -> dict[str, bytes]:
    shape = _entry(256, 4, 1, 100) + _entry(257, 4, 1, 100) + _entry(258, 3, 1, 8) + _entry(262, 3, 1, 1)
    child = Directory({254: 1, 256: 10, 257: 10, 258: [8, 8, 8], 259: 1, 262: 2, 277: 3, 278: 10, 284: 1}, bytes(300))
    deep = child
    for _ in range(150):
        deep = Directory(child.tags, bytes(300), [deep])
    row = b"".join(struct.pack("<H", 0) + struct.pack("<I", 14 + 6 * number) for number in range(20_000))
    huge = bytearray(dng(photo((120, 90))))
    for tag in (256, 257):
        place = huge.index(struct.pack("<HHI", tag, 3, 1)) + 8
        huge[place : place + 2] = struct.pack("<H", 60_000)
    big = b"II+\0\x08\0\0\0" + struct.pack("<Q", 16)
    return {
        "directory that follows itself.tif": _tiff(shape, 4, 8),
        "directory that is its own child.tif": _tiff(shape + _entry(330, 4, 1, 8), 5),
        "5000 children that are one.tif": _tiff(_entry(330, 4, 1, 8) * 5000, 5000, 8),
        "20000 directories in a row.tif": b"II*\0\x08\0\0\0" + row,
        "150 generations.tif": tiff(deep),
        "4 billion strips.tif": _tiff(shape + _entry(273, 4, 2**32 - 1, 8) + _entry(279, 4, 2**32 - 1, 8), 6),
        "strip of 4 GB.tif": _tiff(shape + _entry(273, 4, 1, 8) + _entry(279, 4, 1, 2**32 - 1), 6),
        "tiles of 1 x 1.tif": _tiff(
            _entry(256, 4, 1, 14_000) + _entry(257, 4, 1, 14_000) + _entry(258, 3, 1, 8) + _entry(259, 3, 1, 8)
            + _entry(262, 3, 1, 1) + _entry(322, 4, 1, 16) + _entry(323, 4, 1, 16) + _entry(324, 4, 765_625, 8)
            + _entry(325, 4, 765_625, 8), 9),
        "header of 4294967295 x 4294967295.tif": _tiff(
            _entry(256, 4, 1, 2**32 - 1) + _entry(257, 4, 1, 2**32 - 1) + _entry(258, 3, 1, 8), 3),
        "65535 samples.tif": _tiff(shape + _entry(277, 3, 1, 65_535) + _entry(273, 4, 1, 8), 6),
        "pixels of 190 MB.tif": _tiff(
            _entry(256, 4, 1, 14_000) + _entry(257, 4, 1, 14_000) + _entry(258, 3, 1, 8) + _entry(259, 3, 1, 8)
            + _entry(262, 3, 1, 1) + _entry(273, 4, 1, 122) + _entry(277, 3, 1, 1) + _entry(278, 4, 1, 14_000)
            + _entry(279, 4, 1, 10**6), 9, rest=zipped(190)),
        "entries of unknown kinds.tif": _tiff(b"".join(_entry(256 + n, n % 200, 2**31, n) for n in range(2000)), 2000),
        "2^63 entries.tif": big + struct.pack("<Q", 2**63) + RANDOM[:500],
        "sensor of 60000 x 60000.dng": bytes(huge),
        "directory that follows itself.nef": _tiff(shape + _entry(271, 2, 4, 0x4E49_4B00), 5, 8),
        "EXIF in a circle.cr2": b"II*\0\x10\0\0\0CR\2\0" + bytes(4) + _exif_circle()[8:],
    }  # fmt: skip


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _with_app1(data: bytes) -> bytes:
    sound = encoded("JPEG", (61, 40))
    return sound[:2] + _segment(0xE1, data) + sound[2:]


def _jpegs() -> dict[str, bytes]:
    sound = encoded("JPEG")
    frame = sound.index(b"\xff\xc0")
    progressive = encoded("JPEG", (2000, 2000), progressive=True, quality=5)
    scan = progressive.rindex(b"\xff\xda")
    archive = BytesIO()
    with ZipFile(archive, "w") as packed:
        packed.writestr("../../../escaped.txt", "escaped")
    page = b"<html><script>fetch('/api/users/me')</script></html>"
    return {
        "header of 65500 x 65500.jpg": sound[: frame + 5] + struct.pack(">HH", 65_500, 65_500) + sound[frame + 9 :],
        "header of 14000 x 14000.jpg": sound[: frame + 5] + struct.pack(">HH", 14_000, 14_000) + sound[frame + 9 :],
        "height of nothing.jpg": sound[: frame + 5] + bytes(2) + sound[frame + 7 :],
        "thousands of scans.jpg": progressive[:-2] + progressive[scan:-2] * 1000 + _JPEG_END,
        "thousands of scans of 100 MP.jpg": _scans_of_a_large_picture(),
        "60000 empty comments.jpg": sound[:2] + _segment(0xFE, b"") * 60_000 + sound[2:],
        "zip behind it.jpg": sound + archive.getvalue(),
        "zip inside.jpg": sound[:2] + _segment(0xFE, archive.getvalue()) + sound[2:],
        "page inside.jpg": sound[:2] + _segment(0xFE, page) + sound[2:] + page,
        "program first.jpg": b"#!/bin/sh\ntouch escaped\n" + sound,
        "nothing but a beginning.jpg": b"\xff\xd8" * 10_000,
        "cut in the middle.jpg": encoded("JPEG", (400, 300))[:4000],
        "end of zeros.jpg": encoded("JPEG", (300, 400))[:6000] + bytes(10_000),
        "profile of 250 parts, one missing.jpg": sound[:2]
        + b"".join(_segment(0xE2, b"ICC_PROFILE\0" + bytes((n, 255)) + RANDOM) for n in range(1, 250)) + sound[2:],
    }  # fmt: skip


def _scans_of_a_large_picture() -> bytes:
    """Every scan without a bit of data makes a decoder walk over all blocks of the picture."""
    progressive = encoded("JPEG", (64, 64), progressive=True)
    frame, scan = progressive.index(b"\xff\xc2"), progressive.rindex(b"\xff\xda")
    large = progressive[: frame + 5] + struct.pack(">HH", 10_000, 10_000) + progressive[frame + 9 : -2]
    return large + progressive[scan : scan + 10] * 1000 + _JPEG_END


def _metadata() -> dict[str, bytes]:
    exif = b"Exif\0\0"
    claims = Image.Exif()
    claims[0x010F] = "A" * 30_000
    claims[0x0132] = "9999:99:99 99:99:99"
    claims[0x9003] = "0000:00:00 00:00:00"
    claims.get_ifd(0x8825).update({1: "N", 2: (TiffImagePlugin.IFDRational(2**31, 0),) * 3, 3: "X", 4: (9e9, 1, 1)})
    huge = _tiff(b"".join(_entry(tag, 2, 2**31 - 1, 8) for tag in (0x010F, 0x0110, 0x9286, 0x927C)), 4)
    motion = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/'
    motion += b'1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:GCamera="http://ns.google.com/photos/1.0/'
    motion += b'camera/" GCamera:MicroVideo="1" GCamera:MicroVideoOffset="99999999999999999999"/></rdf:RDF></x:xmpmeta>'
    elsewhere = samsung_trailer(struct.pack(">4sII", b"mpv2", 2**32 - 1, 2**32 - 1))
    return {
        "EXIF in a circle.jpg": _with_app1(exif + _exif_circle()),
        "EXIF of huge counts.jpg": _with_app1(exif + huge),
        "EXIF of 65535 entries.jpg": _with_app1(exif + _tiff(_entry(0x927C, 7, 60_000, 8) * 5000, 65_535)),
        "EXIF of absurd values.jpg": encoded("JPEG", (62, 40), exif=claims),
        "EXIF of noise.jpg": _with_app1(exif + b"II*\0\x08\0\0\0" + RANDOM),
        "XMP that laughs.jpg": _with_app1(b"http://ns.adobe.com/xap/1.0/\0" + laughs()),
        "motion photo of nothing.jpg": _with_app1(motion),
        "motion photo elsewhere.jpg": encoded("JPEG", (63, 40)) + elsewhere,
        "motion photo of noise.jpg": encoded("JPEG", (64, 40)) + samsung_trailer(b"\0\0\0\x18ftypmp42" + RANDOM),
    }


def laughs() -> bytes:
    """XMP whose entities would become a billion times the same word (an XML bomb)."""
    entities = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
    return (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol">' + entities + b']><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        b'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description>&l9;</dc:description></rdf:Description>'
        b"</rdf:RDF></x:xmpmeta>"
    )


def _ftyp(brand: bytes) -> bytes:
    return box(b"ftyp", brand, bytes(4), b"mif1", brand)


def _meta(*more: bytes) -> bytes:
    handler = full_box(b"hdlr", 0, bytes(4), b"pict", bytes(13))
    return full_box(b"meta", 0, handler, full_box(b"pitm", 0, b"\0\1"), *more)


def _boxes() -> dict[str, bytes]:
    deep = b""
    for _ in range(3000):
        deep = full_box(b"meta", 0, deep)
    items = b"".join(full_box(b"infe", 2, struct.pack(">HH4sB", n % 65536, 0, b"hvc1", 0)) for n in range(30_000))
    many = full_box(b"iinf", 1, struct.pack(">I", 30_000), items)
    lying = full_box(b"iloc", 1, struct.pack(">BBHHHHQQ", 0x88, 0x80, 1, 1, 0, 0, 1, 2**63))
    grid = full_box(b"iprp", 0, box(b"ipco", full_box(b"ispe", 0, struct.pack(">II", 60_000, 60_000))))
    derived = full_box(b"iref", 0, box(b"dimg", struct.pack(">HHH", 1, 1, 1)))
    empty = box(b"free") * 20_000
    jp2 = encoded("JPEG2000")
    size = jp2.index(b"\xff\x51") + 6
    jxl = b"\0\0\0\x0cJXL \r\n\x87\n" + box(b"ftyp", b"jxl ", bytes(4), b"jxl ")
    return {
        "boxes inside each other.heic": _ftyp(b"heic") + deep,
        "box of 2^63 bytes.heic": _ftyp(b"heic") + struct.pack(">I4sQ", 1, b"meta", 2**63) + RANDOM[:100],
        "box of no bytes, again and again.heic": _ftyp(b"heic") + struct.pack(">I4sQ", 1, b"free", 0) * 1000,
        "30000 items.heic": _ftyp(b"heic") + _meta(many, lying),
        "item of itself.heic": _ftyp(b"heic") + _meta(derived, grid, lying),
        "20000 empty boxes.heic": _ftyp(b"heic") + empty,
        "noise in a box.heic": _ftyp(b"heic") + box(b"meta", RANDOM) + box(b"mdat", RANDOM),
        "item of itself.avif": _ftyp(b"avif") + _meta(derived, grid, lying),
        "30000 items.avif": _ftyp(b"avif") + _meta(many),
        "noise in a box.avif": _ftyp(b"avif") + box(b"meta", RANDOM[:999]),
        "cut in the middle.avif": encoded("AVIF")[:400],
        "header of 60000 x 60000.jp2": jp2[:size] + struct.pack(">II", 60_000, 60_000) + jp2[size + 8 :],
        "tiles of 1 x 1.jp2": jp2[:size] + struct.pack(">6I", 10_000, 10_000, 0, 0, 1, 1) + jp2[size + 24 :],
        "box of 2^63 bytes.jp2": jp2[:12] + struct.pack(">I4sQ", 1, b"jp2h", 2**63) + jp2[12:],
        "cut in the middle.jp2": jp2[: len(jp2) // 2],
        "header of 1073741824 x 1073741824.jxl": b"\xff\x0a" + b"\xfe\xff\xff\xff\xff\xff\xff\xff" + RANDOM[:64],
        "box of 2^63 bytes.jxl": jxl + struct.pack(">I4sQ", 1, b"jxlc", 2**63) + RANDOM[:64],
        "20000 parts.jxl": jxl + box(b"jxlp", bytes(4), b"\xff\x0a") * 20_000,
        "compressed metadata.jxl": jxl + box(b"brob", b"Exif", RANDOM[:2000]) + box(b"jxlc", b"\xff\x0a", RANDOM[:64]),
        "preview outside.cr3": box(b"ftyp", b"crx ", bytes(4)) + box(b"moov", box(b"uuid", RANDOM[:3000])),
    }  # fmt: skip


def _others() -> dict[str, bytes]:
    webp, psd_head = encoded("WEBP"), b"8BPS\0\1" + bytes(6)
    vp8x = b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\2\0\0\0" + b"\xff" * 6
    frames = b"ANMF" + struct.pack("<I", 16) + bytes(16)
    layers = struct.pack(">IIh", 2**31 - 1, 2**31 - 1, 32_767)
    bmp = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 200, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0)
    rle = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 200, 0, 0, 54, 40, 14_000, 14_000, 1, 8, 1, 0, 0, 0, 0, 0)
    return {
        "canvas of 16777216 x 16777216.webp": vp8x + RANDOM[:100],
        "50000 frames.webp": vp8x + b"ANIM" + struct.pack("<IIH", 6, 0, 0) + frames * 50_000,
        "cut in the middle.webp": webp[: len(webp) // 2],
        "chunk of 4 GB.webp": webp[:16] + b"\xff\xff\xff\xff" + webp[20:],
        "header of 60000 x 60000.bmp": bmp + RANDOM[:100],
        "height of minus 2147483648.bmp": bmp[:22] + struct.pack("<i", -(2**31)) + bmp[26:] + RANDOM[:100],
        "runs without end.bmp": rle + bytes(1024) + b"\xff\0" * 5000,
        "header of 300000 x 300000.psd": psd_head + struct.pack(">HIIHH", 56, 300_000, 300_000, 8, 3) + RANDOM[:99],
        "32767 layers.psd": psd_head + struct.pack(">HIIHH", 3, 10, 10, 8, 3) + bytes(8) + layers + RANDOM[:999],
        "large document.psd": b"8BPS\0\2" + bytes(6) + struct.pack(">HIIHH", 3, 300_000, 300_000, 16, 3) + RANDOM[:99],
        "header of 60000 x 60000.raf": b"FUJIFILMCCD-RAW 0201" + RANDOM[:3000],
        "loop of directories.orf": b"IIRO\x08\0\0\0" + struct.pack("<HHHIII", 1, 330, 4, 1, 8, 8),
        "noise.x3f": b"FOVb\0\0\2\0" + RANDOM[:5000],
        "noise.mrw": b"\0MRM\xff\xff\xff\xff" + RANDOM[:5000],
        "noise.crw": b"II\x1a\0\0\0HEAPCCDR" + RANDOM[:5000],
        "film of a Phantom.cin": b"CI,\0\0\0\1\0" + b"\xff" * 2000,
        "header of 60000 x 60000 as a pnm.jpg": b"P6 60000 60000 255\n" + bytes(1000),
        "header of 60000 x 60000 as a dpx.jpg": b"SDPX" + b"\xff" * 3000,
        "empty.jpg": b"",
        "one byte.png": b"\x89",
        "zeros.heic": bytes(100_000),
    }  # fmt: skip
