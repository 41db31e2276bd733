"""Applies what was read from the log: inbox rows, effects and offsets in one transaction."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar
from uuid import UUID

from billing_shared.clock import Clock
from billing_shared.context import Actor, Context
from billing_shared.contracts import Envelope, Event
from billing_shared.errors import Unavailable
from billing_shared.postgres import Connection, Pool, is_transient, set_tenant, transaction
from billing_shared.record import Place, Record

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Incoming(Generic[E]):
    """One event as it was read from the log.

    `value` is its JSON as it was sent: who passes an event on sends this, for a newer writer may
    say more than we know.
    """

    envelope: Envelope
    event: E
    value: bytes


#: One tenant's events of one type, in log order, to be applied in the transaction of `conn`, which
#: is set to that tenant. The context is that of the first event: pass `causes` to outbox.add to
#: name each one's own. A BillingError other than Unavailable makes a record that fails alone a dead
#: letter at once; any other error after five tries; a transient one is retried for ever.
Handler: TypeAlias = Callable[[Connection, Context, list[Incoming[Any]]], Awaitable[None]]
Handlers: TypeAlias = Mapping[type[Event], Handler]


class Overtaken(Exception):
    """Another consumer moved the offset meanwhile: it owns the partition, or did."""


_ADVANCE = """
update consumer_offset o
set next_offset = n.next_offset, last_record = n.last_record, changed_at = now()
from unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::text[])
    as n (topic, log_partition, expected, next_offset, last_record)
where o.consumer_group = $1 and o.topic = n.topic and o.log_partition = n.log_partition
    and o.next_offset = n.expected
"""
_REMEMBER = """
insert into inbox (consumer_group, event_id) select $1, unnest($2::uuid[])
on conflict do nothing returning event_id
"""


@dataclass(frozen=True, slots=True)
class Inbox:
    """The inbox of one consumer group, which is one service."""

    pool: Pool
    group: str
    handlers: Handlers
    clock: Clock

    async def apply(self, records: Sequence[Record], expected: Mapping[Place, int]) -> int:
        """Apply records that could be read, each partition's in order; all or nothing.

        `expected` is the next offset of each partition as it was last seen in the table. Returns
        how many were new. Raises Overtaken, or what a handler raised.
        """
        async with transaction(self.pool, None) as conn:
            await advance(conn, self.group, records, expected)
            fresh = await self.remember(conn, records)
            await self.handle(conn, fresh)
        return len(fresh)

    async def remember(self, conn: Connection, records: Sequence[Record]) -> list[Record]:
        """The records never had before, by event id; from now on they are had."""
        # Sorted, so that two consumers with the same repeats wait for each other in one order.
        ids = sorted({record.record_id for record in records})
        new = {row["event_id"] for row in await conn.fetch(_REMEMBER, self.group, ids)}
        fresh = []
        for record in records:
            if record.record_id in new:
                new.remove(record.record_id)
                fresh.append(record)
        return fresh

    async def handle(self, conn: Connection, records: Sequence[Record]) -> None:
        """Call the handlers: per tenant, and of each the types in order of first appearance."""
        tenants: dict[UUID, dict[type[Event], list[Incoming[Any]]]] = {}
        for record in records:
            envelope, event = record.contents()
            by_type = tenants.setdefault(envelope.tenant_id, {})
            incoming = Incoming(envelope, event, record.raw.value or b"")
            by_type.setdefault(type(event), []).append(incoming)
        # In one order, so that two consumers with the same tenants wait, and never for each other.
        for tenant_id, by_type in sorted(tenants.items()):
            await set_tenant(conn, tenant_id)
            for event_type, events in by_type.items():
                await self.handlers[event_type](conn, self._context(events[0].envelope), events)

    @staticmethod
    def is_chance(error: Exception) -> bool:
        """Whether the same records may be applied later, as they are."""
        return isinstance(error, Unavailable) or is_transient(error)

    def _context(self, envelope: Envelope) -> Context:
        return Context(
            tenant_id=envelope.tenant_id,
            actor=Actor("service", self.group),
            now=self.clock.now(),
            correlation_id=envelope.correlation_id,
            causation_id=envelope.id,
            traceparent=envelope.traceparent,
            reason=f"{envelope.type} {envelope.id}",
        )


async def advance(
    conn: Connection, group: str, records: Sequence[Record], expected: Mapping[Place, int]
) -> None:
    """Move the offsets past these records. The rows stay locked to the end of the transaction,
    which keeps out a consumer that lost the partition and does not know it yet.

    Raises Overtaken when an offset is not the expected one.
    """
    last = {record.place: record for record in records}
    places = sorted(last)
    done = await conn.execute(
        _ADVANCE,
        group,
        [topic for topic, _ in places],
        [partition for _, partition in places],
        [expected[place] for place in places],
        [last[place].offset + 1 for place in places],
        [str(last[place].record_id) for place in places],
    )
    if done != f"UPDATE {len(places)}":
        raise Overtaken(f"{done} of {len(places)} partitions")
