"""Hostile videos: lying headers, loops of boxes, and references out of the file."""

import struct
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.media.hostile_documents import Outside
from tests.media.hostile_pictures import RANDOM, box, full_box
from tests.media.videos import longer_header, make_video, run_ffmpeg

_CONTAINERS = {"mkv": (), "webm": ("-c:v", "libvpx", "-deadline", "realtime"), "avi": (), "ts": (), "flv": (),
               "mpg": ("-c:v", "mpeg1video", "-r", "25"), "wmv": ("-c:v", "wmv2")}  # fmt: skip


def videos(outside: Outside) -> dict[str, bytes]:
    """The files by the names that they are uploaded under; no two have the same bytes."""
    with TemporaryDirectory() as folder:
        sound = make_video(Path(folder, "sound.mp4"))
        long = longer_header(sound, Path(folder, "long.mp4"), 10).read_bytes()
        cut = {f"cut in the middle.{end}": _half_of(Path(folder, f"sound.{end}"), options)
               for end, options in _CONTAINERS.items()}  # fmt: skip
        film = Path(folder, "slides.mp4")
        run_ffmpeg("-f", "lavfi", "-i", "color=black:s=64x48:r=1:d=3600", "-c:v", "libx264", "-preset", "ultrafast",
                   "-g", "1", "-bsf:v", "null", "-t", "900", film)
        return {"header of 10 hours.mp4": long, "black for long.mp4": film.read_bytes(), **cut,
                **_lies(sound.read_bytes(), outside), **_boxes(), **_matroska(), **_others()}  # fmt: skip


def _half_of(path: Path, options: tuple[str, ...]) -> bytes:
    data = make_video(path, *options).read_bytes()
    return data[: len(data) // 2]


def _patched(data: bytes, name: bytes, offset: int, value: bytes) -> bytes:
    """The file with bytes changed so far behind the name of a box."""
    place = data.index(name) + 4 + offset
    return data[:place] + value + data[place + len(value) :]


def _lies(sound: bytes, outside: Outside) -> dict[str, bytes]:
    most = struct.pack(">I", 2**32 - 1)
    link = outside.url.encode() + b"/a.mp4\0"
    path = f"file://{outside.secret}".encode() + b"\0"
    return {
        "sizes of samples that are not there.mp4": _patched(sound, b"stsz", 8, struct.pack(">I", 2**30)),
        "samples of 4 GB.mp4": _patched(sound, b"stsz", 4, most),
        "4 billion chunks.mp4": _patched(sound, b"stco", 4, most),
        "4 billion times.mp4": _patched(sound, b"stts", 4, most + most),
        "4 billion samples in a chunk.mp4": _patched(sound, b"stsc", 12, most),
        "chunks beyond the end.mp4": _patched(sound, b"stco", 8, struct.pack(">I", 2**31)),
        "scale of nothing.mp4": _patched(sound, b"mdhd", 12, bytes(4)),
        "pictures of 65535 x 65535.mp4": _patched(sound, b"avc1", 24, b"\xff\xff\xff\xff"),
        "edits without end.mp4": _patched(sound, b"elst", 4, most),
        "edit of minus 2147483648.mp4": _patched(sound, b"elst", 8, most + struct.pack(">i", -(2**31))),
        "noise for pictures.mp4": _patched(sound, b"mdat", 0, RANDOM[:2000]),
        "media at an address.mov": _referring(sound, b"url ", link),
        "media in a file.mov": _referring(sound, b"url ", path),
        "media by an alias.mov": _referring(sound, b"alis", _alias(outside.secret)),
        "movie at an address.mov": box(b"ftyp", b"qt  ", bytes(4), b"qt  ")
        + box(b"moov", box(b"rmra", box(b"rmda", full_box(b"rdrf", 0, b"url ", struct.pack(">I", len(link)), link)))),
        "no headers.mp4": sound[: sound.index(b"moov") - 4],
        "headers alone.mp4": sound[:32] + sound[sound.index(b"moov") - 4 :],
        "three hundred tracks.mp4": _with_many_tracks(sound),
    }


def _referring(sound: bytes, kind: bytes, target: bytes) -> bytes:
    """A movie whose samples lie elsewhere, by its table of data references (ISO/IEC 14496-12, 8.7.2)."""
    whole = sound.index(b"dref") - 4
    length = int.from_bytes(sound[whole : whole + 4], "big")
    changed = full_box(b"dref", 0, struct.pack(">I", 1), full_box(kind, 0, target))
    data = bytearray(sound[:whole] + changed + sound[whole + length :])
    for parent in (b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        place = data.index(parent) - 4
        size = int.from_bytes(data[place : place + 4], "big") + len(changed) - length
        data[place : place + 4] = struct.pack(">I", size)
    return bytes(data)


def _alias(target: Path) -> bytes:
    """A Macintosh alias record with a path as its full name (type 2)."""
    name = str(target).encode()
    record = struct.pack(">HH", 2, len(name)) + name + bytes(len(name) % 2) + struct.pack(">hH", -1, 0)
    return struct.pack(">4sHH", bytes(4), len(record) + 150, 2) + bytes(142) + record


def _with_many_tracks(sound: bytes) -> bytes:
    start = sound.index(b"moov") - 4
    size = int.from_bytes(sound[start : start + 4], "big")
    track = sound.index(b"trak") - 4
    length = int.from_bytes(sound[track : track + 4], "big")
    added = sound[track : track + length] * 300
    header = struct.pack(">I", size + len(added))
    return sound[:start] + header + sound[start + 4 : start + size] + added + sound[start + size :]


def _boxes() -> dict[str, bytes]:
    ftyp, deep = box(b"ftyp", b"isom", bytes(4), b"isom"), b""
    for _ in range(5000):
        deep = box(b"moov", deep)
    return {
        "headers inside each other.mp4": ftyp + deep,
        "100000 headers.mp4": ftyp + box(b"moov") * 100_000,
        "box of 2^63 bytes.mp4": ftyp + struct.pack(">I4sQ", 1, b"moov", 2**63) + RANDOM[:500],
        "box of no bytes, again and again.mov": ftyp + struct.pack(">I4sQ", 1, b"free", 0) * 5000,
        "noise in a box.mp4": ftyp + box(b"moov", RANDOM),
        "fragments of nothing.mp4": ftyp + box(b"moof", full_box(b"mfhd", 0, bytes(4))) * 20_000,
        "compressed headers.mov": ftyp + box(b"moov", box(b"cmov", box(b"dcom", b"zlib"), box(b"cmvd", b"\xff" * 900))),
        "tags of 4 GB.mp4": ftyp
        + box(b"moov", box(b"udta", full_box(b"meta", 0, struct.pack(">I4s", 2**32 - 1, b"ilst"), RANDOM[:500]))),
    }  # fmt: skip


def _element(name: bytes, content: bytes, size: int | None = None) -> bytes:
    """A part of a Matroska file (RFC 8794), of the size told or of one that is not true."""
    return name + struct.pack(">Q", 1 << 56 | (len(content) if size is None else size)) + content


def _matroska() -> dict[str, bytes]:
    head = _element(b"\x1a\x45\xdf\xa3", _element(b"\x42\x82", b"matroska"))
    segment, cluster, tracks = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75", b"\x16\x54\xae\x6b"
    deep = b""
    for _ in range(2000):
        deep = _element(b"\xb6", deep)
    chapters = _element(b"\x10\x43\xa7\x70", _element(b"\x45\xb9", deep))
    attached = _element(b"\x19\x41\xa4\x69", _element(b"\x61\xa7", _element(b"\x46\x5c", RANDOM, 2**55)))
    return {
        "segment of 2^56 bytes.mkv": head + _element(segment, RANDOM[:900], 2**56 - 2),
        "tracks of 2^50 bytes.mkv": head + _element(segment, _element(tracks, RANDOM[:901], 2**50)),
        "50000 clusters.mkv": head + _element(segment, _element(cluster, b"") * 50_000),
        "chapters inside each other.mkv": head + _element(segment, chapters),
        "attachment of 2^55 bytes.webm": head + _element(segment, attached),
        "head of 2^40 bytes.mkv": _element(b"\x1a\x45\xdf\xa3", RANDOM[:902], 2**40),
    }


def _others() -> dict[str, bytes]:
    riff = b"RIFF\xff\xff\xff\xffAVI LIST\xff\xff\xff\xffhdrlavih" + struct.pack("<I", 56) + b"\xff" * 56
    asf = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
    return {
        "lists of 4 GB.avi": riff + RANDOM[:5000],
        "lists inside each other.avi": riff + b"LIST\xff\xff\xff\x7fstrl" * 5000,
        "tag of 16 MB.flv": b"FLV\1\5\0\0\0\x09\0\0\0\0" + b"\x12\xff\xff\xff" + RANDOM[:5000],
        "header of 2^63 bytes.wmv": asf + struct.pack("<QIH", 2**63, 2**32 - 1, 0x0201) + RANDOM[:5000],
        "packets of noise.ts": b"".join(b"\x47" + RANDOM[n : n + 187] for n in range(5000)),
        "packets of nothing.m2ts": (b"\x47\x1f\xff\x10" + b"\xff" * 184) * 20_000,
        "noise behind a start.mpg": b"\0\0\1\xba\x44" + RANDOM + b"\0\0\1\xb3" + RANDOM,
        "noise behind a start.mxf": bytes.fromhex("060e2b34020501010d01020101020400") + b"\x88" + b"\xff" * 8 + RANDOM,
        "picture that is none.3gp": b"\xff\xd8\xff\xe0" + RANDOM,
        "one byte.mov": b"m",
    }  # fmt: skip
