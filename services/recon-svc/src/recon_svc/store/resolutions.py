"""Decisions of people, stored as facts: the machine never undoes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from billing_shared.context import Context
from billing_shared.postgres import Connection
from recon_svc.domain.resolutions import Resolved


@dataclass(frozen=True, slots=True)
class LiveAllocation:
    """An allocation that is not taken back."""

    allocation_id: UUID
    payment_id: UUID
    invoice_id: UUID
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A decision of a person as it is kept."""

    resolution_id: UUID
    action: str
    payment_id: UUID | None
    invoice_id: UUID | None
    customer_id: UUID | None
    amount_minor: int | None
    reason: str
    actor: str
    role: str | None
    decided_at: datetime


async def save(
    conn: Connection, context: Context, resolved: Sequence[Resolved], role: str | None
) -> None:
    """Store what a person decided, with the context's actor and reason."""
    await conn.execute(
        """
        insert into resolution (tenant_id, resolution_id, action, discrepancy_id, payment_id,
               invoice_id, customer_id, code, amount_minor, reason, actor, role, decided_at)
        select $1::uuid, r.*, $2::text, $3::text, $4::text, $5::timestamptz
          from unnest($6::uuid[], $7::text[], $8::uuid[], $9::uuid[], $10::uuid[], $11::uuid[],
                      $12::text[], $13::bigint[]) r
        """,
        context.tenant_id,
        context.reason,
        str(context.actor),
        role,
        context.now,
        [r.resolution_id for r in resolved],
        [r.action for r in resolved],
        [r.discrepancy_id for r in resolved],
        [r.payment_id for r in resolved],
        [r.invoice_id for r in resolved],
        [r.customer_id for r in resolved],
        [r.code for r in resolved],
        [r.amount_minor for r in resolved],
    )


async def of_discrepancy(conn: Connection, tenant_id: UUID, discrepancy_id: UUID) -> list[Kept]:
    """What people decided about one discrepancy, in the order they did."""
    rows = await conn.fetch(
        """
        select resolution_id, action, payment_id, invoice_id, customer_id, amount_minor, reason,
               actor, role, decided_at
          from resolution where tenant_id = $1 and discrepancy_id = $2 order by seq
        """,
        tenant_id,
        discrepancy_id,
    )
    return [Kept(**row) for row in rows]


async def live_allocation(
    conn: Connection, tenant_id: UUID, allocation_id: UUID
) -> tuple[LiveAllocation, bool] | None:
    """An allocation and whether it is live, or None where there never was one."""
    row = await conn.fetchrow(
        """
        select allocation_id, payment_id, invoice_id, amount_minor, ended_by is null as is_live
          from allocation where tenant_id = $1 and allocation_id = $2
        """,
        tenant_id,
        allocation_id,
    )
    if row is None:
        return None
    is_live = row["is_live"]
    fields = {name: value for name, value in row.items() if name != "is_live"}
    return LiveAllocation(**fields), is_live


async def has_allocation(
    conn: Connection, tenant_id: UUID, payment_id: UUID, invoice_id: UUID
) -> bool:
    """Whether money of this payment lies on this invoice."""
    found = await conn.fetchval(
        """
        select true from allocation
         where tenant_id = $1 and payment_id = $2 and invoice_id = $3 and ended_by is null
        """,
        tenant_id,
        payment_id,
        invoice_id,
    )
    return bool(found)


async def knows_customer(conn: Connection, tenant_id: UUID, customer_id: UUID) -> bool:
    found = await conn.fetchval(
        "select true from customer_copy where tenant_id = $1 and customer_id = $2",
        tenant_id,
        customer_id,
    )
    return bool(found)
