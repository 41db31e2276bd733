"""Attempts: committed before a call outside, completed after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from billing_shared.postgres import Connection
from notify_svc.domain.delivery import Outcome, Result


@dataclass(frozen=True, slots=True)
class Attempt:
    """`result` is None while the call is under way. `recipients` are masked addresses."""

    attempt_id: UUID
    started_at: datetime
    ended_at: datetime | None
    result: Result | None
    status_code: int | None
    detail: str | None
    excerpt: str | None
    recipients: list[str] | None


async def add_attempts(
    conn: Connection,
    tenant_id: UUID,
    attempts: Sequence[tuple[UUID, UUID, Sequence[str]]],
) -> None:
    """Note (attempt id, delivery id, masked recipients) of calls that are about to be made."""
    await conn.execute(
        """
        insert into attempt (tenant_id, attempt_id, delivery_id, recipients, started_at)
        select $1, a.attempt_id, a.delivery_id, string_to_array(a.recipients, ' '),
               clock_timestamp()
        from unnest($2::uuid[], $3::uuid[], $4::text[]) as a (attempt_id, delivery_id, recipients)
        """,
        tenant_id,
        [attempt_id for attempt_id, _, _ in attempts],
        [delivery_id for _, delivery_id, _ in attempts],
        [" ".join(recipients) or None for _, _, recipients in attempts],
    )


async def complete_attempts(
    conn: Connection, tenant_id: UUID, outcomes: Sequence[tuple[UUID, Outcome]]
) -> None:
    """Note what came of calls, by attempt id."""
    await conn.execute(
        """
        update attempt as a
        set ended_at = clock_timestamp(), result = o.result, status_code = o.status_code,
            detail = o.detail, excerpt = o.excerpt
        from unnest($2::uuid[], $3::text[], $4::int[], $5::text[], $6::text[])
             as o (attempt_id, result, status_code, detail, excerpt)
        where a.tenant_id = $1 and a.attempt_id = o.attempt_id
        """,
        tenant_id,
        [attempt_id for attempt_id, _ in outcomes],
        [outcome.result for _, outcome in outcomes],
        [outcome.status_code for _, outcome in outcomes],
        [outcome.detail for _, outcome in outcomes],
        [outcome.excerpt for _, outcome in outcomes],
    )


async def abandon_attempts(
    conn: Connection, tenant_id: UUID, delivery_ids: Sequence[UUID], detail: str
) -> frozenset[UUID]:
    """Attempts nobody will complete become unknown; answers the deliveries that had one."""
    rows = await conn.fetch(
        """
        update attempt set result = 'unknown', ended_at = clock_timestamp(), detail = $3
        where tenant_id = $1 and delivery_id = any($2::uuid[]) and result is null
        returning delivery_id
        """,
        tenant_id,
        list(delivery_ids),
        detail,
    )
    return frozenset(row["delivery_id"] for row in rows)


async def list_attempts(conn: Connection, tenant_id: UUID, delivery_id: UUID) -> list[Attempt]:
    """Oldest first."""
    rows = await conn.fetch(
        """
        select attempt_id, started_at, ended_at, result, status_code, detail, excerpt, recipients
        from attempt where tenant_id = $1 and delivery_id = $2
        order by attempt_id
        """,
        tenant_id,
        delivery_id,
    )
    return [Attempt(**dict(row)) for row in rows]


async def forget_recipients(
    conn: Connection, tenant_id: UUID, customer_ids: Sequence[UUID]
) -> None:
    """Even a masked address goes when its owner does."""
    await conn.execute(
        """
        update attempt as a set recipients = null
        from delivery as d
        where d.tenant_id = $1 and d.channel = 'mail' and d.target_id = any($2::uuid[])
          and a.tenant_id = $1 and a.delivery_id = d.delivery_id and a.recipients is not null
        """,
        tenant_id,
        list(customer_ids),
    )
