"""Partial changes: what a client did not name stays as it is."""

from dataclasses import fields
from enum import Enum
from typing import TYPE_CHECKING

from models.base import Base

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Unset(Enum):
    UNSET = "unset"


UNSET = Unset.UNSET


def apply_changes(row: Base, changes: "DataclassInstance") -> None:
    """Sets the attributes of the same names to what the changes name."""
    for field in fields(changes):
        value = getattr(changes, field.name)
        if value is not UNSET:
            setattr(row, field.name, value)
