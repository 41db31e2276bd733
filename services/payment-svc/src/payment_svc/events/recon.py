"""What recon-svc tells us."""

import msgspec

from billing_shared.consumer import Handlers, Incoming
from billing_shared.context import Context
from billing_shared.contracts.recon import PaymentAllocated
from billing_shared.postgres import Connection
from payment_svc.store.allocations import AllocationState
from payment_svc.usecases.note_allocations import note_allocations


async def on_payment_allocated(
    conn: Connection, context: Context, incoming: list[Incoming[PaymentAllocated]]
) -> None:
    """What became of payments changed."""
    states = [
        AllocationState(
            payment_id=each.event.payment_id,
            sequence=each.envelope.sequence,
            as_of=each.envelope.time,
            allocation=msgspec.to_builtins(each.event),
        )
        for each in incoming
    ]
    await note_allocations(conn, context, states)


HANDLERS: Handlers = {PaymentAllocated: on_payment_allocated}
