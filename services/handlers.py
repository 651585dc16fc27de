"""Every module that runs jobs: importing this one registers all handlers."""

from services import metadata, queues, thumbnails, trash

__all__ = ["metadata", "queues", "thumbnails", "trash"]
