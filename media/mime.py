"""Which file names are media, and the MIME type each is served as (Immich's media types)."""

from enum import StrEnum
from posixpath import splitext

OCTET_STREAM = "application/octet-stream"


class MediaType(StrEnum):
    """What a file is by its name; the values are those of an asset's type."""

    IMAGE = "IMAGE"
    VIDEO = "VIDEO"


# In the order in which Immich lists them: what browsers show first, then camera RAW and the rest.
IMAGE_TYPES = {
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".3fr": "image/x-hasselblad-3fr",
    ".ari": "image/x-arriflex-ari",
    ".arw": "image/x-sony-arw",
    ".cap": "image/x-phaseone-cap",
    ".cin": "image/x-phantom-cin",
    ".cr2": "image/x-canon-cr2",
    ".cr3": "image/x-canon-cr3",
    ".crw": "image/x-canon-crw",
    ".dcr": "image/x-kodak-dcr",
    ".dng": "image/x-adobe-dng",
    ".erf": "image/x-epson-erf",
    ".fff": "image/x-hasselblad-fff",
    ".iiq": "image/x-phaseone-iiq",
    ".k25": "image/x-kodak-k25",
    ".kdc": "image/x-kodak-kdc",
    ".mrw": "image/x-minolta-mrw",
    ".nef": "image/x-nikon-nef",
    ".nrw": "image/x-nikon-nrw",
    ".orf": "image/x-olympus-orf",
    ".ori": "image/x-olympus-ori",
    ".pef": "image/x-pentax-pef",
    ".psd": "image/vnd.adobe.photoshop",
    ".raf": "image/x-fuji-raf",
    ".raw": "image/x-panasonic-raw",
    ".rw2": "image/x-panasonic-rw2",
    ".rwl": "image/x-leica-rwl",
    ".sr2": "image/x-sony-sr2",
    ".srf": "image/x-sony-srf",
    ".srw": "image/x-samsung-srw",
    ".x3f": "image/x-sigma-x3f",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".hif": "image/heif",
    ".insp": "image/jpeg",
    ".jp2": "image/jp2",
    ".jpe": "image/jpeg",
    ".jxl": "image/jxl",
    ".mpo": "image/jpeg",
    ".svg": "image/svg+xml",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
}

VIDEO_TYPES = {
    ".3gp": "video/3gpp",
    ".3gpp": "video/3gpp",
    ".avi": "video/x-msvideo",
    ".flv": "video/x-flv",
    ".insv": "video/mp4",
    ".m2t": "video/mp2t",
    ".m2ts": "video/mp2t",
    ".m4v": "video/x-m4v",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".mp4": "video/mp4",
    ".mpe": "video/mpeg",
    ".mpeg": "video/mpeg",
    ".mpg": "video/mpeg",
    ".mts": "video/mp2t",
    ".mxf": "application/mxf",
    ".ts": "video/mp2t",
    ".vob": "video/mpeg",
    ".webm": "video/webm",
    ".wmv": "video/x-ms-wmv",
}

SIDECAR_TYPES = {".xmp": "application/rdf+xml"}

# What Immich gives out as it is where a client asks for the full size.
WEB_IMAGES = frozenset(IMAGE_TYPES) & {".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp"}

_ALL = IMAGE_TYPES | VIDEO_TYPES | SIDECAR_TYPES


def extension_of(name: str) -> str:
    """The extension of a file name or stored path, with its dot, in lower case; empty where there is none."""
    return splitext(name)[1].lower()


def content_type_of(name: str) -> str:
    """What a file of this name is served as; `application/octet-stream` where it is not media."""
    return _ALL.get(extension_of(name), OCTET_STREAM)


def asset_type_of(name: str) -> MediaType | None:
    """Image or video, by the extension alone: clients send no content type; None where it is neither."""
    extension = extension_of(name)
    if extension in IMAGE_TYPES:
        return MediaType.IMAGE
    return MediaType.VIDEO if extension in VIDEO_TYPES else None


def is_supported(name: str) -> bool:
    """Whether a file of this name can be an asset."""
    return asset_type_of(name) is not None


def is_web_image(name: str) -> bool:
    """Whether every browser shows an image of this name as it is."""
    return extension_of(name) in WEB_IMAGES
