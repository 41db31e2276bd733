"""Batches against single events: the same consumer code applies the same events to the same
handlers, 500 to a transaction and one to a transaction.

What is timed starts at the bytes of the log and ends at the commit; fetching is the same for both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from bench import events
from bench.measure import Measure, of_runs
from bench.world import World
from billing_shared.batch import Batches
from billing_shared.clock import SystemClock
from billing_shared.context import Context
from billing_shared.contracts import Event
from billing_shared.contracts.invoice import CustomerUpdated, InvoiceIssued
from billing_shared.dead_letter import Rate
from billing_shared.ids import new_id
from billing_shared.inbox import Handlers, Inbox, Incoming
from billing_shared.positions import Position, load
from billing_shared.postgres import Connection, transaction
from billing_shared.record import Place, Raw, read_record
from billing_shared.testing.database import ServiceDatabase
from recon_svc.events import HANDLERS

BATCH = 500
BATCHED = 10_000
QUICK_BATCHED = 1_000
SINGLE = 500
QUICK_SINGLE = 60
CUSTOMERS = 200
#: What research/performance.md 5 asks of a batch.
BAR = 10.0
GROUP = "recon-svc"

#: Three rows per event, as the prototype of the research posted: the inbox, and what it feeds.
_PLAIN_TABLE = """
create table recon.bench_entry (tenant_id uuid not null, invoice_id uuid not null,
    line_no int not null, amount_minor bigint not null, primary key (invoice_id, line_no));
grant insert on recon.bench_entry to recon_relay
"""
_PLAIN_POST = """
insert into bench_entry (tenant_id, invoice_id, line_no, amount_minor)
select $1, e.invoice_id, l.line_no, l.sign * e.amount_minor
  from unnest($2::uuid[], $3::bigint[]) e (invoice_id, amount_minor),
       (values (1, 1), (2, -1), (3, 0)) l (line_no, sign)
"""


async def post_plainly(
    conn: Connection, context: Context, incoming: Sequence[Incoming[InvoiceIssued]]
) -> None:
    """The least a consumer with a ledger can do."""
    invoices = [one.event for one in incoming]
    await conn.execute(
        _PLAIN_POST,
        context.tenant_id,
        [invoice.invoice_id for invoice in invoices],
        [invoice.gross_minor for invoice in invoices],
    )


PLAIN: Handlers = {InvoiceIssued: post_plainly}


@dataclass
class Consumer:
    """The consumer from the bytes of a record on: its batches, its place in each log."""

    database: ServiceDatabase
    batches: Batches
    places: dict[Place, Position]
    tenant_id: UUID

    async def take(self, raws: Sequence[Raw], size: int) -> None:
        """Apply records in transactions of `size`."""
        for first in range(0, len(raws), size):
            records = [read_record(raw) for raw in raws[first : first + size]]
            await self.batches.process(records, self.places)

    async def analyze(self) -> None:
        """Statistics of what is there by now."""
        admin = await asyncpg.connect(self.database.admin_dsn)
        try:
            await admin.execute("analyze")
        finally:
            await admin.close()

    def raws(self, some: Sequence[Event]) -> list[Raw]:
        """Events of one type as the log would tell them next."""
        return events.raws(some, self.tenant_id, first=self.places[some[0].type, 0].next)


async def measure(world: World) -> list[Measure]:
    """Wall and CPU, with a plain handler and with those of recon-svc."""
    many, few = world.size(BATCHED, QUICK_BATCHED), world.size(SINGLE, QUICK_SINGLE)
    runs: dict[str, list[tuple[float, float, float]]] = {}
    for _ in range(world.rounds):
        plain = await open_consumer(world, PLAIN)
        payers = events.customers(CUSTOMERS)
        some = events.invoices(payers, few + many)
        recon = await open_consumer(world, HANDLERS)
        await recon.take(recon.raws(payers), BATCH)
        for name, consumer, read in (
            ("plain handler", plain, some),
            ("invoices into recon-svc", recon, some),
            ("payments into recon-svc", recon, events.payments(some, payers)),
        ):
            runs.setdefault(name, []).append(await _compare(world, consumer, read, few))
    return [one for name, each in runs.items() for one in _told(name, each)]


def _told(name: str, runs: Sequence[tuple[float, float, float]]) -> list[Measure]:
    micros = min(batch for _, _, batch in runs)
    return [
        of_runs(
            f"{name}: batches of {BATCH} / one per transaction, events per second",
            [wall for wall, _, _ in runs],
            bar=BAR,
            note=f"{micros:.0f} us of CPU per event in batches",
        ),
        of_runs(f"{name}: the same, events per CPU second", [cpu for _, cpu, _ in runs], bar=None),
    ]


async def _compare(
    world: World, consumer: Consumer, some: Sequence[Event], few: int
) -> tuple[float, float, float]:
    """Wall ratio, CPU ratio, and microseconds of CPU per event in batches.

    Each side works on half of its events before the other has its turn, so that neither has the
    smaller tables.
    """
    wall, cpu, count = {1: 0.0, BATCH: 0.0}, {1: 0.0, BATCH: 0.0}, {1: few, BATCH: len(some) - few}
    at = 0
    for _ in range(2):
        # As autovacuum does every minute; here all is over before it wakes.
        await consumer.analyze()
        for size in (1, BATCH):
            part = some[at : at + count[size] // 2]
            at += len(part)
            told = consumer.raws(part)
            with world.metered() as spent:
                await consumer.take(told, size)
            wall[size] += spent.wall / (count[size] // 2) / 2
            cpu[size] += spent.cpu / (count[size] // 2) / 2
    return wall[1] / wall[BATCH], cpu[1] / cpu[BATCH], cpu[BATCH] * 1e6


async def open_consumer(world: World, handlers: Handlers) -> Consumer:
    """A consumer of recon-svc on a fresh database, of one tenant, at the begin of every log."""
    database = await world.database(GROUP)
    admin = await asyncpg.connect(database.admin_dsn)
    try:
        await admin.execute(_PLAIN_TABLE)
    finally:
        await admin.close()
    inbox = Inbox(database.worker_pool, GROUP, handlers, SystemClock())
    topics = {CustomerUpdated.type, *(event.type for event in handlers)}
    begins = {(topic, 0): 0 for topic in topics}
    async with transaction(database.worker_pool, None) as conn:
        await load(conn, GROUP, begins)
    places = {place: Position(0) for place in begins}
    return Consumer(database, Batches(inbox, Rate()), places, new_id())
