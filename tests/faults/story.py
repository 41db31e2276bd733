"""The crash story: months of business on a system under fire, and the same on one left in peace.

python -m faults.story --seed 7 --months 10      # from tests/, as `make faults` does
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from random import Random
from uuid import UUID

import asyncpg
from rich.console import Console
from rich.table import Table

from billing_local.doors import Doors
from billing_local.month.compare import compare
from billing_local.month.generate import make_month
from billing_local.month.model import TenantMonth
from billing_local.month.run import play
from faults import checker
from faults.books import Books, books, differences
from faults.client import PatientTransport, patient_client
from faults.history import History
from faults.machine import Machine
from faults.nemesis import Nemesis

FIRST_ON = date(2026, 3, 1)
#: All lag must be gone so soon after the last fault, in seconds.
DRAIN_SECONDS = 60.0
LOOK_EVERY_SECONDS = 1.0
#: How many lines of evidence are shown.
SHOWN = 20

Plan = Mapping[str, int]
#: In CI: a little of everything.
SHORT: Plan = {
    "processes killed": 12,
    "processes stopped and continued": 3,
    "Postgres restarted at once": 2,
    "Postgres backends ended": 3,
    "broker frozen": 1,
    "broker killed": 1,
    "broker lost its log": 1,
    "connections cut": 4,
    "connections delayed": 3,
    "connections half-open": 2,
    "answers to COMMIT lost": 10,
    "transactions left open": 2,
    "poison records": 6,
    "members in a rebalance storm": 1,
}
LONG: Plan = {
    "processes killed": 100,
    "processes stopped and continued": 50,
    "Postgres restarted at once": 10,
    "Postgres backends ended": 20,
    "broker frozen": 10,
    "broker killed": 3,
    "broker lost its log": 1,
    "connections cut": 40,
    "connections delayed": 20,
    "connections half-open": 10,
    "connections dead without a word": 8,
    "answers to COMMIT lost": 100,
    "transactions left open": 10,
    "poison records": 60,
    "members in a rebalance storm": 8,
}


@dataclass(frozen=True, slots=True)
class Size:
    """How much business, and how much fire: `months` of this `scale`, the plan spread over
    `seconds`."""

    months: int
    scale: float
    plan: Plan
    seconds: float


SHORT_SIZE = Size(months=1, scale=0.6, plan=SHORT, seconds=60)
LONG_SIZE = Size(months=10, scale=1.0, plan=LONG, seconds=900)


@dataclass(slots=True)
class Told:
    """What came of it: `wrong` is empty when all holds, `figures` is for the table."""

    wrong: list[str]
    figures: dict[str, object]


async def tell(folder: Path, seed: int, size: Size, console: Console) -> Told:
    """Run the workload undisturbed, run it under fire, and check everything. The history of the
    second is `history.jsonl` in the folder."""
    months = [
        month
        for number in range(size.months)
        for month in make_month(seed * 1000 + number, FIRST_ON, size.scale)
    ]
    began = time.monotonic()
    calm = await _in_peace(folder / "calm", months)
    console.print(f"undisturbed: {time.monotonic() - began:.0f} s")
    told = await _under_fire(folder / "fire", seed, size, months, calm, console)
    told.figures["wall time, undisturbed run included"] = f"{time.monotonic() - began:.0f} s"
    return told


async def _in_peace(folder: Path, months: Sequence[TenantMonth]) -> Books:
    folder.mkdir(mode=0o711, parents=True)
    history = History(folder / "history.jsonl")
    async with Machine(folder, history) as machine:
        await play(machine.stack, months, Console(quiet=True))
        async with asyncio.timeout(DRAIN_SECONDS):
            while await checker.unsettled(machine.stack.admin_dsn):
                await asyncio.sleep(LOOK_EVERY_SECONDS)
        return await books(machine.stack.admin_dsn, [m.seller.tenant_id for m in months])


async def _under_fire(
    folder: Path,
    seed: int,
    size: Size,
    months: Sequence[TenantMonth],
    calm: Books,
    console: Console,
) -> Told:
    rng = Random(seed)
    folder.mkdir(mode=0o711, parents=True)
    history = History(folder / "history.jsonl")
    async with Machine(folder, history) as machine:
        nemesis = Nemesis(machine, rng)
        async with asyncio.TaskGroup() as both:
            both.create_task(_business(machine, months, history, seed))
            both.create_task(nemesis.run(size.plan, size.seconds))
        history.note("calm")
        ended = time.monotonic()
        wrong = await _drain(machine)
        drained = time.monotonic() - ended
        console.print(f"drained in {drained:.0f} s", *wrong)
        wrong += [
            f"{kind}: {nemesis.done[kind]} times, planned {times}"
            for kind, times in size.plan.items()
            if nemesis.done[kind] < times
        ]
        wrong += await _judge(machine, nemesis, history, months, calm)
        figures = await _figures(machine, history)
    told = dict(nemesis.done) | {"answers to COMMIT lost": machine.proxies["postgres"].commits_lost}
    return Told(wrong, told | figures | {"drained after the last fault": f"{drained:.0f} s"})


async def _business(
    machine: Machine, months: Sequence[TenantMonth], history: History, seed: int
) -> None:
    transport = PatientTransport(history, Random(seed + 1))
    report = compare(months, await play(machine.stack, months, Console(quiet=True), transport))
    # The faults may still be at work; what is final is judged when they are done.
    history.note("played", faults=[str(fault) for fault in report.faults][:SHOWN])


async def _drain(machine: Machine) -> list[str]:
    deadline = time.monotonic() + DRAIN_SECONDS
    while True:
        try:
            wrong = await checker.unsettled(machine.stack.admin_dsn)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            wrong = [f"the database is away: {error!r}"]
        if not wrong or time.monotonic() > deadline:
            return [f"not within {DRAIN_SECONDS:.0f} s: {one}" for one in wrong]
        await asyncio.sleep(LOOK_EVERY_SECONDS)


async def _judge(
    machine: Machine,
    nemesis: Nemesis,
    history: History,
    months: Sequence[TenantMonth],
    calm: Books,
) -> list[str]:
    dsn = machine.stack.admin_dsn
    tenants = [month.seller.tenant_id for month in months]
    wrong = [
        f"{name} died {machine.deaths[name]} times, {nemesis.kills[name]} of them killed"
        for name in {*machine.deaths, *nemesis.kills}
        if machine.deaths[name] != nemesis.kills[name]
    ]
    wrong += await checker.wrong_dead_letters(dsn, nemesis.poisoned, nemesis.poison_gone)
    wrong += await _proofs(machine, tenants, history)
    # The embedded broker forgets at every kill, and only what was unread is put back.
    is_whole = not machine.stack.backing.is_embedded_broker
    servers = machine.stack.bootstrap_servers
    wrong += await checker.check(dsn, servers, history, is_whole=is_whole)
    return wrong + differences(await books(dsn, tenants), calm)


async def _proofs(machine: Machine, tenants: Sequence[UUID], history: History) -> list[str]:
    """Ask for the full proof of every tenant's books; those that are not proved, a line each."""
    wrong = []
    async with patient_client(history, 2) as client:
        for tenant_id in tenants:
            stack = machine.stack
            doors = Doors(client, stack.urls, stack.headers(tenant_id, "senior"))
            proof = await doors.post("/v1/proofs", {})
            if proof["state"] != "proved":
                wrong.append(f"books of {tenant_id}: {proof}")
    return wrong


async def _figures(machine: Machine, history: History) -> dict[str, object]:
    conn = await asyncpg.connect(machine.stack.admin_dsn)
    try:
        tables = {
            "invoices": "invoice.invoice",
            "payments": "payment.payment",
            "journals": "recon.journal",
        }
        counts = {n: await conn.fetchval(f"select count(*) from {t}") for n, t in tables.items()}
        outboxes = [f"(select count(*) from {s}.outbox)" for s in ("invoice", "payment", "recon")]
        counts["events"] = await conn.fetchval(f"select {' + '.join(outboxes)}")
    finally:
        await conn.close()
    answered = list(history.read("answered"))
    counts["changes asked over HTTP"] = len(answered)
    counts["of them asked more than once"] = sum(1 for fact in answered if fact["replayed"])
    counts["tries without an answer"] = sum(1 for _ in history.read("tried"))
    return counts


def show(told: Told, seed: int, console: Console) -> None:
    """Print the table, and the first lines of what is wrong."""
    table = Table(title=f"the crash story, seed {seed}", title_justify="left")
    table.add_column("what")
    table.add_column("how many", justify="right")
    for name, figure in told.figures.items():
        table.add_row(name, str(figure))
    console.print(table)
    for line in told.wrong[:SHOWN]:
        console.print(f"[red]{line}[/]", highlight=False)
    console.print(f"{len(told.wrong)} things are wrong")


def main() -> int:
    """`make faults`: the long form; 0 when everything holds."""
    parser = argparse.ArgumentParser(description="the crash story")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--months", type=int, default=LONG_SIZE.months)
    parser.add_argument("--seconds", type=float, default=LONG_SIZE.seconds)
    parser.add_argument("--short", action="store_true", help="as in CI")
    options = parser.parse_args()
    size = Size(options.months, LONG_SIZE.scale, LONG, options.seconds)
    console = Console(width=None if sys.stdout.isatty() else 130)
    console.print(f"seed {options.seed}")
    folder = Path(tempfile.mkdtemp(prefix="billing-faults-"))
    folder.chmod(0o711)
    told = asyncio.run(tell(folder, options.seed, SHORT_SIZE if options.short else size, console))
    show(told, options.seed, console)
    if told.wrong:
        console.print(f"the history and the logs are kept in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
