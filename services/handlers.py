"""Every module that runs jobs: importing this one registers all handlers."""

from services import metadata, queues, storage, thumbnails, trash

__all__ = ["metadata", "queues", "storage", "thumbnails", "trash"]
