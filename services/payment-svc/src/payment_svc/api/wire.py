"""Field types of requests: what a caller may write, before any business rule looks at it."""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, Strict, StringConstraints

from billing_shared.contracts.envelope import MAX_MINOR
from billing_shared.moments import Day

#: No control characters: they break databases and files alike.
_CLEAN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_ONE_LINE = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"


Name = Annotated[str, StringConstraints(max_length=200, pattern=_ONE_LINE)]
Line = Annotated[str, StringConstraints(max_length=500, pattern=_ONE_LINE)]
Reason = Annotated[str, StringConstraints(max_length=500, pattern=_CLEAN)]
Ref = Annotated[str, StringConstraints(max_length=100, pattern=_ONE_LINE)]
#: At most 34 letters and digits, with spaces as people group them.
ACCOUNT_PATTERN = r"^[0-9A-Za-z][0-9A-Za-z ./-]*$"
AccountNumber = Annotated[str, StringConstraints(max_length=42, pattern=ACCOUNT_PATTERN)]
CurrencyCode = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
PositiveMinor = Annotated[int, Strict(), Field(ge=1, le=MAX_MINOR)]
LegalDate = Annotated[Day, Field(ge=date(1970, 1, 1), le=date(2199, 12, 31))]


class Request(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
