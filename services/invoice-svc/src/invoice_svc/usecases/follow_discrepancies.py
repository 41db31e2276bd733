"""Keep the list of what recon-svc found wrong with invoices."""

from collections.abc import Sequence

from billing_shared.consumer import Incoming
from billing_shared.context import Context
from billing_shared.contracts.recon import DiscrepancyFound, DiscrepancyResolved
from billing_shared.postgres import Connection
from invoice_svc.store import attention, invoices


async def open_attention(
    conn: Connection, context: Context, incoming: Sequence[Incoming[DiscrepancyFound]]
) -> None:
    """Remember what was found, if it speaks of an invoice."""
    found = [(one.event, one.envelope.time) for one in incoming if one.event.invoice_id]
    await attention.add(conn, context.tenant_id, found)
    touched = sorted({event.invoice_id for event, _ in found if event.invoice_id})
    await invoices.touch(conn, context.tenant_id, touched, context.now)


async def close_attention(
    conn: Connection, context: Context, incoming: Sequence[Incoming[DiscrepancyResolved]]
) -> None:
    """Strike what was resolved off the list, also before it was found."""
    resolved = [(one.event, one.envelope.time) for one in incoming]
    touched = await attention.close(conn, context.tenant_id, resolved)
    await invoices.touch(conn, context.tenant_id, sorted(set(touched)), context.now)
