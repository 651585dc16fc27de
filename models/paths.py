"""MANAGED_PATHS: every column that holds a stored path, for whoever rewrites or counts them."""

from sqlalchemy.orm import InstrumentedAttribute

from models.assets import Asset, AssetFile
from models.objects import PendingObject, StoredObject
from models.people import Person
from models.users import User

MANAGED_PATHS: tuple[InstrumentedAttribute[str], ...] = (
    Asset.original_path,
    AssetFile.path,
    Person.thumbnail_path,
    User.profile_image_path,
    StoredObject.path,
    PendingObject.path,
)
