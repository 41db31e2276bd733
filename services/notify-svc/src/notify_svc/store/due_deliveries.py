"""What is due, over all tenants, and who has taken it for sending.

Times here are the database's real clock: retries and leases do not follow a clock set for tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from billing_shared.postgres import Connection
from notify_svc.domain.delivery import Delivery

#: All mails go by one relay, so they share the limit of one target.
MAIL_RELAY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery taken for sending."""

    tenant_id: UUID
    delivery_id: UUID


async def put_due(
    conn: Connection,
    tenant_id: UUID,
    deliveries: Sequence[Delivery],
) -> None:
    """These pending deliveries are to be attempted at once."""
    await conn.execute(
        """
        insert into delivery_due (delivery_id, tenant_id, target_id, due_at)
        select d.delivery_id, $1, d.target_id, clock_timestamp()
        from unnest($2::uuid[], $3::uuid[]) as d (delivery_id, target_id)
        """,
        tenant_id,
        [delivery.delivery_id for delivery in deliveries],
        [_target(delivery) for delivery in deliveries],
    )


async def take_due(
    conn: Connection, lease_id: UUID, lease: timedelta, limit: int, per_target: int
) -> list[Due]:
    """Take at most `limit` of what is due, longest due first.

    No target has more than `per_target` under way, over all workers: a receiver that hangs holds up
    itself only. A lease that ran out is taken again. The targets are found by hopping along the
    index, because there may be ten thousand deliveries due to one of them.
    """
    rows = await conn.fetch(
        """
        with recursive target as (
            (select target_id from delivery_due order by target_id limit 1)
            union all
            select (select d.target_id from delivery_due d where d.target_id > t.target_id
                    order by d.target_id limit 1)
            from target t where t.target_id is not null
        ), taken as (
            select p.delivery_id
            from target t cross join lateral (
                select d.delivery_id, d.due_at from delivery_due d
                where d.target_id = t.target_id and d.due_at <= clock_timestamp()
                  and (d.leased_until is null or d.leased_until <= clock_timestamp())
                order by d.due_at
                limit greatest(0, $4 - (
                    select count(*) from delivery_due l
                    where l.target_id = t.target_id and l.leased_until > clock_timestamp()))
                for update skip locked
            ) p
            order by p.due_at limit $3
        )
        update delivery_due d set lease_id = $1, leased_until = clock_timestamp() + $2::interval
        from taken where d.delivery_id = taken.delivery_id
        returning d.tenant_id, d.delivery_id
        """,
        lease_id,
        lease,
        limit,
        per_target,
    )
    return [Due(row["tenant_id"], row["delivery_id"]) for row in rows]


async def renew_leases(
    conn: Connection, leases: Sequence[tuple[UUID, UUID]], lease: timedelta
) -> None:
    """Keep these (delivery id, lease id) longer, where nobody else has taken them."""
    await conn.execute(
        """
        update delivery_due d set leased_until = clock_timestamp() + $3::interval
        from (select * from unnest($1::uuid[], $2::uuid[]) as u (delivery_id, lease_id)
              order by delivery_id) l
        where d.delivery_id = l.delivery_id and d.lease_id = l.lease_id
        """,
        [delivery_id for delivery_id, _ in leases],
        [lease_id for _, lease_id in leases],
        lease,
    )


async def still_leased(
    conn: Connection, tenant_id: UUID, leases: Sequence[tuple[UUID, UUID]]
) -> frozenset[UUID]:
    """Of these (delivery id, lease id), the deliveries nobody else has taken since; locked."""
    rows = await conn.fetch(
        """
        select d.delivery_id from delivery_due d
        join unnest($2::uuid[], $3::uuid[]) as l (delivery_id, lease_id) using (delivery_id)
        where d.tenant_id = $1 and d.lease_id = l.lease_id
        order by d.delivery_id for update of d
        """,
        tenant_id,
        [delivery_id for delivery_id, _ in leases],
        [lease_id for _, lease_id in leases],
    )
    return frozenset(row["delivery_id"] for row in rows)


async def put_off(
    conn: Connection, tenant_id: UUID, delays: Sequence[tuple[UUID, timedelta]]
) -> None:
    """Give these deliveries back, to be attempted after a delay."""
    await conn.execute(
        """
        update delivery_due d
        set due_at = clock_timestamp() + p.delay, lease_id = null, leased_until = null
        from unnest($2::uuid[], $3::interval[]) as p (delivery_id, delay)
        where d.tenant_id = $1 and d.delivery_id = p.delivery_id
        """,
        tenant_id,
        [delivery_id for delivery_id, _ in delays],
        [delay for _, delay in delays],
    )


async def remove_due(conn: Connection, tenant_id: UUID, delivery_ids: Sequence[UUID]) -> None:
    """These deliveries have ended, or wait."""
    await conn.execute(
        "delete from delivery_due where tenant_id = $1 and delivery_id = any($2::uuid[])",
        tenant_id,
        list(delivery_ids),
    )


async def measure_due(conn: Connection) -> tuple[int, float]:
    """How many deliveries are due and not taken, and how long the oldest has been, in seconds."""
    row = await conn.fetchrow(
        """
        select count(*) as due,
               coalesce(extract(epoch from clock_timestamp() - min(due_at)), 0)::float8 as oldest
        from delivery_due
        where due_at <= clock_timestamp()
          and (leased_until is null or leased_until <= clock_timestamp())
        """
    )
    assert row is not None, "an aggregate always answers"
    return row["due"], row["oldest"]


def _target(delivery: Delivery) -> UUID:
    return MAIL_RELAY if delivery.channel == "mail" else delivery.target_id
