"""Small complete objects for tests that do not care about their contents."""

from datetime import UTC, date, datetime
from uuid import UUID

from billing_shared.context import Actor, Context
from billing_shared.contracts.invoice import InvoiceVoided
from billing_shared.ids import new_id


def a_context(tenant_id: UUID | None = None, now: datetime | None = None) -> Context:
    """A clerk at work, in a tenant of its own unless told otherwise."""
    return Context(
        tenant_id=tenant_id or new_id(),
        actor=Actor("user", "clerk@example.com"),
        now=now or datetime.now(UTC),
        correlation_id=new_id(),
        reason="a test",
        roles=frozenset({"clerk"}),
    )


def a_void(invoice_id: UUID | None = None, number: str = "A-1") -> InvoiceVoided:
    """The smallest event there is."""
    return InvoiceVoided(
        invoice_id=invoice_id or new_id(),
        number=number,
        customer_id=new_id(),
        voided_on=date(2026, 1, 31),
        reason="a test",
    )
