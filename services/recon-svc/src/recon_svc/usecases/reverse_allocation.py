"""A person takes money off an invoice where no discrepancy is open about it."""

from dataclasses import replace
from uuid import UUID

from billing_shared import audit
from billing_shared.audit import AuditChange
from billing_shared.context import Context
from billing_shared.errors import Conflict, NotFound
from billing_shared.ids import new_id
from billing_shared.postgres import Connection
from billing_shared.roles import STAFF
from recon_svc.domain.resolutions import Resolved
from recon_svc.store import books, resolutions
from recon_svc.store.groups import Seeds
from recon_svc.usecases.settle_groups import settle_groups


async def reverse_allocation(
    conn: Connection, context: Context, allocation_id: UUID, reason: str
) -> UUID:
    """Take an allocation back by a mirror entry; the machine does not make it again.

    Returns the resolution's id. NotFound; Conflict `allocation-ended` or `posting-stopped`.
    """
    context = replace(context, reason=reason)
    tenant_id = context.tenant_id
    tenant_books = await books.lock(conn, tenant_id, context.now)
    if tenant_books.are_broken:
        raise Conflict("posting-stopped", "the books are broken: nothing is posted until released")
    found = await resolutions.live_allocation(conn, tenant_id, allocation_id)
    if found is None:
        raise NotFound("not-found", f"no allocation {allocation_id}")
    allocation, is_live = found
    if not is_live:
        raise Conflict("allocation-ended", "the allocation was taken back before")
    resolved = Resolved(
        new_id(),
        "un-apply",
        payment_id=allocation.payment_id,
        invoice_id=allocation.invoice_id,
    )
    role = next((role for role in reversed(STAFF) if role in context.roles), None)
    await resolutions.save(conn, context, [resolved], role)
    await settle_groups(
        conn,
        context,
        tenant_books,
        Seeds(payments={allocation.payment_id}, invoices={allocation.invoice_id}),
    )
    await audit.record(
        conn,
        context,
        [
            AuditChange(
                "allocation",
                str(allocation_id),
                "un-apply",
                {"amount_minor": allocation.amount_minor},
                {"resolution_id": str(resolved.resolution_id)},
            )
        ],
    )
    return resolved.resolution_id
