"""Motion and live photos that tests make for themselves, as Google, Samsung and Apple put them together."""

import struct
from collections.abc import Callable
from pathlib import Path

from PIL import ExifTags, Image

from tests.media.pictures import save
from tests.media.videos import H264, make_video

_XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"
 xmlns:Container="http://ns.google.com/photos/1.0/container/"
 xmlns:Item="http://ns.google.com/photos/1.0/container/item/" {attributes}>{directory}</rdf:Description>
</rdf:RDF></x:xmpmeta>"""
_DIRECTORY = "<Container:Directory><rdf:Seq>{items}</rdf:Seq></Container:Directory>"
_ITEM = """<rdf:li rdf:parseType="Resource"><Container:Item Item:Mime="{mime}" Item:Semantic="{semantic}"
 Item:Length="{length}" Item:Padding="{padding}"/></rdf:li>"""


def micro_video(path: Path, video: bytes, *, offset: int | None = None) -> Path:
    """Google's older kind; `offset` is what it says where that is not true."""
    told = len(video) if offset is None else offset
    attributes = f'GCamera:MicroVideo="1" GCamera:MicroVideoVersion="1" GCamera:MicroVideoOffset="{told}"'
    return _appended(path, _XMP.format(attributes=attributes, directory=""), video)


def google(path: Path, video: bytes, *, length: int | None = None, behind: bytes = b"") -> Path:
    """Google's kind of today, with something else behind the video; `length` is what it says where that is not true."""
    told = len(video) if length is None else length
    listed = [("image/jpeg", "Primary", 0, 0), ("video/mp4", "MotionPhoto", told, 0)]
    if behind:
        listed.append(("image/jpeg", "GainMap", len(behind), 0))
    items = "".join(
        _ITEM.format(mime=mime, semantic=semantic, length=size, padding=padding)
        for mime, semantic, size, padding in listed
    )
    xmp = _XMP.format(attributes='GCamera:MotionPhoto="1"', directory=_DIRECTORY.format(items=items))
    return _appended(path, xmp, video + behind)


def samsung(path: Path, video: bytes) -> Path:
    """Samsung's JPEG: the video in a block of its trailer."""
    picture(path)
    with path.open("ab") as file:
        file.write(samsung_trailer(video))
    return path


def samsung_heic(path: Path, video: bytes) -> Path:
    """Samsung's HEIC: the video in a box, and a trailer in another that says where."""
    picture(path)
    start = path.stat().st_size + 8
    with path.open("ab") as file:
        file.write(struct.pack(">I4s", len(video) + 8, b"mpvd") + video)
        trailer = samsung_trailer(struct.pack(">4sII", b"mpv2", start, len(video)))
        file.write(struct.pack(">I4s", len(trailer) + 8, b"sefd") + trailer)
    return path


def samsung_trailer(data: bytes) -> bytes:
    name = b"MotionPhoto_Data"
    block = struct.pack("<HHI", 0, 0x0A30, len(name)) + name + data
    directory = struct.pack("<4sII", b"SEFH", 107, 1) + struct.pack("<HHII", 0, 0x0A30, len(block), len(block))
    return block + directory + struct.pack("<I4s", len(directory), b"SEFT")


def apple_still(path: Path, cid: str) -> Path:
    """The still half of a live photo: Apple's note of its maker says the id that both halves have."""
    text = cid.encode() + b"\0"
    head = b"Apple iOS\0\0\x01MM"
    # One entry: tag, type (text), length, and where the text lies, behind the entry and the end of the directory.
    entry = struct.pack(">HHHII", 1, 0x11, 2, len(text), len(head) + 2 + 12 + 4)
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Apple"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] = head + entry + bytes(4) + text
    return save(Image.new("RGB", (60, 40), "blue"), path, exif=exif)


def apple_video(path: Path, cid: str, *encoding: str) -> Path:
    """The moving half."""
    tags = ("-movflags", "use_metadata_tags", "-metadata", f"com.apple.quicktime.content.identifier={cid}")
    return make_video(path, *(encoding or H264), *tags)


def picture(path: Path, **options: bytes) -> Path:
    return save(Image.new("RGB", (60, 40), "red"), path, **options)


def _appended(path: Path, xmp: str, data: bytes) -> Path:
    picture(path, xmp=xmp.encode())
    with path.open("ab") as file:
        file.write(data)
    return path


KINDS: dict[str, Callable[[Path, bytes], Path]] = {
    "google.jpg": google, "micro.jpg": micro_video, "samsung.jpg": samsung, "samsung.heic": samsung_heic,
}  # fmt: skip
