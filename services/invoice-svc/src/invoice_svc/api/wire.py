"""Field types of requests: what a caller may write, before any business rule looks at it."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    Strict,
    StringConstraints,
)
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import custom_error_schema

from billing_shared.contracts.envelope import MAX_MINOR
from billing_shared.contracts.invoice import Address
from billing_shared.errors import BillingError, invalid
from billing_shared.moments import Day
from invoice_svc.domain.customer import CustomerRef
from invoice_svc.domain.numbering import SERIES_PATTERN
from invoice_svc.domain.terms import EarlyPaymentRule, TermsRule

T = TypeVar("T")

#: No control characters: they break databases, mail headers and PDFs alike.
_CLEAN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_ONE_LINE = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"


class Says:
    """What is wrong, in words: a pattern says nothing to a person."""

    def __init__(self, words: str) -> None:
        self._words = words

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return custom_error_schema(
            handler(source), custom_error_type="wording", custom_error_message=self._words
        )


def _in_range(amount_minor: int) -> int:
    if abs(amount_minor) > MAX_MINOR:
        raise PydanticCustomError("amount-out-of-range", "more than 15 digits")
    return amount_minor


Name = Annotated[
    str,
    StringConstraints(max_length=200, pattern=_ONE_LINE),
    Says("must be one line of 1 to 200 characters"),
]
Text = Annotated[
    str,
    StringConstraints(max_length=1000, pattern=_CLEAN),
    Says("must be text of 1 to 1000 characters"),
]
Reason = Annotated[
    str,
    StringConstraints(max_length=500, pattern=_CLEAN),
    Says("must be text of 1 to 500 characters"),
]
Ref = Annotated[
    str,
    StringConstraints(max_length=100, pattern=_ONE_LINE),
    Says("must be one line of 1 to 100 characters"),
]
SeriesName = Annotated[
    str, StringConstraints(pattern=SERIES_PATTERN), Says("must be 1 to 8 capital letters A to Z")
]
CurrencyCode = Annotated[
    str, StringConstraints(pattern="^[A-Z]{3}$"), Says("must be an ISO 4217 code such as EUR")
]
CountryCode = Annotated[
    str, StringConstraints(pattern="^[A-Z]{2}$"), Says("must be an ISO 3166-1 code such as DE")
]
Quantity = Annotated[
    str,
    StringConstraints(pattern=r"^-?[0-9]{1,12}(\.[0-9]{1,6})?$"),
    Says('must be a decimal in a string, such as "2.5", with at most 12 and 6 digits'),
]
Price = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{1,12}(\.[0-9]{1,6})?$"),
    Says('must be a decimal >= 0 in a string, such as "9.95", with at most 12 and 6 digits'),
]
Percentage = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{1,3}(\.[0-9]{1,4})?$"),
    Says('must be a percentage in a string, such as "19" or "2.5"'),
]
TaxCategory = Annotated[
    str, StringConstraints(pattern="^[A-Z]{1,2}$"), Says("must be a UNCL5305 code such as S")
]
Minor = Annotated[
    int,
    Strict(),
    Field(ge=0, json_schema_extra={"maximum": MAX_MINOR}),
    AfterValidator(_in_range),
]
SignedMinor = Annotated[int, Strict(), AfterValidator(_in_range)]
LegalDate = Annotated[Day, Field(ge=date(1970, 1, 1), le=date(2199, 12, 31))]


class Request(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ForCustomer(Request):
    """A request that names a customer, by our id or by the caller's own."""

    customer_id: UUID | None = None
    customer_external_ref: Ref | None = None

    @property
    def customer(self) -> CustomerRef:
        """Raises Invalid unless exactly one of the two names is given."""
        if (self.customer_id is None) == (self.customer_external_ref is None):
            raise invalid("customer_id", "give customer_id or customer_external_ref, and not both")
        return CustomerRef(self.customer_id, self.customer_external_ref)


class AddressBody(Request):
    """A postal address; `lines` from most to least specific."""

    lines: Annotated[list[Name], Field(min_length=1, max_length=5)]
    postal_code: Annotated[str, StringConstraints(max_length=20, pattern=r"^[^\x00-\x1f\x7f]*$")]
    city: Name
    country: CountryCode

    def address(self) -> Address:
        return Address(
            lines=self.lines, postal_code=self.postal_code, city=self.city, country=self.country
        )


class EarlyPaymentBody(Request):
    """`percent` off, if paid within `days` of issue."""

    days: Annotated[int, Strict(), Field(ge=0, le=365)]
    percent: Percentage


class TermsBody(Request):
    """Payment terms: due `net_days` after issue, and cheaper if paid early."""

    net_days: Annotated[int, Strict(), Field(ge=0, le=3650)] = 30
    early_payment: Annotated[tuple[EarlyPaymentBody, ...], Field(max_length=5)] = ()

    def rule(self) -> TermsRule:
        return TermsRule(
            self.net_days,
            tuple(EarlyPaymentRule(step.days, step.percent) for step in self.early_payment),
        )


def only(outcomes: Sequence[T | BillingError]) -> T:
    """The one outcome of a list of one; a refusal is raised."""
    [outcome] = outcomes
    if isinstance(outcome, BillingError):
        raise outcome
    return outcome
