"""Refuse to write before the tenant has said who it is."""

from billing_shared.context import Context
from billing_shared.postgres import Connection
from invoice_svc.domain.known import required
from invoice_svc.domain.seller import Seller
from invoice_svc.store import sellers


async def require_seller(conn: Connection, context: Context) -> Seller:
    """The seller; Conflict `seller-missing` before the tenant's set-up."""
    return required(await sellers.load(conn, context.tenant_id))
