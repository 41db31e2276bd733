"""Field types of requests, and how rows become answers."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, StringConstraints

from billing_shared.contracts.envelope import MAX_MINOR

Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=500),
    Field(examples=["agreed with the customer on the phone"]),
]
PositiveMinor = Annotated[int, Strict(), Field(ge=1, le=MAX_MINOR)]
CurrencyCode = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
AccountCode = Annotated[str, StringConstraints(pattern="^[1-9][0-9]{3}$")]


class Request(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class View(BaseModel):
    """An answer, built from a row by its attributes."""

    model_config = ConfigDict(from_attributes=True)

    @classmethod
    def of(cls, row: Any) -> Self:
        return cls.model_validate(row)
