"""The relay against raw produce: the same events, 500 at a time, without a database.

Raw is what a program with the same client and settings would do: `send` for each event, the
client finds the partition, all acknowledgements awaited. Told beside it, without a bar: batches
that were filled by hand for partitions known beforehand. Both start from bytes that lie ready in
memory; the relay reads its rows, makes these bytes and deletes what was acknowledged.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer

from bench import events
from bench.cpu import Spent
from bench.measure import Measure, of_runs
from bench.world import World
from billing_shared import metrics, outbox
from billing_shared.broker import Broker, stop_client
from billing_shared.context import Actor, Context
from billing_shared.contracts import Event
from billing_shared.ids import new_id
from billing_shared.postgres import transaction
from billing_shared.relay import BATCH, Relay
from billing_shared.testing.database import ServiceDatabase

SERVICE = "invoice-svc"
EVENTS = 20_000
QUICK_EVENTS = 2_000
CUSTOMERS = 200
LOOK_SECONDS = 0.01
#: What research/performance.md asks of a relay.
BAR = 0.75

#: Topic, key, value and headers of one event.
Ready = tuple[str, bytes | None, bytes | None, Sequence[tuple[str, bytes]]]
Produce = Callable[[AIOKafkaProducer, Sequence[Ready]], Awaitable[None]]


async def measure(world: World) -> list[Measure]:
    """A backlog of invoices: events per second, and per second of CPU."""
    count = world.size(EVENTS, QUICK_EVENTS)
    spent: dict[str, list[Spent]] = {"relay": [], "raw": [], "filled": []}
    for _ in range(world.rounds):
        some = events.invoices(events.customers(CUSTOMERS), count)
        broker = await world.broker()
        # A topic that was just made has no leaders yet.
        await _raw(world, broker, some[:BATCH], _send)
        spent["raw"].append(await _raw(world, broker, some, _send))
        spent["filled"].append(await _raw(world, broker, some, _fill))
        database = await world.database(SERVICE)
        await _store(database, some)
        spent["relay"].append(await _relay(world, broker, database, count))
    wall = {name: [one.wall for one in each] for name, each in spent.items()}
    cpu = {name: [one.cpu for one in each] for name, each in spent.items()}
    rates = ", ".join(f"{name} {count / min(each):,.0f}" for name, each in wall.items())
    micros = ", ".join(f"{name} {min(each) / count * 1e6:.0f}" for name, each in cpu.items())
    return [
        of_runs(
            "relay / raw produce, events per second",
            _ratios(wall["raw"], wall["relay"]),
            bar=BAR,
            note=f"events per second: {rates}",
        ),
        of_runs(
            "relay / raw produce, events per CPU second",
            _ratios(cpu["raw"], cpu["relay"]),
            note=f"us of CPU per event, with Postgres and broker: {micros}",
        ),
        of_runs(
            "relay / batches filled by hand, events per second",
            _ratios(wall["filled"], wall["relay"]),
        ),
    ]


def _ratios(these: Sequence[float], those: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(these, those, strict=True)]


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


async def _relay(world: World, broker: Broker, database: ServiceDatabase, count: int) -> Spent:
    relay = Relay(database.worker_dsn, SERVICE, broker)
    stop, before = asyncio.Event(), _sent()
    with world.metered() as spent:
        running = asyncio.create_task(relay.run(stop))
        while _sent() - before < count:  # noqa: ASYNC110 - the relay tells its metrics only
            await asyncio.sleep(LOOK_SECONDS)
    stop.set()
    await running
    return spent


async def _raw(world: World, broker: Broker, some: Sequence[Event], produce: Produce) -> Spent:
    told = events.raws(some, new_id())
    ready = [(broker.topic(one.topic), one.key, one.value, one.headers) for one in told]
    producer = broker.producer("raw")
    await producer.start()
    with world.metered() as spent:
        for first in range(0, len(ready), BATCH):
            await produce(producer, ready[first : first + BATCH])
    await stop_client(producer)
    return spent


async def _send(producer: AIOKafkaProducer, ready: Sequence[Ready]) -> None:
    acks = [
        await producer.send(topic, value, key, headers=headers)
        for topic, key, value, headers in ready
    ]
    await asyncio.gather(*acks)


async def _fill(producer: AIOKafkaProducer, ready: Sequence[Ready]) -> None:
    batches: dict[tuple[str, int], Any] = {}
    partitions = len(await producer.partitions_for(ready[0][0]))
    for at, (topic, key, value, headers) in enumerate(ready):
        place = topic, at % partitions
        batch = batches.get(place)
        if batch is None:
            batch = batches[place] = producer.create_batch()
        assert batch.append(timestamp=None, key=key, value=value, headers=headers) is not None
    acks = [
        await producer.send_batch(batch, topic, partition=partition)
        for (topic, partition), batch in batches.items()
    ]
    await asyncio.gather(*acks)


def _sent() -> float:
    [told] = metrics.RELAY_SENT.labels(SERVICE).collect()
    return next(sample.value for sample in told.samples if sample.name.endswith("_total"))
