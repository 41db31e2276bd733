"""Throw a draft away. It never had a number, so nothing is missing afterwards."""

from uuid import UUID

import msgspec

from billing_shared import audit
from billing_shared.audit import AuditChange
from billing_shared.context import Context
from billing_shared.errors import NotFound, Stale
from billing_shared.postgres import Connection
from invoice_svc.domain.invoice import move
from invoice_svc.store import invoices


async def delete_draft(conn: Connection, context: Context, invoice_id: UUID, version: int) -> None:
    """Raises NotFound, Stale, or Conflict `wrong-state` for anything issued."""
    found = await invoices.load_for_change(conn, context.tenant_id, [invoice_id])
    if invoice_id not in found:
        raise NotFound("not-found", f"no invoice {invoice_id}")
    old = found[invoice_id]
    if old.version != version:
        raise Stale("stale", f"the invoice is at version {old.version}")
    move(old, "delete")
    await invoices.delete(conn, context.tenant_id, [invoice_id])
    before = msgspec.to_builtins(old.content)
    await audit.record(
        conn, context, [AuditChange("invoice", str(invoice_id), "delete-draft", before, None)]
    )
