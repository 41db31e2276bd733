"""The seller changed: its time zone says which day it is for the tenant."""

from collections.abc import Sequence

from billing_shared.consumer import Incoming
from billing_shared.context import Context
from billing_shared.contracts.invoice import SellerUpdated
from billing_shared.jobs import remember_tenant
from billing_shared.postgres import Connection
from recon_svc.store import facts


async def update_sellers(
    conn: Connection, context: Context, incoming: Sequence[Incoming[SellerUpdated]]
) -> None:
    """Keep the newest state of the seller, and let the jobs know its tenant."""
    newest = max(incoming, key=lambda i: i.envelope.sequence)
    await facts.save_seller(
        conn, context.tenant_id, context.now, newest.envelope.sequence, newest.event
    )
    zone = await facts.time_zone(conn, context.tenant_id)
    await remember_tenant(conn, context, zone)
