"""The tenant as seller: one row."""

from uuid import UUID

import msgspec

from billing_shared.postgres import Connection
from invoice_svc.domain.seller import Seller, SellerDetails


async def load(conn: Connection, tenant_id: UUID, *, lock: bool = False) -> Seller | None:
    """The seller, or None before the tenant's set-up."""
    row = await conn.fetchrow(_LOAD_LOCKED if lock else _LOAD, tenant_id)
    if row is None:
        return None
    details = msgspec.convert(row["details"], SellerDetails)
    return Seller(details, row["version"], row["updated_at"])


async def save(conn: Connection, tenant_id: UUID, seller: Seller) -> None:
    """Create or replace the row."""
    await conn.execute(
        _SAVE,
        tenant_id,
        msgspec.to_builtins(seller.details),
        seller.version,
        seller.updated_at,
    )


_LOAD = "select details, version, updated_at from seller where tenant_id = $1"
_LOAD_LOCKED = _LOAD + " for update"
_SAVE = """
insert into seller (tenant_id, details, version, updated_at) values ($1, $2, $3, $4)
on conflict (tenant_id) do update
set details = excluded.details, version = excluded.version, updated_at = excluded.updated_at
"""
