"""Forget who a customer is."""

from uuid import UUID

from billing_shared import audit, outbox
from billing_shared.audit import AuditChange
from billing_shared.context import Context
from billing_shared.errors import NotFound
from billing_shared.postgres import Connection
from invoice_svc.domain.customer import Customer, anonymise, audit_view, updated
from invoice_svc.store import customers


async def anonymise_customer(conn: Connection, context: Context, customer_id: UUID) -> Customer:
    """Erase the personal data of a customer; documents already issued keep theirs, as law demands.

    Raises NotFound, and Conflict `customer-anonymised` the second time.
    """
    found = await customers.load_for_change(conn, context.tenant_id, [customer_id])
    if customer_id not in found:
        raise NotFound("not-found", f"no customer {customer_id}")
    old = found[customer_id]
    new = anonymise(old, context.now)
    await customers.save(conn, context.tenant_id, [new])
    await outbox.add(conn, context, [updated(new)])
    entry = AuditChange(
        "customer", str(customer_id), "anonymise-customer", audit_view(old), audit_view(new)
    )
    await audit.record(conn, context, [entry])
    return new
