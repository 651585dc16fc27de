"""Settings: read once from the environment, frozen, every mistake reported together."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from ipaddress import ip_address, ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from errors import ConfigError


class StorageEngine(StrEnum):
    LOCAL = "local"
    S3 = "s3"


class MediaKind(StrEnum):
    """What a managed object is; each kind may live on an engine of its own."""

    ORIGINALS = "originals"
    THUMBNAILS = "thumbnails"
    ENCODED_VIDEO = "encoded-video"
    PROFILE = "profile"
    BACKUPS = "backups"


class WorkerRole(StrEnum):
    """Immich's names for what a process does: answer HTTP, run jobs."""

    API = "api"
    MICROSERVICES = "microservices"


class ServerSideEncryption(StrEnum):
    """`S3` and `AES256` both ask for keys that the store manages; `KMS` for a key of yours."""

    S3 = "S3"
    AES256 = "AES256"
    KMS = "KMS"


class ChecksumMode(StrEnum):
    """botocore's modes for request and response checksums."""

    WHEN_REQUIRED = "when_required"
    WHEN_SUPPORTED = "when_supported"


class DeliveryMode(StrEnum):
    """Who carries the bytes of objects in the bucket: `auto` decides by request (docs/delivery.md)."""

    AUTO = "auto"
    REDIRECT = "redirect"
    PROXY = "proxy"


class LogLevel(StrEnum):
    """Immich's log levels."""

    VERBOSE = "verbose"
    DEBUG = "debug"
    LOG = "log"
    WARN = "warn"
    ERROR = "error"
    FATAL = "fatal"


@dataclass(frozen=True, slots=True)
class S3Settings:
    """One bucket and how to reach it (RFC, Configuration)."""

    bucket: str
    prefix: str
    region: str
    endpoint: str | None
    public_endpoint: str | None
    # Whether clients anywhere can be expected to reach the public endpoint.
    is_public: bool
    access_key_id: str | None
    secret_access_key: str | None = field(repr=False)
    force_path_style: bool
    use_accelerate: bool
    sse: ServerSideEncryption | None
    sse_kms_key_id: str | None
    checksums: ChecksumMode
    # Connections that one process may hold to the store.
    connections: int


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How bytes reach clients (docs/delivery.md).

    `redirect_bytes`: from this size on a download may be redirected to the bucket. `url_seconds`:
    how long a signed URL lives. `streams`: bodies of the store that one process relays at once;
    `waiting` more requests may wait for one. `idle_seconds`: a client that takes or sends nothing
    for so long is gone.
    """

    mode: DeliveryMode
    accel: bool
    redirect_bytes: int
    url_seconds: int
    streams: int
    waiting: int
    idle_seconds: int


@dataclass(frozen=True, slots=True)
class Settings:
    """All that the environment decides; see docs/configuration.md for the variables."""

    host: str
    port: int
    trusted_proxies: tuple[str, ...]
    log_level: LogLevel
    media_location: Path
    staging_location: Path
    staging_cache_bytes: int
    fullsize_images: bool
    engines: Mapping[MediaKind, StorageEngine]
    s3: S3Settings | None
    delivery: DeliverySettings
    database_url: URL = field(repr=False)
    redis_url: str | None = field(repr=False)
    roles: frozenset[WorkerRole]
    ignore_mount_check_errors: bool
    web_processes: int
    web_threads: int
    worker_threads: int

    @property
    def database_folders(self) -> tuple[Path, ...]:
        """The folder of the SQLite file; none where the database is a server."""
        if self.database_url.get_backend_name() != "sqlite":
            return ()
        return (Path(self.database_url.database or "").parent,)


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: `parse` raises ValueError where the text is not what it `wants`."""

    name: str
    wants: str
    parse: Callable[[str], Any] = str
    default: str | None = None
    secret: bool = False


def _choice(enum: type[StrEnum]) -> Callable[[str], StrEnum]:
    return enum


def _flag(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise ValueError(text)
        return int(text)

    return parse


def _http_url(text: str) -> str:
    url = urlsplit(text)
    ours = url.scheme in ("http", "https") and url.hostname and url.path in ("", "/")
    if not ours or url.query or url.fragment or url.username is not None or url.port == 0:
        raise ValueError(text)
    return text.rstrip("/")


def _redis_url(text: str) -> str:
    if urlsplit(text).scheme not in ("redis", "rediss", "unix"):
        raise ValueError(text)
    return text


def _database_url(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError(text) from None
    backend = url.drivername.partition("+")[0]
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and url.database and url.database != ":memory:":
        return url.set(drivername="sqlite", database=str(Path(url.database).absolute()))
    raise ValueError(text)


def _folder(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError(text)
    return Path(text).absolute()


def _bucket(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]", text):
        raise ValueError(text)
    return text


def _prefix(text: str) -> str:
    parts = text.strip("/").split("/") if text.strip("/") else []
    if any(part in ("", ".", "..") or "\\" in part or not part.isprintable() for part in parts):
        raise ValueError(text)
    return "/".join(parts)


def _list_of(one: Callable[[str], Any]) -> Callable[[str], tuple[Any, ...]]:
    def parse(text: str) -> tuple[Any, ...]:
        return tuple(one(part.strip()) for part in text.split(",") if part.strip())

    return parse


def _roles(text: str) -> tuple[WorkerRole, ...]:
    roles = _list_of(WorkerRole)(text)
    if not roles:
        raise ValueError(text)
    return roles


def _network(text: str) -> str:
    return str(ip_network(text, strict=False))


def _names(enum: type[StrEnum]) -> str:
    return " or ".join(f"`{member.value}`" for member in enum)


VARIABLES: tuple[Variable, ...] = (
    Variable("IMMICH_HOST", "the address to listen on", default="127.0.0.1"),
    Variable("IMMICH_PORT", "a port number from 1 to 65535", _whole(1, 65535), "2283"),
    Variable("IMMICH_TRUSTED_PROXIES", "addresses or networks of reverse proxies, separated by commas",
             _list_of(_network), ""),
    Variable("IMMICH_LOG_LEVEL", _names(LogLevel), _choice(LogLevel), "log"),
    Variable("IMMICH_WORKERS_INCLUDE", "`api`, `microservices` or both, separated by a comma",
             _roles, "api,microservices"),
    Variable("IMMICH_IGNORE_MOUNT_CHECK_ERRORS", "`true` or `false`", _flag, "false"),
    Variable("IMMICH_MEDIA_LOCATION", "the folder for media on disk", _folder, "./data/media"),
    Variable("STAGING_LOCATION", "the folder for unfinished uploads and temporary copies"
             " (default: `.staging` in the media location)", _folder),
    Variable("STAGING_CACHE_BYTES", "a number of bytes; 0 keeps no copies", _whole(0, 10**15), str(4 * 1024**3)),
    Variable("FULLSIZE_IMAGES", "`true` or `false`", _flag, "false"),
    Variable("DB_URL", "`sqlite:///path/to/file.db` or `postgresql://user:password@host/database`",
             _database_url, "sqlite:///data/bucketroll.db", secret=True),
    Variable("REDIS_URL", "`redis://host:port/number`; carries the job queue instead of the database",
             _redis_url, secret=True),
    Variable("IMMICH_STORAGE_ENGINE", _names(StorageEngine), _choice(StorageEngine), "local"),
    *(Variable(f"STORAGE_ENGINE_{kind.name}", f"{_names(StorageEngine)}: the engine for {kind.value}"
               " (default: `IMMICH_STORAGE_ENGINE`)", _choice(StorageEngine)) for kind in MediaKind),
    Variable("S3_BUCKET", "the name of the bucket", _bucket),
    Variable("S3_PREFIX", "a folder inside the bucket, such as `photos/immich`", _prefix, ""),
    Variable("S3_REGION", "the bucket's region", default="us-east-1"),
    Variable("S3_ENDPOINT", "an http or https URL without a path; unset means AWS", _http_url),
    Variable("S3_PUBLIC_ENDPOINT", "the http or https URL by which browsers reach the store: what"
             " presigned URLs are signed for (default: `S3_ENDPOINT`)", _http_url),
    Variable("S3_ACCESS_KEY_ID", "an access key; unset together with the secret means boto3's own chain"
             " (environment, profile, IAM role)", secret=True),
    Variable("S3_SECRET_ACCESS_KEY", "the secret of the access key", secret=True),
    Variable("S3_FORCE_PATH_STYLE", "`true` or `false` (default: `true` where `S3_ENDPOINT` is set)", _flag),
    Variable("S3_USE_ACCELERATE", "`true` or `false`: AWS transfer acceleration", _flag, "false"),
    Variable("S3_SSE", f"{_names(ServerSideEncryption)}; unset leaves encryption to the bucket",
             _choice(ServerSideEncryption)),
    Variable("S3_SSE_KMS_KEY_ID", "the KMS key, with `S3_SSE=KMS`"),
    Variable("S3_CHECKSUMS", f"{_names(ChecksumMode)}: botocore's checksums (default: `when_supported` on"
             " AWS, `when_required` elsewhere)", _choice(ChecksumMode)),
    Variable("DELIVERY_MODE", _names(DeliveryMode), _choice(DeliveryMode), "auto"),
    Variable("DELIVERY_ACCEL", "`true` or `false`: nginx with our site configuration stands in front"
             " (`X-Accel-Redirect`)", _flag, "false"),
    Variable("DELIVERY_REDIRECT_BYTES", "a number of bytes", _whole(0, 10**15), str(8 * 1024 * 1024)),
    Variable("DELIVERY_URL_SECONDS", "60 to 604800 seconds", _whole(60, 7 * 86400), str(6 * 3600)),
    Variable("DELIVERY_STREAMS", "the number of objects that one web process relays from the bucket at once,"
             " 1 to 256 (default: two thirds of `WEB_THREADS`)", _whole(1, 256)),
    Variable("DELIVERY_IDLE_SECONDS", "5 to 3600 seconds", _whole(5, 3600), "60"),
    Variable("WEB_PROCESSES", "the number of web processes, 1 to 64", _whole(1, 64), "1"),
    Variable("WEB_THREADS", "the number of requests one web process answers at once, 1 to 256", _whole(1, 256), "32"),
    Variable("WORKER_THREADS", "the number of jobs one worker runs at once, 1 to 64 (default: the"
             " machine's cores)", _whole(1, 64)),
)

# Names that lead nowhere outside of one network.
_PRIVATE_DOMAINS = frozenset({"arpa", "corp", "home", "internal", "lan", "local", "localhost", "private"})

# Variables that start like ours and are not ours are typing mistakes, not other people's.
_OUR_PREFIXES = ("S3_", "STORAGE_ENGINE_", "IMMICH_STORAGE_", "DELIVERY_")
# These others use as well; of them only what is almost a name of ours is taken for a mistake.
_SHARED_PREFIXES = ("IMMICH_", "STAGING_", "DB_", "REDIS_", "WEB_", "WORKER_")


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Settings from environment variables; an empty variable counts as not set.

    A secret may also be given as `<NAME>_FILE`, the path of a file that holds it.
    Raises ConfigError with every mistake found.
    """
    problems: list[str] = _unknown_names(environ)
    values = {variable.name: _value_of(variable, environ, problems) for variable in VARIABLES}
    engines = {
        kind: values[f"STORAGE_ENGINE_{kind.name}"] or values["IMMICH_STORAGE_ENGINE"] for kind in MediaKind
    }
    s3 = None
    if values["S3_BUCKET"] or StorageEngine.S3 in engines.values():
        s3 = _s3_settings(values, problems)
    delivery = _delivery_settings(values, problems)
    if problems or delivery is None:
        raise ConfigError(problems)
    media_location: Path = values["IMMICH_MEDIA_LOCATION"]
    return Settings(
        host=values["IMMICH_HOST"],
        port=values["IMMICH_PORT"],
        trusted_proxies=values["IMMICH_TRUSTED_PROXIES"],
        log_level=values["IMMICH_LOG_LEVEL"],
        media_location=media_location,
        staging_location=values["STAGING_LOCATION"] or media_location / ".staging",
        staging_cache_bytes=values["STAGING_CACHE_BYTES"],
        fullsize_images=values["FULLSIZE_IMAGES"],
        engines=MappingProxyType(engines),
        s3=s3,
        delivery=delivery,
        database_url=values["DB_URL"],
        redis_url=values["REDIS_URL"],
        roles=frozenset(values["IMMICH_WORKERS_INCLUDE"]),
        ignore_mount_check_errors=values["IMMICH_IGNORE_MOUNT_CHECK_ERRORS"],
        web_processes=values["WEB_PROCESSES"],
        web_threads=values["WEB_THREADS"],
        worker_threads=values["WORKER_THREADS"] or os.cpu_count() or 1,
    )


def _unknown_names(environ: Mapping[str, str]) -> list[str]:
    known = {variable.name for variable in VARIABLES}
    known |= {f"{variable.name}_FILE" for variable in VARIABLES if variable.secret}
    problems = []
    for name in sorted(environ.keys() - known):
        nearest = get_close_matches(name, known, n=1, cutoff=0.88)
        if name.startswith(_OUR_PREFIXES) or (name.startswith(_SHARED_PREFIXES) and nearest):
            hint = f"did you mean {nearest[0]}?" if nearest else "see docs/configuration.md for the names."
            problems.append(f"{name} is not a setting of Bucketroll; {hint}")
    return problems


def _value_of(variable: Variable, environ: Mapping[str, str], problems: list[str]) -> Any:
    text = environ.get(variable.name) or None
    if variable.secret:
        text = _secret_of(variable, text, environ, problems)
    if text is None:
        text = variable.default
    if text is None:
        return None
    try:
        return variable.parse(text)
    except (ValueError, KeyError):
        shown = "its value" if variable.secret else repr(text)
        problems.append(f"{variable.name} wants {variable.wants}; {shown} is not that.")
        return None


def _secret_of(
    variable: Variable, text: str | None, environ: Mapping[str, str], problems: list[str]
) -> str | None:
    file_name = environ.get(f"{variable.name}_FILE") or None
    if file_name is None:
        return text
    if text is not None:
        problems.append(f"{variable.name} and {variable.name}_FILE are both set; keep one of them.")
        return text
    try:
        return Path(file_name).read_text().strip() or None
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{variable.name}_FILE wants a readable file; {file_name!r} is not: {error}.")
        return None


def _s3_settings(values: Mapping[str, Any], problems: list[str]) -> S3Settings | None:
    if not values["S3_BUCKET"]:
        if not any(problem.startswith("S3_BUCKET ") for problem in problems):
            problems.append("S3_BUCKET wants the name of the bucket; the s3 engine cannot do without.")
        return None
    if bool(values["S3_ACCESS_KEY_ID"]) != bool(values["S3_SECRET_ACCESS_KEY"]):
        problems.append("S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY belong together: set both or neither.")
    if values["S3_SSE_KMS_KEY_ID"] and values["S3_SSE"] is not ServerSideEncryption.KMS:
        problems.append("S3_SSE_KMS_KEY_ID wants S3_SSE=KMS beside it.")
    endpoint: str | None = values["S3_ENDPOINT"]
    on_aws = endpoint is None or (urlsplit(endpoint).hostname or "").endswith(".amazonaws.com")
    path_style = values["S3_FORCE_PATH_STYLE"]
    if values["S3_USE_ACCELERATE"] and (endpoint is not None or path_style):
        problems.append("S3_USE_ACCELERATE wants AWS: neither S3_ENDPOINT nor S3_FORCE_PATH_STYLE beside it.")
    return S3Settings(
        bucket=values["S3_BUCKET"],
        prefix=values["S3_PREFIX"],
        region=values["S3_REGION"],
        endpoint=endpoint,
        public_endpoint=values["S3_PUBLIC_ENDPOINT"] or endpoint,
        is_public=bool(values["S3_PUBLIC_ENDPOINT"]) or endpoint is None or _is_public_host(endpoint),
        access_key_id=values["S3_ACCESS_KEY_ID"],
        secret_access_key=values["S3_SECRET_ACCESS_KEY"],
        force_path_style=endpoint is not None if path_style is None else path_style,
        use_accelerate=values["S3_USE_ACCELERATE"],
        sse=values["S3_SSE"],
        sse_kms_key_id=values["S3_SSE_KMS_KEY_ID"],
        checksums=values["S3_CHECKSUMS"] or (ChecksumMode.WHEN_SUPPORTED if on_aws else ChecksumMode.WHEN_REQUIRED),
        connections=_store_connections(values),
    )


def _is_public_host(endpoint: str) -> bool:
    """Whether a host is one of the internet, by its name: not `s3`, `localhost`, `192.168.1.2` or `nas.local`."""
    host = urlsplit(endpoint).hostname or ""
    try:
        return ip_address(host).is_global
    except ValueError:
        top = host.rpartition(".")
        return bool(top[0]) and top[2] not in _PRIVATE_DOMAINS


def _store_connections(values: Mapping[str, Any]) -> int:
    """Every thread may read, an archive two objects at once, and an upload sends four parts."""
    return max(64, 2 * (values["WEB_THREADS"] or 0), 4 * (values["WORKER_THREADS"] or 0))


def _delivery_settings(values: Mapping[str, Any], problems: list[str]) -> DeliverySettings | None:
    if values["DELIVERY_ACCEL"] and not values["IMMICH_TRUSTED_PROXIES"]:
        problems.append("DELIVERY_ACCEL wants the address of nginx in IMMICH_TRUSTED_PROXIES; others get bytes.")
    threads = values["WEB_THREADS"]
    if threads is None:
        return None
    streams = min(values["DELIVERY_STREAMS"] or max(1, threads * 2 // 3), threads)
    return DeliverySettings(
        mode=values["DELIVERY_MODE"],
        accel=values["DELIVERY_ACCEL"],
        redirect_bytes=values["DELIVERY_REDIRECT_BYTES"],
        url_seconds=values["DELIVERY_URL_SECONDS"],
        streams=streams,
        # The other half of what is left answers everything else, whatever the bucket does.
        waiting=(threads - streams) // 2,
        idle_seconds=values["DELIVERY_IDLE_SECONDS"],
    )
