"""Types of fields that several requests share."""

from typing import Annotated

from pydantic import AfterValidator, Field

from services.emails import normal_email

Email = Annotated[str, AfterValidator(normal_email)]
# The largest whole number that JavaScript keeps exactly: the contract's bound for sizes.
ByteCount = Annotated[int, Field(ge=0, le=2**53 - 1)]
