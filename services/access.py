"""What every service says when someone asks for what is not theirs."""

from errors import BadRequest
from services.permissions import Permission


def no_access(permission: Permission) -> BadRequest:
    """Immich's answer, the same for what does not exist and for what belongs to others."""
    return BadRequest(f"Not found or no {permission} access")
