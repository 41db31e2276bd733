"""Replace what is known of a customer."""

from uuid import UUID

from billing_shared import audit, outbox
from billing_shared.audit import AuditChange
from billing_shared.context import Context
from billing_shared.errors import Conflict, FieldError, NotFound, Stale
from billing_shared.postgres import Connection
from invoice_svc.domain.customer import (
    Customer,
    CustomerDetails,
    CustomerRef,
    audit_view,
    change,
    updated,
)
from invoice_svc.store import customers


async def replace_customer(
    conn: Connection, context: Context, customer_id: UUID, version: int, details: CustomerDetails
) -> Customer:
    """Replace the details of a customer that is still at `version`.

    Raises NotFound, Stale, Invalid, and Conflict `already-exists` or `customer-anonymised`.
    """
    found = await customers.load_for_change(conn, context.tenant_id, [customer_id])
    if customer_id not in found:
        raise NotFound("not-found", f"no customer {customer_id}")
    old = found[customer_id]
    if version != old.version:
        raise Stale("stale", f"the customer is at version {old.version}")
    new = change(old, details, context.now)
    await _require_free(conn, context, old, new)
    await customers.save(conn, context.tenant_id, [new])
    await outbox.add(conn, context, [updated(new)])
    entry = AuditChange(
        "customer", str(customer_id), "replace-customer", audit_view(old), audit_view(new)
    )
    await audit.record(conn, context, [entry])
    return new


async def _require_free(conn: Connection, context: Context, old: Customer, new: Customer) -> None:
    ref = new.details.external_ref
    if ref is None or ref == old.details.external_ref:
        return
    named = CustomerRef(external_ref=ref)
    other = (await customers.find(conn, context.tenant_id, [named])).get(named)
    if other is not None:
        reason = f"in use by customer {other.customer_id}"
        raise Conflict(
            "already-exists", f"external_ref: {reason}", [FieldError("external_ref", reason)]
        )
