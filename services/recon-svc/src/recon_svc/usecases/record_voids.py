"""An invoice was voided: what is due falls away, and money that lay on it comes loose."""

from collections.abc import Sequence

from billing_shared.consumer import Incoming
from billing_shared.context import Context
from billing_shared.contracts.invoice import InvoiceVoided
from billing_shared.postgres import Connection
from recon_svc.store import books, facts
from recon_svc.store.groups import Seeds
from recon_svc.usecases.settle_groups import settle_groups


async def record_voids(
    conn: Connection, context: Context, incoming: Sequence[Incoming[InvoiceVoided]]
) -> None:
    """Remember voids, those of invoices we have not heard of too, and settle their groups."""
    tenant_books = await books.lock(conn, context.tenant_id, context.now)
    await facts.save_voids(conn, context.tenant_id, context.now, [i.event for i in incoming])
    await settle_groups(
        conn,
        context,
        tenant_books,
        Seeds(invoices={i.event.invoice_id for i in incoming}),
        {i.event.invoice_id: i.envelope for i in incoming},
    )
