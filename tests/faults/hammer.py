"""The idempotency hammer: every key sent by five clients at once, and nobody can rely on anything.

python -m faults.hammer --keys 10000      # from tests/, as `make faults` does

Answers to COMMIT are lost all the time, and API processes are killed. Each request must have one
effect, and all five clients must hear the same.
"""

import argparse
import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import httpx

from billing_local.commands import SERVICES
from billing_local.ports import claim_ports
from billing_local.stack import Stack
from e2e.company import Company, a_day, invoice_line
from faults.answers import unaccounted
from faults.checker import unanswered
from faults.client import patient_client
from faults.history import History
from faults.proxy import Proxy

CLIENTS = 5
#: Keys in hand at once; the clients of each come together.
IN_HAND = 12
LOSE_EVERY_SECONDS = 0.1
KEYS_PER_KILL = 200
BACK_SECONDS = 60.0
JSON, NDJSON, XML = "application/json", "application/x-ndjson", "application/xml"
#: What a repeat must say as the first answer said it.
SAME_HEADERS = ("content-type", "location", "etag")

#: How many rows there are of what a route makes, by the path.
EFFECTS: Mapping[str, str] = {
    "/v1/customers": "select count(*) from invoice.customer where tenant_id = $1",
    "/v1/invoices": """
        select count(*) from invoice.invoice where tenant_id = $1 and state = 'draft'""",
    # Two lines each.
    "/v1/invoices:bulk": """
        select count(*) / 2 from invoice.invoice where tenant_id = $1 and state = 'issued'""",
    "/v1/payments": """
        select count(*) from payment.payment where tenant_id = $1 and source = 'manual'""",
    "/v1/bank-statements": """
        select count(*) from payment.payment where tenant_id = $1 and source = 'bank-file'""",
    "/v1/recon/replays": "select count(*) from recon.operator_request where tenant_id = $1",
    "/v1/notify/replays": "select count(*) from notify.operator_request where tenant_id = $1",
}


@dataclass(frozen=True, slots=True)
class Blow:
    """One request; `headers` hold token, media type and key."""

    path: str
    url: str
    content: bytes
    headers: Mapping[str, str]


@dataclass(slots=True)
class Told:
    """What came of it: `wrong` is empty when all holds."""

    wrong: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Anvil:
    """The system under the hammer: API processes alone, led to Postgres through a proxy."""

    stack: Stack
    proxy: Proxy
    history: History
    company: Company


@contextlib.asynccontextmanager
async def anvil(folder: Path) -> AsyncIterator[Anvil]:
    """A running one, with a tenant and a customer."""
    ports = claim_ports(folder / "proxies.json", ["postgres"])
    history = History(folder / "history.jsonl")
    stack = Stack(
        folder / "home",
        profile="test",
        say=lambda line: history.note("said", line=line),
        roles=["api"],
        detours=ports,
    )
    proxy = Proxy(ports["postgres"], lambda: stack.port("postgres"))
    proxy.start()
    try:
        async with stack, patient_client(history, 0) as client:
            company = await Company.founded(stack, client)
            await company.customer("anvil")
            yield Anvil(stack, proxy, history, company)
    finally:
        proxy.stop()


def blows(company: Company, count: int) -> Iterator[Blow]:
    """So many requests, over all routes in turn. None names an external_ref: by that a second
    effect would be refused for another reason."""
    headers = {role: company.stack.headers(company.tenant_id, role) for role in _ROLES.values()}
    doors = company.office
    for number in range(count):
        path = list(EFFECTS)[number % len(EFFECTS)]
        content, media_type = _body(company, path, number)
        own = {"Content-Type": media_type, "Idempotency-Key": f"blow-{number}"}
        yield Blow(path, doors.url(path), content, headers[_role(path)] | own)


_ROLES = {"replays": "operator", "else": "senior"}


def _role(path: str) -> str:
    return _ROLES["replays" if path.endswith("replays") else "else"]


def _body(company: Company, path: str, number: int) -> tuple[bytes, str]:
    if path == "/v1/bank-statements":
        day = a_day(10 + number)
        return company.file_of(company.money(1_00 + number, day=day), day=day), XML
    if path == "/v1/invoices:bulk":
        lines = [invoice_line("anvil", cents, a_day()) for cents in (7_00, 9_00 + number)]
        return b"\n".join(_json(_without(line, "external_ref")) for line in lines), NDJSON
    bodies: dict[str, Any] = {
        "/v1/customers": {"name": f"Nail {number}", "country": "NL"},
        "/v1/invoices": _without(
            invoice_line("anvil", 5_00 + number, a_day()), "external_ref", "issued_on"
        ),
        "/v1/payments": {
            "account": company.own.account,
            "amount_minor": 3_00 + number,
            "currency": "EUR",
            "booked_on": a_day().isoformat(),
        },
    }
    replay = {"since": "2026-01-01T00:00:00Z", "reason": f"blow {number}"}
    return _json(bodies.get(path, replay)), JSON


def _without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def _json(body: object) -> bytes:
    return json.dumps(body).encode()


async def strike(on: Anvil, keys: int, seed: int) -> Told:
    """Send everything amid the faults, then look at what was heard and what is there."""
    told = Told()
    rng = Random(seed)
    turns = asyncio.Semaphore(IN_HAND)
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(patient_client(on.history, seed + n))
            for n in range(CLIENTS)
        ]
        faults = asyncio.create_task(_faults(on, rng, told))

        async def one(blow: Blow) -> None:
            async with turns:
                told.wrong += await _blow(clients, blow, told)

        try:
            async with asyncio.TaskGroup() as all_blows:
                for blow in blows(on.company, keys):
                    all_blows.create_task(one(blow))
        finally:
            faults.cancel()
            await asyncio.wait({faults})
        if not faults.cancelled():
            told.wrong.append(f"the faults ended: {faults.exception()!r}")
    on.proxy.commits_to_lose = 0
    told.figures["answers to COMMIT lost"] = on.proxy.commits_lost
    told.wrong += await _effects(on, keys)
    return told


async def _blow(clients: Sequence[httpx.AsyncClient], blow: Blow, told: Told) -> list[str]:
    """All clients at once; what they heard must be one success, however often it was asked for."""
    answers = await asyncio.gather(
        *(client.post(blow.url, content=blow.content, headers=blow.headers) for client in clients)
    )
    firsts = [a for a in answers if "Idempotent-Replayed" not in a.headers]
    heard = {(a.status_code, a.content, *(a.headers.get(h) for h in SAME_HEADERS)) for a in answers}
    told.figures["keys"] += 1
    told.figures["answers"] += len(answers)
    told.figures["of them replays"] += len(answers) - len(firsts)
    told.figures["keys whose first answer nobody heard"] += not firsts
    name = f"{blow.path} {blow.headers['Idempotency-Key']}"
    wrong = [f"{name}: {a.status_code} {a.text[:300]}" for a in answers if a.is_error]
    if len(heard) > 1:
        wrong.append(f"{name}: {len(heard)} different answers")
    if len(firsts) > 1:
        wrong.append(f"{name}: {len(firsts)} said to be the first")
    return wrong


async def _faults(on: Anvil, rng: Random, told: Told) -> None:
    """Lose the answer to a COMMIT again and again; now and then kill an API process. The kills go
    by keys, not by time: starting takes a busy machine long, and all wait for the one that is away.
    """
    kill_at = KEYS_PER_KILL // 2
    while True:
        on.proxy.commits_to_lose = 1
        await asyncio.sleep(LOSE_EVERY_SECONDS * 2 * rng.random())
        if told.figures["keys"] < kill_at:
            continue
        kill_at += KEYS_PER_KILL
        name = rng.choice([part.name for part in on.stack.parts])
        before = on.stack.pids()[name]
        await on.stack.crash(name)
        told.figures["API processes killed"] += 1
        async with asyncio.timeout(BACK_SECONDS):
            while on.stack.pids().get(name) in (None, before):
                await asyncio.sleep(0.05)


async def _effects(on: Anvil, keys: int) -> list[str]:
    """Every key had one effect: by the count of rows, by the kept answers, by the history."""
    conn = await asyncpg.connect(on.stack.admin_dsn)
    try:
        wrong = [str(broken) for broken in await unaccounted(conn)]
        wrong += await unanswered(conn, on.history)
        sent = Counter(list(EFFECTS)[n % len(EFFECTS)] for n in range(keys))
        sent["/v1/customers"] += 1  # the anvil's own
        for path, question in EFFECTS.items():
            count = await conn.fetchval(question, on.company.tenant_id)
            if count != sent[path]:
                wrong.append(f"{path}: {sent[path]} keys, {count} effects")
        for schema in (service.removesuffix("-svc") for service in SERVICES):
            if empty := await conn.fetchval(
                f"select count(*) from {schema}.idempotency_key where status is null"
            ):
                wrong.append(f"{schema}: {empty} keys without an answer")
        return wrong
    finally:
        await conn.close()


def main() -> int:
    """The long form; 0 when everything holds."""
    parser = argparse.ArgumentParser(description="the idempotency hammer")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--keys", type=int, default=10_000)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="billing-hammer-"))
    folder.chmod(0o711)
    print(f"the hammer, seed {options.seed}", flush=True)

    async def run() -> Told:
        async with anvil(folder) as on:
            return await strike(on, options.keys, options.seed)

    told = asyncio.run(run())
    for name, figure in told.figures.items():
        print(f"  {name}: {figure}")
    for line in told.wrong[:20]:
        print(f"  {line}")
    print(f"{len(told.wrong)} things are wrong")
    if told.wrong:
        print(f"the history and the logs are kept in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
