"""Keep copies of customers, and what follows from their change."""

from collections.abc import Sequence
from dataclasses import replace

from billing_shared.consumer import Incoming
from billing_shared.context import Context
from billing_shared.contracts.invoice import CustomerUpdated
from billing_shared.postgres import Connection
from notify_svc.domain.route import ANONYMISED
from notify_svc.store.attempts import forget_recipients
from notify_svc.store.deliveries import lock_mails_to, save_deliveries
from notify_svc.store.due_deliveries import remove_due
from notify_svc.store.parties import save_customers
from notify_svc.usecases.release_mails import release_mails


async def update_customers(
    conn: Connection, context: Context, incoming: Sequence[Incoming[CustomerUpdated]]
) -> None:
    """The highest sequence wins. Mails that waited go; an anonymised customer gets none."""
    latest = {
        item.event.customer_id: (item.envelope.sequence, item.event)
        for item in sorted(incoming, key=lambda item: item.envelope.sequence)
    }
    changed = await save_customers(conn, context.tenant_id, list(latest.values()), context.now)
    gone = [c.customer_id for c in changed if c.status == "anonymised"]
    if gone:
        mails = await lock_mails_to(conn, context.tenant_id, gone, ["waiting", "pending"])
        ended = [replace(mail, state=ANONYMISED.state, reason=ANONYMISED.reason) for mail in mails]
        await save_deliveries(conn, context.tenant_id, ended)
        await remove_due(conn, context.tenant_id, [mail.delivery_id for mail in ended])
        await forget_recipients(conn, context.tenant_id, gone)
    here = [c.customer_id for c in changed if c.status == "active"]
    await release_mails(conn, context, here)
