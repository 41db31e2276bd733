"""The events there are deliveries of, as they are signed and sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from billing_shared.postgres import Connection


@dataclass(frozen=True, slots=True)
class EventBody:
    """An event in CloudEvents structured form."""

    event_id: UUID
    type: str
    subject_id: UUID
    occurred_at: datetime
    body: str


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """An event without its body."""

    event_id: UUID
    type: str
    subject_id: UUID


async def add_events(
    conn: Connection, tenant_id: UUID, events: Sequence[EventBody], now: datetime
) -> None:
    """Keep them; those we have already stay as they are."""
    await conn.execute(
        """
        insert into event (tenant_id, event_id, type, subject_id, occurred_at, body, stored_at)
        select $1, e.*, $7
        from unnest($2::uuid[], $3::text[], $4::uuid[], $5::timestamptz[], $6::text[]) as e
        on conflict do nothing
        """,
        tenant_id,
        [event.event_id for event in events],
        [event.type for event in events],
        [event.subject_id for event in events],
        [event.occurred_at for event in events],
        [event.body for event in events],
        now,
    )


async def load_bodies(
    conn: Connection, tenant_id: UUID, event_ids: Sequence[UUID]
) -> dict[UUID, str]:
    rows = await conn.fetch(
        "select event_id, body from event where tenant_id = $1 and event_id = any($2::uuid[])",
        tenant_id,
        list(event_ids),
    )
    return {row["event_id"]: row["body"] for row in rows}


async def oldest_kept(conn: Connection, tenant_id: UUID) -> datetime | None:
    """When the oldest event happened that we can still give."""
    oldest: datetime | None = await conn.fetchval(
        "select min(occurred_at) from event where tenant_id = $1", tenant_id
    )
    return oldest


async def events_between(
    conn: Connection,
    tenant_id: UUID,
    since: datetime,
    until: datetime,
    *,
    event_types: Sequence[str] | None,
    limit: int,
) -> list[KeptEvent]:
    """What happened in [since, until), oldest first; None means every type."""
    rows = await conn.fetch(
        """
        select event_id, type, subject_id from event
        where tenant_id = $1 and occurred_at >= $2 and occurred_at < $3
          and ($4::text[] is null or type = any($4))
        order by occurred_at, event_id limit $5
        """,
        tenant_id,
        since,
        until,
        None if event_types is None else list(event_types),
        limit,
    )
    return [KeptEvent(row["event_id"], row["type"], row["subject_id"]) for row in rows]


async def delete_events(conn: Connection, tenant_id: UUID, stored_before: datetime) -> None:
    """Forget old events, and with them their deliveries and attempts."""
    await conn.execute(
        "delete from event where tenant_id = $1 and stored_at < $2", tenant_id, stored_before
    )
