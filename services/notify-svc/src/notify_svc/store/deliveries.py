"""Deliveries: one row per receiver and event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from billing_shared.postgres import Connection
from notify_svc.domain.delivery import Channel, Delivery, State

_COLUMNS = """delivery_id, channel, event_id, event_type, subject_id, target_id, state, tries,
              reason, created_at, updated_at, next_attempt_at"""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which deliveries a list shows; None means any."""

    target_id: UUID | None = None
    event_type: str | None = None
    state: State | None = None
    channel: Channel | None = None
    event_id: UUID | None = None
    subject_id: UUID | None = None


async def add_deliveries(
    conn: Connection, tenant_id: UUID, deliveries: Sequence[Delivery]
) -> list[UUID]:
    """Keep new ones; the ids of those that were new (one receiver is told of an event once)."""
    rows = await conn.fetch(
        """
        insert into delivery (tenant_id, delivery_id, channel, event_id, event_type, subject_id,
                              target_id, state, reason, created_at, updated_at)
        select $1, d.*, clock_timestamp()
        from unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::uuid[], $7::uuid[],
                    $8::text[], $9::text[], $10::timestamptz[]) as d
        on conflict (tenant_id, event_id, channel, target_id) do nothing
        returning delivery_id
        """,
        tenant_id,
        [delivery.delivery_id for delivery in deliveries],
        [delivery.channel for delivery in deliveries],
        [delivery.event_id for delivery in deliveries],
        [delivery.event_type for delivery in deliveries],
        [delivery.subject_id for delivery in deliveries],
        [delivery.target_id for delivery in deliveries],
        [delivery.state for delivery in deliveries],
        [delivery.reason for delivery in deliveries],
        [delivery.created_at for delivery in deliveries],
    )
    return [row["delivery_id"] for row in rows]


async def load_deliveries(
    conn: Connection, tenant_id: UUID, delivery_ids: Sequence[UUID]
) -> dict[UUID, Delivery]:
    rows = await conn.fetch(
        f"""
        select {_COLUMNS} from delivery
        where tenant_id = $1 and delivery_id = any($2::uuid[])
        """,  # noqa: S608 - only names of columns
        tenant_id,
        list(delivery_ids),
    )
    return {row["delivery_id"]: _from_row(row) for row in rows}


async def lock_deliveries(
    conn: Connection, tenant_id: UUID, delivery_ids: Sequence[UUID]
) -> dict[UUID, Delivery]:
    """These deliveries, kept from changing until the commit."""
    rows = await conn.fetch(
        f"""
        select {_COLUMNS} from delivery
        where tenant_id = $1 and delivery_id = any($2::uuid[])
        order by delivery_id for update
        """,  # noqa: S608 - only names of columns
        tenant_id,
        list(delivery_ids),
    )
    return {row["delivery_id"]: _from_row(row) for row in rows}


async def lock_deliveries_of(
    conn: Connection, tenant_id: UUID, channel: Channel, target_id: UUID, event_ids: Sequence[UUID]
) -> dict[UUID, Delivery]:
    """What one receiver has of these events, by event id, kept from changing until the commit."""
    rows = await conn.fetch(
        f"""
        select {_COLUMNS} from delivery
        where tenant_id = $1 and channel = $2 and target_id = $3 and event_id = any($4::uuid[])
        order by delivery_id for update
        """,  # noqa: S608 - only names of columns
        tenant_id,
        channel,
        target_id,
        list(event_ids),
    )
    return {row["event_id"]: _from_row(row) for row in rows}


async def lock_mails_to(
    conn: Connection, tenant_id: UUID, customer_ids: Sequence[UUID], states: Sequence[State]
) -> list[Delivery]:
    """The mails to these customers that are in one of these states."""
    rows = await conn.fetch(
        f"""
        select {_COLUMNS} from delivery
        where tenant_id = $1 and channel = 'mail' and target_id = any($2::uuid[])
          and state = any($3::text[])
        order by delivery_id for update
        """,  # noqa: S608 - only names of columns
        tenant_id,
        list(customer_ids),
        list(states),
    )
    return [_from_row(row) for row in rows]


async def lock_mails_about(
    conn: Connection, tenant_id: UUID, subject_ids: Sequence[UUID], states: Sequence[State]
) -> list[Delivery]:
    """The mails about these documents that are in one of these states."""
    rows = await conn.fetch(
        f"""
        select {_COLUMNS} from delivery
        where tenant_id = $1 and channel = 'mail' and subject_id = any($2::uuid[])
          and state = any($3::text[])
        order by delivery_id for update
        """,  # noqa: S608 - only names of columns
        tenant_id,
        list(subject_ids),
        list(states),
    )
    return [_from_row(row) for row in rows]


async def customers_waited_for(
    conn: Connection, tenant_id: UUID, created_before: datetime | None = None
) -> list[UUID]:
    """Whose mails wait, all of them or only those that wait since before an instant."""
    rows = await conn.fetch(
        """
        select distinct target_id from delivery
        where tenant_id = $1 and state = 'waiting'
          and ($2::timestamptz is null or created_at < $2)
        """,
        tenant_id,
        created_before,
    )
    return [row["target_id"] for row in rows]


async def save_deliveries(
    conn: Connection,
    tenant_id: UUID,
    deliveries: Sequence[Delivery],
    delays: Mapping[UUID, timedelta] | None = None,
) -> None:
    """Store state, tries and reason; `delays` say how long some wait for their next attempt."""
    delays = delays or {}
    await conn.execute(
        """
        update delivery as d
        set state = c.state, tries = c.tries, reason = c.reason,
            next_attempt_at = clock_timestamp() + c.delay, updated_at = clock_timestamp()
        from unnest($2::uuid[], $3::text[], $4::int[], $5::text[], $6::interval[])
             as c (delivery_id, state, tries, reason, delay)
        where d.tenant_id = $1 and d.delivery_id = c.delivery_id
        """,
        tenant_id,
        [delivery.delivery_id for delivery in deliveries],
        [delivery.state for delivery in deliveries],
        [delivery.tries for delivery in deliveries],
        [delivery.reason for delivery in deliveries],
        [delays.get(delivery.delivery_id) for delivery in deliveries],
    )


async def list_deliveries(
    conn: Connection,
    tenant_id: UUID,
    wanted: Filter,
    *,
    after: tuple[datetime, UUID] | None,
    updated_after: datetime | None,
    limit: int,
) -> list[Delivery]:
    """In the order of their last change."""
    rows = await conn.fetch(
        f"""
        select {_COLUMNS} from delivery
        where tenant_id = $1
          and ($2::timestamptz is null or (updated_at, delivery_id) > ($2, $3::uuid))
          and ($4::timestamptz is null or updated_at > $4)
          and ($5::uuid is null or target_id = $5)
          and ($6::text is null or event_type = $6)
          and ($7::text is null or state = $7)
          and ($8::text is null or channel = $8)
          and ($9::uuid is null or event_id = $9)
          and ($10::uuid is null or subject_id = $10)
        order by updated_at, delivery_id limit $11
        """,  # noqa: S608 - only names of columns
        tenant_id,
        *(after or (None, None)),
        updated_after,
        wanted.target_id,
        wanted.event_type,
        wanted.state,
        wanted.channel,
        wanted.event_id,
        wanted.subject_id,
        limit,
    )
    return [_from_row(row) for row in rows]


def _from_row(row: asyncpg.Record) -> Delivery:
    return Delivery(**dict(row))
