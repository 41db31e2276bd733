"""Discrepancies that speak of our invoices, as recon-svc told us."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from billing_shared.contracts.recon import DiscrepancyFound, DiscrepancyResolved
from billing_shared.postgres import Connection
from invoice_svc.domain.settlement import Attention


async def add(
    conn: Connection, tenant_id: UUID, found: Sequence[tuple[DiscrepancyFound, datetime]]
) -> None:
    """Open discrepancies; one that was resolved before it was found stays closed."""
    await conn.execute(
        _ADD,
        tenant_id,
        [event.discrepancy_id for event, _ in found],
        [event.invoice_id for event, _ in found],
        [event.code for event, _ in found],
        [event.amount_minor for event, _ in found],
        [at for _, at in found],
    )


async def close(
    conn: Connection, tenant_id: UUID, resolved: Sequence[tuple[DiscrepancyResolved, datetime]]
) -> list[UUID]:
    """Close discrepancies, also such as we have not heard of; the invoices they spoke of."""
    rows = await conn.fetch(
        _CLOSE,
        tenant_id,
        [event.discrepancy_id for event, _ in resolved],
        [event.code for event, _ in resolved],
        [at for _, at in resolved],
    )
    return [row["invoice_id"] for row in rows if row["invoice_id"] is not None]


async def open_on(
    conn: Connection, tenant_id: UUID, invoice_ids: Sequence[UUID]
) -> dict[UUID, list[Attention]]:
    """What is open about these invoices, oldest first."""
    open_: dict[UUID, list[Attention]] = {}
    for row in await conn.fetch(_OPEN, tenant_id, invoice_ids):
        open_.setdefault(row["invoice_id"], []).append(
            Attention(row["discrepancy_id"], row["code"], row["amount_minor"], row["as_of"])
        )
    return open_


_ADD = """
insert into attention (tenant_id, discrepancy_id, invoice_id, code, amount_minor, is_open, as_of)
select $1, n.discrepancy_id, n.invoice_id, n.code, n.amount_minor, true, n.as_of
from unnest($2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::timestamptz[])
    as n (discrepancy_id, invoice_id, code, amount_minor, as_of)
on conflict (tenant_id, discrepancy_id) do nothing
"""
_CLOSE = """
insert into attention as a (tenant_id, discrepancy_id, code, is_open, as_of)
select $1, n.discrepancy_id, n.code, false, n.as_of
from unnest($2::uuid[], $3::text[], $4::timestamptz[]) as n (discrepancy_id, code, as_of)
on conflict (tenant_id, discrepancy_id) do update set is_open = false, as_of = excluded.as_of
returning a.invoice_id
"""
_OPEN = """
select invoice_id, discrepancy_id, code, amount_minor, as_of from attention
where tenant_id = $1 and invoice_id = any($2::uuid[]) and is_open
order by as_of, discrepancy_id
"""
