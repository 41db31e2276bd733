"""Load what a list of requests refers to, in two statements whatever its length."""

from collections.abc import Sequence

from billing_shared.context import Context
from billing_shared.postgres import Connection
from invoice_svc.domain.customer import CustomerRef
from invoice_svc.domain.known import Known
from invoice_svc.store import customers, invoices


async def look_up(
    conn: Connection,
    context: Context,
    refs: Sequence[CustomerRef],
    external_refs: Sequence[str | None],
) -> Known:
    """The customers named and the callers' ids in use."""
    found = await customers.find(conn, context.tenant_id, list(set(refs)))
    asked = [ref for ref in external_refs if ref is not None]
    taken = await invoices.taken(conn, context.tenant_id, asked) if asked else {}
    return Known(found, taken)
