"""Bulk end to end: NDJSON over HTTP -> outbox -> relay -> topic -> recon-svc -> ledger posted.

CPU of all processes, Postgres and the broker per invoice, against the floor (floor.py) in turns.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median

import asyncpg

from bench.company import a_key, an_invoice, set_up, to_bytes
from bench.cpu import Spent
from bench.floor import Floor, written
from bench.load import a_request, send
from bench.measure import Measure, of_runs
from bench.system import System, running
from bench.world import World

SERVICES = ("invoice-svc", "recon-svc")
PROCESSES = ["invoice-svc/api", "invoice-svc/worker", "recon-svc/worker"]
PER_REQUEST = 1000
REQUESTS = 20
QUICK_REQUESTS = 3
#: Requests on the way at once: while one waits for the database the next is read.
CONNECTIONS = 2
#: Of DESIGN 7, and what it hopes for.
BAR = 0.20
REST_SECONDS = 120
LOOK_SECONDS = 0.05

_POSTED = "select count(*) from recon.invoice_fact"
#: Nothing on its way: neither events the broker lacks nor audit entries unsealed.
_WAITING = """
select (select count(*) from {0}.outbox_pending) + (select count(*) from {0}.audit_unsealed)
"""


@dataclass
class Ends:
    """Where the way begins and ends, looked at from outside."""

    system: System
    conns: dict[str, "asyncpg.Connection[asyncpg.Record]"]

    async def count(self) -> int:
        """Invoices in the ledger."""
        return int(await self.conns["recon-svc"].fetchval(_POSTED))

    async def posted(self, count: int) -> None:
        """Until so many invoices stand in the ledger."""
        await self._until(lambda: self._has_posted(count), f"{count} invoices in the ledger")

    async def at_rest(self) -> None:
        """Until nothing is on its way any more."""
        await self._until(self._is_at_rest, "rest")

    async def _has_posted(self, count: int) -> bool:
        return await self.count() >= count

    async def _is_at_rest(self) -> bool:
        for service, conn in self.conns.items():
            if await conn.fetchval(_WAITING.format(service.removesuffix("-svc"))):
                return False
        return True

    async def _until(self, fact: Callable[[], Awaitable[bool]], what: str) -> None:
        deadline = time.monotonic() + REST_SECONDS
        while time.monotonic() < deadline:
            if await fact():
                return
            await asyncio.sleep(LOOK_SECONDS)
        raise RuntimeError(f"not within {REST_SECONDS} s: {what}")


async def measure(world: World) -> list[Measure]:
    """CPU and wall of the floor by those of the whole way."""
    requests = world.size(REQUESTS, QUICK_REQUESTS)
    count = requests * PER_REQUEST
    real: list[Spent] = []
    bare: list[Spent] = []
    async with running(world, PROCESSES) as system:
        customers = await set_up(system)
        conns = {s: await asyncpg.connect(d.admin_dsn) for s, d in system.databases.items()}
        ends = Ends(system, conns)
        await ends.at_rest()
        before = [await written(system.databases[s], s) for s in SERVICES]
        await _way(world, ends, customers, requests)  # to warm up, and to see what is written
        after = [await written(system.databases[s], s) for s in SERVICES]
        (had, writer), (also, reader) = (a.since(b) for a, b in zip(after, before, strict=True))
        floor = Floor(world, (had, also), writer, reader)
        for _ in range(world.rounds):
            async with floor.ready() as work:
                with world.metered() as spent:
                    await work()
            bare.append(spent)
            real.append(await _way(world, ends, customers, requests))
        for conn in conns.values():
            await conn.close()
    told = "; ".join((f"way {_per(real, count)}", f"floor {_per(bare, count)}"))
    return [
        of_runs(
            "bulk end to end: CPU of the floor / CPU of the way",
            [low.cpu / high.cpu for low, high in zip(bare, real, strict=True)],
            bar=BAR,
            note=f"us per invoice: {told}",
        ),
        of_runs(
            "bulk end to end: wall of the floor / wall of the way",
            [low.wall / high.wall for low, high in zip(bare, real, strict=True)],
            note=f"{len(writer.tables) + len(reader.tables)} tables, {count} invoices",
        ),
    ]


async def _way(world: World, ends: Ends, customers: list[str], requests: int) -> Spent:
    """Send so many requests, and wait until all is posted (wall) and at rest (CPU)."""
    system = ends.system
    headers = {"Content-Type": "application/x-ndjson", **system.headers()}
    sent = [
        a_request("/v1/invoices:bulk", _body(customers, number), headers | a_key())
        for number in range(requests)
    ]
    until = await ends.count() + requests * PER_REQUEST
    with world.metered(system.pids()) as spent:
        began = time.perf_counter()
        answers = await send(system.url("invoice-svc"), sent, CONNECTIONS)
        await ends.posted(until)
        wall = time.perf_counter() - began
        await ends.at_rest()
    spent.wall = wall
    refused = sum(a.body.count(b'"code"') for a in answers)
    assert not refused, f"{refused} lines were refused"
    return spent


def _body(customers: list[str], request: int) -> bytes:
    first = request * PER_REQUEST
    numbers = range(first, first + PER_REQUEST)
    return b"\n".join(to_bytes(an_invoice(customers[n % len(customers)], n)) for n in numbers)


def _per(spent: list[Spent], count: int) -> str:
    parts = {name: median(s.parts[name] for s in spent) / count * 1e6 for name in spent[0].parts}
    parted = ", ".join(f"{name} {micros:.0f}" for name, micros in parts.items())
    return f"{sum(parts.values()):.0f} ({parted})"
