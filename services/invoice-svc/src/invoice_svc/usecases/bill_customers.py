"""Draft and issue a list of invoices at once: the bulk way."""

from collections.abc import Sequence
from dataclasses import dataclass

from billing_shared.context import Context
from billing_shared.errors import BillingError
from billing_shared.ids import new_id
from billing_shared.postgres import Connection
from billing_shared.writes import Later
from invoice_svc.domain.customer import CustomerRef
from invoice_svc.domain.invoice import Content, Dates, Issued, default_series, draft
from invoice_svc.domain.issuing import Ready, issue_all
from invoice_svc.domain.known import Known
from invoice_svc.store.issuing import lock_series
from invoice_svc.usecases.keep_issued import keep_issued
from invoice_svc.usecases.look_up import look_up


@dataclass(frozen=True, slots=True)
class Bill:
    """One invoice to be made and issued in one go."""

    customer: CustomerRef
    content: Content
    dates: Dates


async def bill_customers(
    conn: Connection, context: Context, bills: Sequence[Bill], later: Later | None = None
) -> list[Issued | BillingError]:
    """The issued invoices, in the order asked for; in the place of one refused, why.

    Three statements, whatever the length; the last may be left to `later`. The series are locked
    before the callers' ids are looked up, so that two equal requests cannot both find them free.
    """
    if not bills:
        return []
    names = [bill.content.series or default_series(bill.content.kind) for bill in bills]
    series = await lock_series(conn, context.tenant_id, names)
    refs = [bill.customer for bill in bills]
    known = await look_up(conn, context, refs, [bill.content.external_ref for bill in bills])
    seller = known.seller
    prepared = [_prepare(bill, known, context) for bill in bills]
    ready = [one for one in prepared if isinstance(one, Ready)]
    issued, moved = issue_all(ready, seller, series, context.now)
    action = "draft-and-issue-invoice"
    await keep_issued(conn, context, issued, moved, action=action, later=later)
    outcomes = iter(issued)
    return [one if isinstance(one, BillingError) else next(outcomes) for one in prepared]


def _prepare(bill: Bill, known: Known, context: Context) -> Ready | BillingError:
    try:
        customer = known.customer(bill.customer)
        made = draft(new_id(), customer, bill.content, context.now)
        known.claim(bill.content.external_ref)
    except BillingError as error:
        return error
    return Ready(made, customer, bill.dates)
