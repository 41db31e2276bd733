"""The tenant as seller: who issues, in which time zone, keeping books in which currency."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from billing_shared.clock import local_date
from billing_shared.contracts.invoice import Address, SellerUpdated
from billing_shared.errors import invalid
from billing_shared.money import exponent


@dataclass(frozen=True, slots=True)
class SellerDetails:
    """What a tenant says about itself. `time_zone` is an IANA name."""

    name: str
    address: Address
    country: str
    tax_ids: tuple[str, ...]
    time_zone: str
    base_currency: str


@dataclass(frozen=True, slots=True)
class Seller:
    """The seller as it stands; `version` counts its changes from 1."""

    details: SellerDetails
    version: int
    updated_at: datetime

    def today(self, now: datetime) -> date:
        """The legal date of an instant where the seller is."""
        return local_date(now, self.details.time_zone)


def check(details: SellerDetails) -> SellerDetails:
    """Raises Invalid for a time zone that does not exist or a currency we do not keep."""
    exponent(details.base_currency, "base_currency")
    try:
        ZoneInfo(details.time_zone)
    except (KeyError, ValueError, OSError):
        raise invalid("time_zone", "is not an IANA time zone") from None
    return details


def updated(tenant_id: UUID, details: SellerDetails) -> SellerUpdated:
    """The whole state, as published."""
    return SellerUpdated(
        seller_id=tenant_id,
        name=details.name,
        address=details.address,
        country=details.country,
        tax_ids=list(details.tax_ids),
        time_zone=details.time_zone,
        base_currency=details.base_currency,
    )
