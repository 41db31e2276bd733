"""From commit to consumed at a steady rate, against the broker's own way from produce to consume.

One process does it all: it writes events into an outbox, a few per transaction, the relay and the
consumer of the services carry them, and a handler notes when they arrive. The broker's own way is
measured right before, with a producer and a consumer of the same settings and the same events.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from statistics import median, quantiles
from uuid import UUID

from bench import events
from bench.measure import Measure, of_runs
from bench.world import World
from billing_shared import outbox
from billing_shared.broker import Broker, stop_client
from billing_shared.consumer import Consumer
from billing_shared.context import Actor, Context
from billing_shared.contracts import Event
from billing_shared.contracts.invoice import InvoiceIssued
from billing_shared.ids import new_id
from billing_shared.inbox import Incoming
from billing_shared.postgres import Connection, transaction
from billing_shared.relay import Relay
from billing_shared.testing.database import ServiceDatabase

RATES = (200, 1_000)
SECONDS = 10
QUICK_SECONDS = 2
#: Transactions per second at most: above, each carries several events, as bulk requests do.
TRANSACTIONS = 100
#: Until the group has settled and every client has met every partition.
WARM_EVENTS = 100
WARM_SECONDS = 60
#: What research/performance.md asks for.
BAR = 2.0


class Times:
    """When events left and arrived, by the id of their aggregate."""

    def __init__(self) -> None:
        self._left: dict[UUID, float] = {}
        self._took: dict[UUID, float] = {}

    def leave(self, ids: Sequence[UUID]) -> None:
        """They are committed, or given to the producer, now."""
        now = time.perf_counter()
        self._left.update(dict.fromkeys(ids, now))

    def arrive(self, id_: UUID) -> None:
        """It takes effect now. One that arrives before its commit returned took nothing."""
        now = time.perf_counter()
        self._took.setdefault(id_, now - self._left.get(id_, now))

    async def all_here(self, count: int) -> list[float]:
        """Milliseconds of each, once so many have arrived; TimeoutError if they do not."""
        async with asyncio.timeout(WARM_SECONDS):
            while len(self._took) < count:  # noqa: ASYNC110 - looked at between measurements only
                await asyncio.sleep(0.05)
        return [took * 1e3 for took in self._took.values()]


#: Sends some events and says to Times when they left.
Send = Callable[[Sequence[Event], Times], Coroutine[None, None, None]]


async def measure(world: World) -> list[Measure]:
    """p50 of both ways at each rate."""
    ratios: dict[int, list[float]] = {rate: [] for rate in RATES}
    notes: dict[int, str] = {}
    for _ in range(world.rounds):
        for rate in RATES:
            own = await _brokers_own(world, rate)
            ours = await _ours(world, rate)
            ratios[rate].append(median(ours) / median(own))
            notes[rate] = f"p50 and p99 in ms: ours {_two(ours)}, the broker's {_two(own)}"
    return [
        of_runs(
            f"commit to consumed / produce to consumed at {rate:,} per second, p50",
            each,
            bar=BAR,
            wants="at-most",
            note=f"{notes[rate]} (last round)",
        )
        for rate, each in ratios.items()
    ]


def _two(took: Sequence[float]) -> str:
    return f"{median(took):.1f} and {quantiles(took, n=100)[98]:.1f}"


async def _ours(world: World, rate: int) -> list[float]:
    """Through outbox, relay, broker, consumer and inbox."""
    database, broker = await world.database("recon-svc"), await world.broker()
    tenant_id, wake, stop, times = new_id(), asyncio.Event(), asyncio.Event(), [Times()]

    async def note(_: Connection, __: Context, incoming: Sequence[Incoming[InvoiceIssued]]) -> None:
        for one in incoming:
            times[0].arrive(one.event.invoice_id)

    async def send(some: Sequence[Event], to: Times) -> None:
        await _commit(database, tenant_id, some)
        to.leave([event.aggregate_id for event in some])
        wake.set()

    relay = Relay(database.worker_dsn, "recon-svc", broker, wake=wake)
    consumer = Consumer(database.worker_pool, "recon-svc", {InvoiceIssued: note}, broker)
    running = [asyncio.create_task(loop.run(stop)) for loop in (relay, consumer)]
    try:
        return await _steady(world, rate, send, times)
    finally:
        stop.set()
        await asyncio.gather(*running)


async def _commit(database: ServiceDatabase, tenant_id: UUID, some: Sequence[Event]) -> None:
    context = Context(
        tenant_id=tenant_id,
        actor=Actor("service", "bench"),
        now=datetime.now(UTC),
        correlation_id=new_id(),
    )
    async with transaction(database.app_pool, tenant_id) as conn:
        await outbox.add(conn, context, some)


async def _brokers_own(world: World, rate: int) -> list[float]:
    """The same events by a producer's batches, and read by a bare loop."""
    broker, times = await world.broker(), [Times()]
    producer = broker.producer("own")
    await producer.start()
    reading = asyncio.create_task(_read(broker, times))

    async def send(some: Sequence[Event], to: Times) -> None:
        told = events.raws(some, UUID(int=0))
        to.leave([event.aggregate_id for event in some])
        acks = [
            await producer.send(broker.topic(one.topic), one.value, one.key, headers=one.headers)
            for one in told
        ]
        await asyncio.gather(*acks)

    try:
        return await _steady(world, rate, send, times)
    finally:
        reading.cancel()
        await asyncio.wait({reading})
        await stop_client(producer)


async def _read(broker: Broker, times: Sequence[Times]) -> None:
    consumer = broker.consumer(f"own-{new_id().hex[-8:]}")
    await consumer.start()
    try:
        consumer.subscribe([broker.topic(InvoiceIssued.type)])
        while True:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    times[0].arrive(UUID(record.key.decode()))
    finally:
        await stop_client(consumer)


async def _steady(world: World, rate: int, send: Send, times: list[Times]) -> list[float]:
    """Send at a steady rate, whatever the answers take; milliseconds per event."""
    payers = events.customers(50)
    await send(events.invoices(payers, WARM_EVENTS), times[0])
    await times[0].all_here(WARM_EVENTS)
    times[0] = Times()
    count = rate * world.size(SECONDS, QUICK_SECONDS)
    each = max(1, rate // TRANSACTIONS)
    some = events.invoices(payers, count)
    sending: list[asyncio.Task[None]] = []
    began = time.perf_counter()
    for first in range(0, count, each):
        await asyncio.sleep(max(0.0, began + first / rate - time.perf_counter()))
        sending.append(asyncio.create_task(send(some[first : first + each], times[0])))
    await asyncio.gather(*sending)
    return await times[0].all_here(count)
