"""An invoice was issued: a debit item, which waiting money may pay."""

from collections.abc import Sequence

from billing_shared.consumer import Incoming
from billing_shared.context import Context
from billing_shared.contracts.invoice import InvoiceIssued
from billing_shared.postgres import Connection
from recon_svc.domain.facts import Invoice
from recon_svc.domain.references import item_keys
from recon_svc.store import books, facts
from recon_svc.store.groups import Seeds
from recon_svc.usecases.settle_groups import settle_groups


async def record_invoices(
    conn: Connection, context: Context, incoming: Sequence[Incoming[InvoiceIssued]]
) -> None:
    """Store invoices with the keys payers may name them by, and settle their groups."""
    tenant_books = await books.lock(conn, context.tenant_id, context.now)
    invoices = [i.event for i in incoming]
    keys = {(key, i.invoice_id) for i in invoices for key in item_keys(_as_item(i))}
    await facts.save_invoices(conn, context.tenant_id, context.now, invoices, sorted(keys))
    await settle_groups(
        conn,
        context,
        tenant_books,
        Seeds(invoices={i.invoice_id for i in invoices}),
        {i.event.invoice_id: i.envelope for i in incoming},
    )


def _as_item(event: InvoiceIssued) -> Invoice:
    return Invoice(
        invoice_id=event.invoice_id,
        number=event.number,
        customer_id=event.customer_id,
        currency=event.currency,
        issued_on=event.issued_on,
        due_on=event.due_on,
        gross_minor=event.gross_minor,
        due_minor=event.due_minor,
        payment_reference=event.payment_reference,
    )
