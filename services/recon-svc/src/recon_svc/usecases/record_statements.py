"""A bank statement was proved or quarantined: what the bank says came in, for the proof."""

from collections.abc import Sequence
from uuid import UUID

from billing_shared.consumer import Incoming
from billing_shared.context import Context
from billing_shared.contracts.payment import StatementImported
from billing_shared.postgres import Connection
from recon_svc.store import facts


async def record_statements(
    conn: Connection, context: Context, incoming: Sequence[Incoming[StatementImported]]
) -> None:
    """Keep the newest state of each statement."""
    newest: dict[UUID, tuple[int, StatementImported]] = {}
    for i in incoming:
        known = newest.get(i.event.statement_id)
        if known is None or known[0] < i.envelope.sequence:
            newest[i.event.statement_id] = (i.envelope.sequence, i.event)
    await facts.save_statements(conn, context.tenant_id, context.now, list(newest.values()))
