"""A credit note was issued: a credit item, applied to its invoice as far as that reaches."""

from collections.abc import Sequence

from billing_shared.consumer import Incoming
from billing_shared.context import Context
from billing_shared.contracts.invoice import CreditNoteIssued
from billing_shared.postgres import Connection
from recon_svc.store import books, facts
from recon_svc.store.groups import Seeds
from recon_svc.usecases.settle_groups import settle_groups


async def record_credit_notes(
    conn: Connection, context: Context, incoming: Sequence[Incoming[CreditNoteIssued]]
) -> None:
    """Store credit notes and settle the groups of their invoices, known or not yet known."""
    tenant_books = await books.lock(conn, context.tenant_id, context.now)
    notes = [i.event for i in incoming]
    await facts.save_credit_notes(conn, context.tenant_id, context.now, notes)
    await settle_groups(
        conn,
        context,
        tenant_books,
        Seeds(invoices={note.invoice_id for note in notes}),
        {i.event.credit_note_id: i.envelope for i in incoming},
    )
