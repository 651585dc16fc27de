"""What clients ask before anything else: /.well-known/immich and /api/server."""

from typing import Any

from flask import Blueprint

from blueprints.http import current_system, require, require_admin
from errors import NotFound
from media import mime
from services import server, users
from services.permissions import Permission
from services.server import API_VERSION, StorageUse, UserUsage
from services.trash import TRASH_DAYS

bp = Blueprint("server", __name__)

_VERSION = ".".join(map(str, API_VERSION))
_RELEASES = "https://github.com/immich-app/immich/releases"
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_NO_DISK = "N/A"


@bp.get("/.well-known/immich")
def well_known() -> dict[str, Any]:
    return {"api": {"endpoint": "/api"}}


@bp.get("/api/server/ping")
def ping() -> dict[str, Any]:
    return {"res": "pong"}


@bp.get("/api/server/version")
def version() -> dict[str, Any]:
    major, minor, patch = API_VERSION
    return {"major": major, "minor": minor, "patch": patch, "prerelease": None}


@bp.get("/api/server/about")
def about() -> dict[str, Any]:
    require(Permission.SERVER_ABOUT)
    return {
        "version": f"v{_VERSION}",
        "versionUrl": f"{_RELEASES}/tag/v{_VERSION}",
        "licensed": False,
        "build": "Bucketroll",
    }


@bp.get("/api/server/features")
def features() -> dict[str, Any]:
    """Only what this server does."""
    return {
        "smartSearch": False,
        "facialRecognition": False,
        "duplicateDetection": False,
        "map": False,
        "reverseGeocoding": False,
        "importFaces": False,
        "sidecar": True,
        "search": True,
        "trash": True,
        "oauth": False,
        "oauthAutoLaunch": False,
        "ocr": False,
        "passwordLogin": True,
        "configFile": False,
        "email": False,
        "realtimeTranscoding": False,
    }


@bp.get("/api/server/config")
def config() -> dict[str, Any]:
    return {
        "loginPageMessage": "",
        "trashDays": TRASH_DAYS,
        "userDeleteDelay": 0,
        "oauthButtonText": "",
        "oauthAccountManagementUrl": "",
        "isInitialized": users.is_initialized(current_system()),
        "isOnboarded": True,
        "externalDomain": "",
        "publicUsers": True,
        "mapDarkStyleUrl": "",
        "mapLightStyleUrl": "",
        "maintenanceMode": False,
        "minFaces": 3,
    }


@bp.get("/api/server/media-types")
def media_types() -> dict[str, Any]:
    return {
        "video": list(mime.VIDEO_TYPES),
        "image": list(mime.IMAGE_TYPES),
        "sidecar": list(mime.SIDECAR_TYPES),
    }


@bp.get("/api/server/storage")
def storage() -> dict[str, Any]:
    require(Permission.SERVER_STORAGE)
    return storage_json(server.storage_use(current_system()))


@bp.get("/api/server/statistics")
def statistics() -> dict[str, Any]:
    require_admin(Permission.SERVER_STATISTICS)
    by_user = [user_usage_json(one) for one in server.usage_by_user(current_system())]
    totals = ("photos", "videos", "usage", "usagePhotos", "usageVideos")
    return {**{name: sum(user[name] for user in by_user) for name in totals}, "usageByUser": by_user}


@bp.get("/api/server/version-check")
def version_check() -> dict[str, Any]:
    """Nothing is asked of anybody about newer versions."""
    require(Permission.SERVER_VERSION_CHECK)
    return {"checkedAt": None, "releaseVersion": None}


@bp.get("/api/server/version-history")
def version_history() -> list[dict[str, Any]]:
    """No history is kept: the version is that of the API, which does not change when the program does."""
    return []


@bp.get("/api/server/apk-links")
def apk_links() -> dict[str, Any]:
    require(Permission.SERVER_APK_LINKS)
    head = f"{_RELEASES}/download/v{_VERSION}"
    return {
        "arm64v8a": f"{head}/app-arm64-v8a-release.apk",
        "armeabiv7a": f"{head}/app-armeabi-v7a-release.apk",
        "universal": f"{head}/app-release.apk",
        "x86_64": f"{head}/app-x86_64-release.apk",
    }


@bp.get("/api/server/license")
def license_key() -> dict[str, Any]:
    """There is nothing to buy, so there is no licence."""
    require_admin(Permission.SERVER_LICENSE_READ)
    raise NotFound("Not Found")


def storage_json(use: StorageUse) -> dict[str, Any]:
    """ServerStorageResponseDto; without a disk its figures are N/A in words and 0 in numbers."""
    disk = use.disk
    return {
        "diskAvailable": _NO_DISK if disk is None else human_size(disk.available),
        "diskSize": _NO_DISK if disk is None else human_size(disk.size),
        "diskUse": human_size(use.used),
        "diskAvailableRaw": 0 if disk is None else disk.available,
        "diskSizeRaw": 0 if disk is None else disk.size,
        "diskUseRaw": use.used,
        "diskUsagePercentage": 0.0 if disk is None or not disk.size else round(100 * use.used / disk.size, 2),
    }


def user_usage_json(user: UserUsage) -> dict[str, Any]:
    """UsageByUserDto."""
    usage = user.usage
    return {
        "userId": str(user.user_id),
        "userName": user.name,
        "photos": usage.photos,
        "videos": usage.videos,
        "usage": usage.photo_bytes + usage.video_bytes,
        "usagePhotos": usage.photo_bytes,
        "usageVideos": usage.video_bytes,
        "quotaSizeInBytes": user.quota,
    }


def human_size(size: int) -> str:
    """Bytes in words, as Immich writes them: `38.5 GiB`."""
    exponent = min(max(size.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    return f"{size / 1024**exponent:.1f} {_UNITS[exponent]}" if exponent else f"{size} B"
