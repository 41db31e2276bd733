"""Replace a draft with other content."""

from uuid import UUID

import msgspec

from billing_shared import audit
from billing_shared.audit import AuditChange
from billing_shared.context import Context
from billing_shared.errors import NotFound, Stale
from billing_shared.postgres import Connection
from invoice_svc.domain.customer import CustomerRef
from invoice_svc.domain.invoice import Content, Draft, redraft
from invoice_svc.store import invoices
from invoice_svc.usecases.look_up import look_up


async def replace_draft(
    conn: Connection,
    context: Context,
    invoice_id: UUID,
    version: int,
    wanted: tuple[CustomerRef, Content],
) -> Draft:
    """The draft with its new content, if it is still at `version`.

    Raises NotFound, Stale, Conflict `wrong-state` or `already-exists`, and what drafting raises.
    """
    ref, content = wanted
    found = await invoices.load_for_change(conn, context.tenant_id, [invoice_id])
    if invoice_id not in found:
        raise NotFound("not-found", f"no invoice {invoice_id}")
    old = found[invoice_id]
    if old.version != version:
        raise Stale("stale", f"the invoice is at version {old.version}")
    known = await look_up(conn, context, [ref], [content.external_ref])
    if content.external_ref != old.external_ref:
        known.claim(content.external_ref)
    new = redraft(old, known.customer(ref), content, context.now)
    await invoices.save(conn, context.tenant_id, [new.invoice])
    entry = AuditChange(
        "invoice",
        str(invoice_id),
        "replace-draft",
        msgspec.to_builtins(old.content),
        msgspec.to_builtins(content),
    )
    await audit.record(conn, context, [entry])
    return new
