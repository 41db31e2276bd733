"""Issue drafts: number, reference, due date, frozen document, event."""

from collections.abc import Sequence
from uuid import UUID

from billing_shared.context import Context
from billing_shared.errors import BillingError, NotFound, Stale
from billing_shared.postgres import Connection
from billing_shared.writes import Later
from invoice_svc.domain.invoice import Dates, Issued, move, reopen
from invoice_svc.domain.issuing import Ready, issue_all
from invoice_svc.domain.known import required
from invoice_svc.store.issuing import Desk, load_for_issue
from invoice_svc.usecases.keep_issued import keep_issued

#: The invoice, the dates it is to bear, and the version it must still be at (None: any).
Order = tuple[UUID, Dates, int | None]


async def issue_invoices(
    conn: Connection, context: Context, orders: Sequence[Order], later: Later | None = None
) -> list[Issued | BillingError]:
    """The issued invoices, in the order asked for; in the place of one refused, why.

    Two statements, whatever the length; the second may be left to `later`.
    """
    desk = await load_for_issue(conn, context.tenant_id, [order[0] for order in orders])
    prepared = [_prepare(order, desk) for order in orders]
    ready = [one for one in prepared if isinstance(one, Ready)]
    if not ready:
        return [one for one in prepared if isinstance(one, BillingError)]
    issued, moved = issue_all(ready, required(desk.seller), desk.series, context.now)
    before = {"state": "draft"}
    await keep_issued(
        conn, context, issued, moved, action="issue-invoice", before=before, later=later
    )
    outcomes = iter(issued)
    return [one if isinstance(one, BillingError) else next(outcomes) for one in prepared]


def _prepare(order: Order, desk: Desk) -> Ready | BillingError:
    invoice_id, dates, version = order
    invoice = desk.invoices.get(invoice_id)
    if invoice is None:
        return NotFound("not-found", f"no invoice {invoice_id}")
    try:
        if version is not None and version != invoice.version:
            raise Stale("stale", f"the invoice is at version {invoice.version}")
        move(invoice, "issue")
        return Ready(reopen(invoice), desk.customers[invoice.customer_id], dates)
    except BillingError as error:
        return error
