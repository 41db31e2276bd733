"""A call about to be made: everything it needs, so that no transaction is open meanwhile."""

from dataclasses import dataclass, field
from uuid import UUID

from billing_shared.contracts.invoice import CustomerUpdated, SellerUpdated


@dataclass(frozen=True, slots=True)
class Claim:
    """Which delivery, which attempt, and the lease under which we may end it."""

    tenant_id: UUID
    delivery_id: UUID
    attempt_id: UUID
    lease_id: UUID


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """`secrets` are sealed, newest first; `owner` opens them."""

    claim: Claim
    url: str
    event_id: UUID
    owner: str
    secrets: tuple[bytes, ...] = field(repr=False)
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MailCall:
    """The invoice is inside `body`, the event as it is kept."""

    claim: Claim
    customer: CustomerUpdated = field(repr=False)
    seller: SellerUpdated = field(repr=False)
    body: str = field(repr=False)


Call = WebhookCall | MailCall


def owner_of(tenant_id: UUID, subscription_id: UUID) -> str:
    """Whose secret it is, as it is bound into the sealed form."""
    return f"{tenant_id}/{subscription_id}"
