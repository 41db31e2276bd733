"""Draft invoices: worked out and kept, not yet numbered."""

from collections.abc import Sequence

from billing_shared import audit
from billing_shared.audit import AuditChange
from billing_shared.context import Context
from billing_shared.errors import BillingError
from billing_shared.ids import new_id
from billing_shared.postgres import Connection
from billing_shared.writes import Later, write
from invoice_svc.domain.customer import CustomerRef
from invoice_svc.domain.invoice import Content, Draft, draft
from invoice_svc.domain.known import Known
from invoice_svc.store import invoices
from invoice_svc.usecases.look_up import look_up


async def draft_invoices(
    conn: Connection,
    context: Context,
    wanted: Sequence[tuple[CustomerRef, Content]],
    later: Later | None = None,
) -> list[Draft | BillingError]:
    """The drafts, in the order asked for; in the place of one refused, why.

    Two statements, whatever the length; the second may be left to `later`. Raises Conflict
    `seller-missing`.
    """
    refs = [ref for ref, _ in wanted]
    known = await look_up(conn, context, refs, [content.external_ref for _, content in wanted])
    outcomes = [_draft(ref, content, known, context) for ref, content in wanted]
    drafts = [outcome for outcome in outcomes if isinstance(outcome, Draft)]
    if drafts:
        saving = invoices.saving(context.tenant_id, [one.invoice for one in drafts])
        recording = audit.recording(context, [_entry(one) for one in drafts])
        await write(conn, [saving, recording], later)
    return outcomes


def _draft(
    ref: CustomerRef, content: Content, known: Known, context: Context
) -> Draft | BillingError:
    try:
        made = draft(new_id(), known.customer(ref), content, context.now)
        known.claim(content.external_ref)
    except BillingError as error:
        return error
    return made


def _entry(made: Draft) -> AuditChange:
    after = {"currency": made.invoice.currency, "gross_minor": made.invoice.gross_minor}
    return AuditChange("invoice", str(made.invoice.invoice_id), "draft-invoice", None, after)
