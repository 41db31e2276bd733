"""How much waits for people, for the metrics of the service."""

from dataclasses import dataclass
from uuid import UUID

from billing_shared.postgres import Connection


@dataclass(frozen=True, slots=True)
class Backlog:
    """Of one tenant: open discrepancies per code, held minor units per currency."""

    discrepancies: dict[str, int]
    held_minor: dict[str, int]
    is_broken: bool


async def tenants(conn: Connection) -> list[UUID]:
    """Every tenant; only the worker's role sees them all."""
    return [row["tenant_id"] for row in await conn.fetch("select tenant_id from tenant")]


async def backlog(conn: Connection, tenant_id: UUID) -> Backlog:
    rows = await conn.fetch(
        """
        select code, null as currency, count(*)::bigint as amount from discrepancy
         where tenant_id = $1 and state = 'open' group by 1
        union all
        select null, currency, -sum(balance_minor)::bigint from account_balance
         where tenant_id = $1 and account in ('2100', '2110') group by 2
        union all
        select 'books', 'broken', 1 from books where tenant_id = $1 and state = 'broken'
        """,
        tenant_id,
    )
    return Backlog(
        discrepancies={r["code"]: r["amount"] for r in rows if r["currency"] is None},
        held_minor={r["currency"]: r["amount"] for r in rows if r["code"] is None},
        is_broken=any(r["code"] == "books" for r in rows),
    )
