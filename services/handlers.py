"""Every module that runs jobs: importing this one registers all handlers."""

from services import queues, trash

__all__ = ["queues", "trash"]
