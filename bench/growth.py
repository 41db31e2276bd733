"""What look-ups of open items cost as their number grows: CPU of Postgres per look-up.

One database per size, filled by `generate_series`: one tenant, a fixed number of open items per
customer, scattered over the table as months scatter them. The sizes take turns in every round.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from statistics import quantiles
from time import perf_counter
from uuid import UUID

import asyncpg

from bench import consumer, events
from bench.cpu import cpu_seconds
from bench.growth_data import ITEMS_PER_CUSTOMER, amount_of, fill, invoice_of, payer_of
from bench.measure import Measure, of_runs
from bench.world import World
from billing_shared.postgres import Connection, transaction
from recon_svc.events import HANDLERS
from recon_svc.store import receivables
from recon_svc.store.group_facts import load_facts
from recon_svc.store.groups import Seeds, connected

SIZES = (10_000, 1_000_000, 5_000_000)
QUICK_SIZES = (1_000, 5_000, 20_000)
#: DESIGN 7: what the largest may cost, in terms of the smallest.
BAR = 1.5
LOOKUPS = 1_000
QUICK_LOOKUPS = 50
SETTLED = 200
QUICK_SETTLED = 20
PAGE = 50
GROUP_LIMIT = 500
WINDOW_DAYS = 14

_BY_REFERENCE = """
select o.item_id, o.open_minor from item_key k
  join open_item o on o.tenant_id = $1 and o.item_id = k.invoice_id
 where k.tenant_id = $1 and k.key_norm = $2
"""
_BY_AMOUNT = """
select item_id from open_item
 where tenant_id = $1 and customer_id = $2 and currency = 'EUR' and side = 'debit'
   and open_minor = $3
"""


@dataclass(frozen=True, slots=True)
class Grown:
    """A database with so many open items, and a consumer that goes on from there."""

    size: int
    consumer: consumer.Consumer

    @property
    def tenant_id(self) -> UUID:
        return self.consumer.tenant_id

    @property
    def customers(self) -> int:
        return self.size // ITEMS_PER_CUSTOMER


#: Looks up around the item of a number; returns how much was found.
Lookup = Callable[[Connection, Grown, int], Awaitable[int]]


async def _by_reference(conn: Connection, grown: Grown, number: int) -> int:
    key = f"INV2026{number:08d}"
    return len(await conn.fetch(_BY_REFERENCE, grown.tenant_id, key))


async def _by_amount(conn: Connection, grown: Grown, number: int) -> int:
    payer = payer_of(number, grown.customers)
    return len(await conn.fetch(_BY_AMOUNT, grown.tenant_id, payer, amount_of(number)))


async def _group(conn: Connection, grown: Grown, number: int) -> int:
    """As `settle_groups` does for an invoice of a payer, with all the payer's open items."""
    await conn.execute(
        "select set_config('enable_seqscan', 'off', true), "
        "set_config('plan_cache_mode', 'force_generic_plan', true)"
    )
    seeds = Seeds(invoices={invoice_of(number)}, payers={payer_of(number, grown.customers)})
    reach = await connected(
        conn, grown.tenant_id, seeds, group_limit=GROUP_LIMIT, window_days=WINDOW_DAYS
    )
    known = await load_facts(
        conn, grown.tenant_id, reach.components, reach.crowded, posting_stopped=False
    )
    return len(known.invoices)


def _list(narrow: Callable[[Grown, int], receivables.Filter]) -> Lookup:
    async def look(conn: Connection, grown: Grown, number: int) -> int:
        rows = await receivables.items(
            conn,
            grown.tenant_id,
            narrow(grown, number),
            after=None,
            updated_after=None,
            limit=PAGE,
        )
        return len(rows)

    return look


async def _tail(conn: Connection, grown: Grown, number: int) -> int:  # noqa: ARG001
    rows = await receivables.items(
        conn,
        grown.tenant_id,
        receivables.Filter(),
        after=None,
        updated_after=datetime.now(UTC) - timedelta(minutes=1),
        limit=PAGE,
    )
    return 1 + len(rows)


LOOKUPS_BY_NAME: dict[str, Lookup] = {
    "by reference": _by_reference,
    "by payer and amount": _by_amount,
    "group of a payer": _group,
    "list, first page": _list(lambda *_: receivables.Filter()),
    "list, what changed since": _tail,
    "list, one item": _list(lambda _, n: receivables.Filter(item_id=invoice_of(n))),
    "list, a customer": _list(
        lambda grown, n: receivables.Filter(customer_id=payer_of(n, grown.customers))
    ),
    "list, a customer, overdue": _list(
        lambda grown, n: receivables.Filter(
            customer_id=payer_of(n, grown.customers), due_before=date(2026, 7, 1)
        )
    ),
    "list, a customer, with closed": _list(
        lambda grown, n: receivables.Filter(customer_id=payer_of(n, grown.customers), state="any")
    ),
}


async def measure(world: World) -> list[Measure]:
    """CPU per look-up at each size; then what settling one payment takes."""
    sizes = QUICK_SIZES if world.is_quick else SIZES
    grown = [await _grow(world, size) for size in sizes]
    micros: dict[str, list[list[float]]] = {name: [] for name in LOOKUPS_BY_NAME}
    for _ in range(world.rounds):
        for name, look in LOOKUPS_BY_NAME.items():
            micros[name].append([await _cost(world, one, look) for one in grown])
    settled = [await _settle(world, one) for one in grown]
    return [*(_told(name, sizes, rows) for name, rows in micros.items()), *_settling(settled)]


def _told(name: str, sizes: Sequence[int], rows: Sequence[Sequence[float]]) -> Measure:
    costs = ", ".join(
        f"{size:,}: {min(row[at] for row in rows):.0f}" for at, size in enumerate(sizes)
    )
    return of_runs(
        f"{name}, {sizes[-1]:,} / {sizes[0]:,} open items",
        [row[-1] / row[0] for row in rows],
        bar=BAR,
        wants="at-most",
        note=f"us of Postgres CPU per look-up at {costs}",
    )


async def _grow(world: World, size: int) -> Grown:
    one = await consumer.open_consumer(world, HANDLERS)
    admin = await asyncpg.connect(one.database.admin_dsn)
    try:
        await fill(admin, one.tenant_id, size)
    finally:
        await admin.close()
    return Grown(size, one)


async def _cost(world: World, grown: Grown, look: Lookup) -> float:
    """Microseconds of Postgres per look-up, at random places, in one transaction."""
    random = Random(grown.size)  # noqa: S311 - the same places every time
    count = world.size(LOOKUPS, QUICK_LOOKUPS)
    numbers = [random.randrange(grown.size) for _ in range(count)]
    pid = world.postgres.pid
    assert pid is not None
    async with transaction(grown.consumer.database.app_pool, grown.tenant_id) as conn:
        for number in numbers[:20]:
            assert await look(conn, grown, number)
        before = cpu_seconds(pid)
        for number in numbers:
            await look(conn, grown, number)
        return max(cpu_seconds(pid) - before, 0.01) / count * 1e6


async def _settle(world: World, grown: Grown) -> list[float]:
    """Milliseconds of wall time for each payment that is consumed alone."""
    count = world.size(SETTLED, QUICK_SETTLED)
    random = Random(grown.size)  # noqa: S311
    numbers = random.sample(range(grown.size), count)
    raws = grown.consumer.raws(
        [
            events.payment(
                f"INV-2026-{number:08d}",
                amount_of(number),
                events.account(number % grown.customers),
            )
            for number in numbers
        ]
    )
    took = []
    for raw in raws:
        began = perf_counter()
        await grown.consumer.take([raw], 1)
        took.append((perf_counter() - began) * 1e3)
    return took


def _settling(settled: Sequence[Sequence[float]]) -> list[Measure]:
    cuts = [quantiles(each, n=100) for each in settled]
    return [
        of_runs(
            f"settling one payment, p{at}, largest / smallest",
            [cuts[-1][at - 1] / cuts[0][at - 1]],
            wants="at-most",
            note="ms: " + ", ".join(f"{cut[at - 1]:.1f}" for cut in cuts),
        )
        for at in (50, 99)
    ]
