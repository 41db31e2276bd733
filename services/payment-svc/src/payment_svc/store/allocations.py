"""What recon-svc says became of our payments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from billing_shared.postgres import Connection


@dataclass(frozen=True, slots=True)
class AllocationState:
    """The whole state of one payment in the books, as of an instant."""

    payment_id: UUID
    sequence: int
    as_of: datetime
    allocation: dict[str, Any]


async def save_newest(
    conn: Connection, tenant_id: UUID, states: Sequence[AllocationState]
) -> list[UUID]:
    """Keep each state unless a newer one is known; the answer names the payments that changed."""
    newest: dict[UUID, AllocationState] = {}
    for state in states:
        had = newest.get(state.payment_id)
        if had is None or had.sequence < state.sequence:
            newest[state.payment_id] = state
    rows = await conn.fetch(
        """
        insert into payment_allocation as p (tenant_id, payment_id, sequence, as_of, allocation)
        select $1, * from unnest($2::uuid[], $3::bigint[], $4::timestamptz[], $5::jsonb[])
        on conflict (tenant_id, payment_id) do update
            set sequence = excluded.sequence, as_of = excluded.as_of,
                allocation = excluded.allocation
            where excluded.sequence > p.sequence
        returning payment_id
        """,
        tenant_id,
        list(newest),
        [state.sequence for state in newest.values()],
        [state.as_of for state in newest.values()],
        [state.allocation for state in newest.values()],
    )
    return [row["payment_id"] for row in rows]
