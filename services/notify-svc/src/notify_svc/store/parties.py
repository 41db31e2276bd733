"""Copies of customers and sellers, and which invoices were voided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from billing_shared.contracts.invoice import CustomerUpdated, SellerUpdated
from billing_shared.postgres import Connection


@dataclass(frozen=True, slots=True)
class Parties:
    """Who a tenant's mails are from and to, as far as we have heard."""

    seller: SellerUpdated | None
    customers: Mapping[UUID, CustomerUpdated]


async def lock_parties(
    conn: Connection, tenant_id: UUID, customer_ids: Sequence[UUID], now: datetime
) -> Parties:
    """Load the seller and these customers, and keep them from changing until the commit.

    Somebody unknown is locked as an empty row. Without that, an invoice and its customer handled
    at the same moment could each miss the other, and the mail would wait for ever.
    """
    wanted = sorted(set(customer_ids))
    await conn.execute(
        """
        insert into seller (tenant_id, sequence, updated_at) values ($1, 0, $2)
        on conflict do nothing
        """,
        tenant_id,
        now,
    )
    await conn.execute(
        """
        insert into customer (tenant_id, customer_id, sequence, updated_at)
        select $1, customer_id, 0, $3 from unnest($2::uuid[]) as c (customer_id)
        on conflict do nothing
        """,
        tenant_id,
        wanted,
        now,
    )
    seller = await conn.fetchval(
        "select state from seller where tenant_id = $1 for share", tenant_id
    )
    rows = await conn.fetch(
        """
        select customer_id, state from customer
        where tenant_id = $1 and customer_id = any($2::uuid[])
        order by customer_id for share
        """,
        tenant_id,
        wanted,
    )
    return Parties(
        seller=None if seller is None else msgspec.convert(seller, SellerUpdated),
        customers={
            row["customer_id"]: msgspec.convert(row["state"], CustomerUpdated)
            for row in rows
            if row["state"] is not None
        },
    )


async def save_customers(
    conn: Connection,
    tenant_id: UUID,
    customers: Sequence[tuple[int, CustomerUpdated]],
    now: datetime,
) -> list[CustomerUpdated]:
    """Keep (sequence, state) of each customer, one each; those older than what we have are dropped.

    Returns the states that are new to us.
    """
    by_id = {customer.customer_id: customer for _, customer in customers}
    ordered = sorted(customers, key=lambda item: item[1].customer_id)
    rows = await conn.fetch(
        """
        insert into customer as had (tenant_id, customer_id, sequence, state, updated_at)
        select $1, c.customer_id, c.sequence, c.state, $5
        from unnest($2::uuid[], $3::bigint[], $4::jsonb[]) as c (customer_id, sequence, state)
        on conflict (tenant_id, customer_id) do update
        set sequence = excluded.sequence, state = excluded.state, updated_at = excluded.updated_at
        where had.sequence < excluded.sequence
        returning customer_id
        """,
        tenant_id,
        [customer.customer_id for _, customer in ordered],
        [sequence for sequence, _ in ordered],
        [msgspec.to_builtins(customer) for _, customer in ordered],
        now,
    )
    return [by_id[row["customer_id"]] for row in rows]


async def save_seller(
    conn: Connection, tenant_id: UUID, sequence: int, seller: SellerUpdated, now: datetime
) -> bool:
    """Keep the tenant's seller; False if what we have is newer."""
    row = await conn.fetchval(
        """
        insert into seller as had (tenant_id, sequence, state, updated_at) values ($1, $2, $3, $4)
        on conflict (tenant_id) do update
        set sequence = excluded.sequence, state = excluded.state, updated_at = excluded.updated_at
        where had.sequence < excluded.sequence
        returning true
        """,
        tenant_id,
        sequence,
        msgspec.to_builtins(seller),
        now,
    )
    return row is not None


async def remember_voided(
    conn: Connection, tenant_id: UUID, invoice_ids: Sequence[UUID], now: datetime
) -> None:
    """Note that these invoices were taken back."""
    await conn.execute(
        """
        insert into voided_invoice (tenant_id, invoice_id, voided_at)
        select $1, invoice_id, $3 from unnest($2::uuid[]) as v (invoice_id)
        on conflict do nothing
        """,
        tenant_id,
        list(invoice_ids),
        now,
    )


async def voided_among(
    conn: Connection, tenant_id: UUID, invoice_ids: Sequence[UUID]
) -> frozenset[UUID]:
    """Which of these invoices were taken back."""
    rows = await conn.fetch(
        "select invoice_id from voided_invoice where tenant_id = $1 and invoice_id = any($2)",
        tenant_id,
        list(invoice_ids),
    )
    return frozenset(row["invoice_id"] for row in rows)
