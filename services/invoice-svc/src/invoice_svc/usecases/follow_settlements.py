"""Take over what recon-svc says is due on invoices."""

from collections.abc import Sequence

from billing_shared.consumer import Incoming
from billing_shared.context import Context
from billing_shared.contracts.recon import SettlementChanged
from billing_shared.postgres import Connection
from invoice_svc.domain.settlement import newest
from invoice_svc.store import invoices


async def follow_settlements(
    conn: Connection, context: Context, incoming: Sequence[Incoming[SettlementChanged]]
) -> None:
    """The newest state of each invoice is kept; older ones, in whatever order, change nothing."""
    states = newest((one.event, one.envelope.sequence, one.envelope.time) for one in incoming)
    await invoices.set_settlements(conn, context.tenant_id, states, context.now)
