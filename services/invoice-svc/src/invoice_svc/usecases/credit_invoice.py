"""Credit an issued invoice in full."""

from uuid import UUID

from billing_shared import audit, outbox
from billing_shared.audit import AuditChange
from billing_shared.context import Context
from billing_shared.errors import NotFound
from billing_shared.ids import new_id
from billing_shared.postgres import Connection
from invoice_svc.domain.credit_note import Credited, Wish, credit
from invoice_svc.domain.invoice import move
from invoice_svc.domain.numbering import CREDIT_NOTE_SERIES
from invoice_svc.store import credit_notes, documents, invoices
from invoice_svc.store.issuing import lock_series
from invoice_svc.usecases.require_seller import require_seller


async def credit_invoice(
    conn: Connection, context: Context, invoice_id: UUID, wish: Wish
) -> Credited:
    """The credit note, its number taken in the same transaction.

    Raises NotFound, Conflict `wrong-state`, `already-credited`, `nothing-to-credit`,
    `date-before-last-number`, or Invalid.
    """
    found = await invoices.load_for_change(conn, context.tenant_id, [invoice_id])
    if invoice_id not in found:
        raise NotFound("not-found", f"no invoice {invoice_id}")
    invoice = found[invoice_id]
    move(invoice, "credit")
    originals = await documents.load(conn, context.tenant_id, [invoice_id])
    series = await lock_series(conn, context.tenant_id, [CREDIT_NOTE_SERIES])
    credited, moved = credit(
        new_id(),
        invoice,
        originals[invoice_id],
        seller=await require_seller(conn, context),
        series=series[CREDIT_NOTE_SERIES],
        wish=wish,
        now=context.now,
    )
    note = credited.credit_note
    await invoices.save(
        conn,
        context.tenant_id,
        [credited.invoice],
        {note.credit_note_id: credited.frozen},
        [moved],
    )
    await credit_notes.add(conn, context.tenant_id, [note])
    await outbox.add(conn, context, [credited.event])
    after = {
        "number": note.number,
        "invoice_id": str(invoice_id),
        "gross_minor": note.gross_minor,
        "reason": wish.reason,
        "content_sha256": note.content_sha256,
    }
    entry = AuditChange("credit-note", str(note.credit_note_id), "issue-credit-note", None, after)
    await audit.record(conn, context, [entry])
    return credited
