"""The data model: SQLAlchemy 2, one file per aggregate, Immich's names where clients' data need them."""

from models import albums, assets, downloads, jobs, objects, people, system, users

__all__ = ["albums", "assets", "downloads", "jobs", "objects", "people", "system", "users"]
