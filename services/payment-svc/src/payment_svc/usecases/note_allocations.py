"""Remember what recon-svc says became of our payments."""

from collections.abc import Sequence

from billing_shared.context import Context
from billing_shared.postgres import Connection
from payment_svc.store.allocations import AllocationState, save_newest
from payment_svc.store.payments import touch_payments


async def note_allocations(
    conn: Connection, context: Context, states: Sequence[AllocationState]
) -> None:
    """Keep the newest whole state of each payment; an older one is dropped."""
    changed = await save_newest(conn, context.tenant_id, states)
    await touch_payments(conn, context.tenant_id, changed, context.now)
