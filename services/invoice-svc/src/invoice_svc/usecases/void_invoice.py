"""Take an issued invoice back whole."""

from uuid import UUID

from billing_shared import audit, outbox
from billing_shared.audit import AuditChange
from billing_shared.context import Context
from billing_shared.errors import NotFound, invalid
from billing_shared.postgres import Connection
from invoice_svc.domain.invoice import Invoice, void
from invoice_svc.store import invoices
from invoice_svc.usecases.require_seller import require_seller


async def void_invoice(
    conn: Connection,
    context: Context,
    invoice_id: UUID,
    reason: str,
    replaced_by: UUID | None = None,
) -> Invoice:
    """The void invoice. Refused by our own copy of the settlement; recon-svc has the last word.

    Raises NotFound, Conflict `wrong-state` or `invoice-settled`, Invalid for `replaced_by`.
    """
    seller = await require_seller(conn, context)
    wanted = [invoice_id] if replaced_by is None else [invoice_id, replaced_by]
    found = await invoices.load_for_change(conn, context.tenant_id, wanted)
    if invoice_id not in found:
        raise NotFound("not-found", f"no invoice {invoice_id}")
    if replaced_by is not None and replaced_by not in found:
        raise invalid("replaced_by", "no such invoice")
    old = found[invoice_id]
    new, event = void(old, reason, replaced_by, seller.today(context.now), context.now)
    await invoices.save(conn, context.tenant_id, [new])
    await outbox.add(conn, context, [event])
    after = {"state": new.state, "reason": reason}
    if replaced_by is not None:
        after["replaced_by"] = str(replaced_by)
    entry = AuditChange("invoice", str(invoice_id), "void-invoice", {"state": old.state}, after)
    await audit.record(conn, context, [entry])
    return new
