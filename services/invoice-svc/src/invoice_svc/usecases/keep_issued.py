"""Write what was issued: rows, documents and series together, then events and audit."""

from collections.abc import Mapping, Sequence

from billing_shared import audit, outbox
from billing_shared.audit import AuditChange
from billing_shared.context import Context
from billing_shared.errors import BillingError
from billing_shared.postgres import Connection
from billing_shared.writes import Later, write
from invoice_svc.domain.invoice import Issued
from invoice_svc.domain.numbering import Series
from invoice_svc.store import invoices


async def keep_issued(
    conn: Connection,
    context: Context,
    outcomes: Sequence[Issued | BillingError],
    series: Mapping[str, Series],
    *,
    action: str,
    before: Mapping[str, str] | None = None,
    later: Later | None = None,
) -> None:
    """Keep those that stand; the refused among the outcomes took no number and leave no trace.

    `action` and `before` are what the audit says of each. One statement, at once or `later`.
    """
    issued = [outcome for outcome in outcomes if isinstance(outcome, Issued)]
    if not issued:
        return
    saving = invoices.saving(
        context.tenant_id,
        [one.invoice for one in issued],
        {one.invoice.invoice_id: one.frozen for one in issued},
        [one for one in series.values() if one.last_no > 0],
    )
    adding = outbox.adding(context, [one.event for one in issued])
    recording = audit.recording(context, [_entry(one, action, before) for one in issued])
    await write(conn, [saving, adding, recording], later)


def _entry(issued: Issued, action: str, before: Mapping[str, str] | None) -> AuditChange:
    invoice = issued.invoice
    after = {
        "state": invoice.state,
        "number": invoice.number,
        "currency": invoice.currency,
        "gross_minor": invoice.gross_minor,
        "content_sha256": invoice.content_sha256,
    }
    return AuditChange("invoice", str(invoice.invoice_id), action, before, after)
