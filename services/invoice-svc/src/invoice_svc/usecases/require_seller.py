"""Refuse to write before the tenant has said who it is."""

from billing_shared.context import Context
from billing_shared.errors import Conflict
from billing_shared.postgres import Connection
from invoice_svc.domain.seller import Seller
from invoice_svc.store import sellers


async def require_seller(conn: Connection, context: Context) -> Seller:
    """The seller; Conflict `seller-missing` before the tenant's set-up."""
    return known(await sellers.load(conn, context.tenant_id))


def known(seller: Seller | None) -> Seller:
    """The seller that was loaded; Conflict `seller-missing` if there was none."""
    if seller is None:
        raise Conflict("seller-missing", "say who you are first: PUT /v1/seller")
    return seller
