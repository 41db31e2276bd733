"""The relay against raw produce: the same events in the same batches, without a database.

The raw side starts from bytes that lie ready in memory; the relay reads its rows, makes these bytes
and deletes what was acknowledged.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer
from prometheus_client import REGISTRY

from bench import events
from bench.cpu import Spent
from bench.measure import Measure, of_runs
from bench.world import World
from billing_local.embedded_broker import EMBEDDED_PARTITIONS
from billing_shared import outbox
from billing_shared.broker import stop_client
from billing_shared.context import Actor, Context
from billing_shared.contracts import Event
from billing_shared.ids import new_id
from billing_shared.postgres import transaction
from billing_shared.relay import BATCH, Relay
from billing_shared.testing.database import ServiceDatabase
from billing_shared.topics import PARTITIONS

SERVICE = "invoice-svc"
EVENTS = 10_000
QUICK_EVENTS = 2_000
CUSTOMERS = 200
LOOK_SECONDS = 0.005
#: What research/performance.md asks of a relay.
BAR = 0.75

#: Topic, partition, key, value and headers of one event, as they go into a batch.
Ready = tuple[str, int, bytes, bytes, Sequence[tuple[str, bytes]]]


async def measure(world: World) -> list[Measure]:
    """A backlog of invoices: events per second, and per second of CPU."""
    count = world.size(EVENTS, QUICK_EVENTS)
    wall, cpu = [], []
    notes = ""
    for _ in range(world.rounds):
        some = events.invoices(events.customers(CUSTOMERS), count)
        raw = await _raw(world, some)
        database = await world.database(SERVICE)
        await _store(database, some)
        relayed = await _relay(world, database, count)
        wall.append(raw.wall / relayed.wall)
        cpu.append(raw.cpu / relayed.cpu)
        notes = (
            f"{_micros(relayed, count)} us of CPU per event, raw {_micros(raw, count)}; "
            f"{count / relayed.wall:,.0f} and {count / raw.wall:,.0f} events per second"
        )
    return [
        of_runs("relay / raw produce, events per second", wall, bar=BAR, note=notes),
        of_runs("relay / raw produce, events per CPU second", cpu, bar=BAR),
    ]


async def _store(database: ServiceDatabase, some: Sequence[Event]) -> None:
    """Fill the outbox, as so many bulk requests would."""
    context = Context(
        tenant_id=new_id(),
        actor=Actor("service", SERVICE),
        now=datetime.now(UTC),
        correlation_id=new_id(),
    )
    for first in range(0, len(some), BATCH):
        async with transaction(database.app_pool, context.tenant_id) as conn:
            await outbox.add(conn, context, some[first : first + BATCH])
    # A server at work has these; here nothing else would make them before the relay starts.
    admin = await asyncpg.connect(database.admin_dsn)
    try:
        await admin.execute("analyze")
    finally:
        await admin.close()


async def _relay(world: World, database: ServiceDatabase, count: int) -> Spent:
    relay = Relay(database.worker_dsn, SERVICE, await world.broker())
    stop, before = asyncio.Event(), _sent()
    with world.metered() as spent:
        running = asyncio.create_task(relay.run(stop))
        while _sent() - before < count:  # noqa: ASYNC110 - the relay tells its metrics only
            await asyncio.sleep(LOOK_SECONDS)
    stop.set()
    await running
    return spent


async def _raw(world: World, some: Sequence[Event]) -> Spent:
    broker = await world.broker()
    told = events.raws(some, new_id())
    partitions = EMBEDDED_PARTITIONS if broker.is_embedded else PARTITIONS
    ready = [
        (broker.topic(one.topic), at % partitions, one.key or b"", one.value or b"", one.headers)
        for at, one in enumerate(told)
    ]
    producer = broker.producer("raw")
    with world.metered() as spent:
        await producer.start()
        for first in range(0, len(ready), BATCH):
            await _produce(producer, ready[first : first + BATCH])
    await stop_client(producer)
    return spent


async def _produce(producer: AIOKafkaProducer, ready: Sequence[Ready]) -> None:
    batches: dict[tuple[str, int], Any] = {}
    for topic, partition, key, value, headers in ready:
        batch = batches.get((topic, partition))
        if batch is None:
            batch = batches[topic, partition] = producer.create_batch()
        assert batch.append(timestamp=None, key=key, value=value, headers=headers) is not None
    acks = [
        await producer.send_batch(batch, topic, partition=partition)
        for (topic, partition), batch in batches.items()
    ]
    await asyncio.gather(*acks)


def _sent() -> float:
    return REGISTRY.get_sample_value("billing_relay_sent_total", {"service": SERVICE}) or 0.0


def _micros(spent: Spent, count: int) -> str:
    return f"{spent.cpu / count * 1e6:.0f}"
