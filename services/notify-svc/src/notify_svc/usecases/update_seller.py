"""Keep a copy of the tenant as seller."""

from collections.abc import Sequence

from billing_shared.consumer import Incoming
from billing_shared.context import Context
from billing_shared.contracts.invoice import SellerUpdated
from billing_shared.jobs import remember_tenant
from billing_shared.postgres import Connection
from notify_svc.store.deliveries import customers_waited_for
from notify_svc.store.parties import save_seller
from notify_svc.usecases.release_mails import release_mails


async def update_seller(
    conn: Connection, context: Context, incoming: Sequence[Incoming[SellerUpdated]]
) -> None:
    """The highest sequence wins. Mails that waited for the seller go."""
    last = max(incoming, key=lambda item: item.envelope.sequence)
    is_new = await save_seller(
        conn, context.tenant_id, last.envelope.sequence, last.event, context.now
    )
    if is_new:
        await remember_tenant(conn, context, last.event.time_zone)
        await release_mails(conn, context, await customers_waited_for(conn, context.tenant_id))
