"""A producing and a consuming service on one broker, for tests of the mechanics."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from billing_shared import outbox
from billing_shared.broker import Broker
from billing_shared.consumer import Consumer
from billing_shared.context import Context
from billing_shared.contracts import Event
from billing_shared.ids import new_id
from billing_shared.inbox import Handlers, Incoming
from billing_shared.postgres import Connection, transaction
from billing_shared.relay import Relay
from billing_shared.testing.broker import until
from billing_shared.testing.database import ServiceDatabase
from billing_shared.testing.sample import a_context

EFFECTS = """
create table effect (
    tenant_id uuid not null, event_id uuid not null, aggregate_id uuid not null,
    sequence bigint not null, place bigint generated always as identity
);
select protect('effect');
"""


@dataclass
class Pair:
    """invoice-svc publishes, recon-svc consumes; an effect is one row per event applied, without a
    unique key, so that a double would show."""

    producer: ServiceDatabase
    consumer: ServiceDatabase
    broker: Broker
    context: Context = field(default_factory=a_context)

    async def publish(self, events: Sequence[Event]) -> list[UUID]:
        async with transaction(self.producer.app_pool, self.context.tenant_id) as conn:
            return await outbox.add(conn, self.context, events)

    async def until_applied(self, ids: Sequence[UUID]) -> None:
        """Wait until all of these have taken effect, and none twice."""

        async def applied() -> bool:
            return set(ids) <= set(await self.effects())

        await until(applied, seconds=60)
        found = await self.effects()
        assert len(found) == len(set(found)), "an event took effect twice"

    def consumer_of(self, group: str, handlers: Handlers) -> Consumer:
        return Consumer(self.consumer.worker_pool, group, handlers, self.broker)

    def process_argv(self, group: str) -> list[str]:
        """A relay and a consumer as a process that can be killed or frozen."""
        return [
            sys.executable,
            "-m",
            "billing_shared.testing.pair_process",
            self.producer.worker_dsn,
            self.consumer.worker_dsn,
            self.broker.bootstrap_servers,
            self.broker.topic_prefix,
            str(self.broker.is_embedded),
            group,
        ]

    def relay(self) -> Relay:
        return Relay(self.producer.worker_dsn, "invoice-svc", self.broker)

    async def pending(self) -> int:
        count: int = await self.producer.worker_pool.fetchval("select count(*) from outbox_pending")
        return count

    async def effects(self) -> list[UUID]:
        async with transaction(self.consumer.app_pool, self.context.tenant_id) as conn:
            rows = await conn.fetch("select event_id from effect order by place")
        return [row["event_id"] for row in rows]

    async def sequences(self, aggregate_id: UUID) -> list[int]:
        """Of the effects of one aggregate, in the order in which they took place."""
        async with transaction(self.consumer.app_pool, self.context.tenant_id) as conn:
            rows = await conn.fetch(
                "select sequence from effect where aggregate_id = $1 order by place", aggregate_id
            )
        return [row["sequence"] for row in rows]

    async def dead_letters(self) -> list[asyncpg.Record]:
        return await self.consumer.worker_pool.fetch("select * from dead_letter order by died_at")


async def record_effects(conn: Connection, context: Context, incoming: list[Incoming[Any]]) -> None:
    """A handler: one row per event."""
    await conn.execute(
        "insert into effect (tenant_id, event_id, aggregate_id, sequence) "
        "select $1, * from unnest($2::uuid[], $3::uuid[], $4::bigint[])",
        context.tenant_id,
        [i.envelope.id for i in incoming],
        [i.event.aggregate_id for i in incoming],
        [i.envelope.sequence for i in incoming],
    )


async def make_pair(
    service_database: Callable[[str, str], Awaitable[ServiceDatabase]],
    bootstrap: str,
    *,
    is_embedded: bool,
) -> Pair:
    """Two fresh databases, and topics of their own names on that broker, which are not made yet."""
    producer = await service_database("invoice-svc", "billing_shared")
    consumer = await service_database("recon-svc", "billing_shared")
    conn = await asyncpg.connect(consumer.admin_dsn)
    await conn.execute("set search_path = recon; set role recon_owner")
    await conn.execute(EFFECTS)
    await conn.close()
    here = Broker(bootstrap, topic_prefix=f"t{new_id().hex[-12:]}-", is_embedded=is_embedded)
    return Pair(producer, consumer, here)
