"""Field types of requests: what a caller may write, before any business rule looks at it."""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, StringConstraints

from billing_shared.contracts.envelope import MAX_MINOR

#: No control characters: they break databases and files alike.
_CLEAN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_ONE_LINE = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _only_iso(value: Any) -> Any:
    if isinstance(value, date) or (isinstance(value, str) and _ISO_DATE.fullmatch(value)):
        return value
    raise ValueError("a date is written YYYY-MM-DD")


Name = Annotated[str, StringConstraints(max_length=200, pattern=_ONE_LINE)]
Line = Annotated[str, StringConstraints(max_length=500, pattern=_ONE_LINE)]
Reason = Annotated[str, StringConstraints(max_length=500, pattern=_CLEAN)]
Ref = Annotated[str, StringConstraints(max_length=100, pattern=_ONE_LINE)]
AccountNumber = Annotated[
    str, StringConstraints(max_length=42, pattern=r"^[0-9A-Za-z][0-9A-Za-z ./-]*$")
]
CurrencyCode = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
PositiveMinor = Annotated[int, Strict(), Field(ge=1, le=MAX_MINOR)]
LegalDate = Annotated[
    date, BeforeValidator(_only_iso), Field(ge=date(1970, 1, 1), le=date(2199, 12, 31))
]


class Request(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
