"""Every module that runs jobs: importing this one registers all handlers."""

from services import downloads, metadata, person_thumbnails, queues, sidecars, storage, thumbnails, trash, videos

__all__ = [
    "downloads", "metadata", "person_thumbnails", "queues", "sidecars", "storage", "thumbnails", "trash", "videos",
]
