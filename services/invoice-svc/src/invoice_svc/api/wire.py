"""Field types of requests: what a caller may write, before any business rule looks at it."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, StringConstraints

from billing_shared.contracts.envelope import MAX_MINOR
from billing_shared.contracts.invoice import Address
from billing_shared.errors import BillingError, invalid
from invoice_svc.domain.customer import CustomerRef
from invoice_svc.domain.numbering import SERIES_PATTERN
from invoice_svc.domain.terms import EarlyPaymentRule, TermsRule

T = TypeVar("T")

#: No control characters: they break databases, mail headers and PDFs alike.
_CLEAN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_ONE_LINE = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _only_iso(value: Any) -> Any:
    if isinstance(value, date) or (isinstance(value, str) and _ISO_DATE.fullmatch(value)):
        return value
    raise ValueError("a date is written YYYY-MM-DD")


Name = Annotated[str, StringConstraints(max_length=200, pattern=_ONE_LINE)]
Text = Annotated[str, StringConstraints(max_length=1000, pattern=_CLEAN)]
Reason = Annotated[str, StringConstraints(max_length=500, pattern=_CLEAN)]
Ref = Annotated[str, StringConstraints(max_length=100, pattern=_ONE_LINE)]
SeriesName = Annotated[str, StringConstraints(pattern=SERIES_PATTERN)]
CurrencyCode = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
CountryCode = Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")]
#: Decimals are strings: at most 12 digits before the point, 6 behind it.
Quantity = Annotated[str, StringConstraints(pattern=r"^-?[0-9]{1,12}(\.[0-9]{1,6})?$")]
Price = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}(\.[0-9]{1,6})?$")]
Percentage = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,3}(\.[0-9]{1,4})?$")]
TaxCategory = Annotated[str, StringConstraints(pattern="^[A-Z]{1,2}$")]
Minor = Annotated[int, Strict(), Field(ge=0, le=MAX_MINOR)]
SignedMinor = Annotated[int, Strict(), Field(ge=-MAX_MINOR, le=MAX_MINOR)]
LegalDate = Annotated[
    date, BeforeValidator(_only_iso), Field(ge=date(1970, 1, 1), le=date(2199, 12, 31))
]


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
    postal_code: Annotated[str, StringConstraints(max_length=20)]
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
