"""Invoices one by one: CPU of the api process per POST, against an empty FastAPI handler.

Only the api process is counted. The same client sends the same body to both, in turns.
"""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bench.company import a_key, an_invoice, set_up, to_bytes
from bench.cpu import cpu_seconds
from bench.load import Answer, a_request, send
from bench.measure import Measure, of_runs
from bench.system import System, running
from bench.world import World
from billing_local.child import Child
from billing_local.commands import base_env
from billing_local.ports import HOST, claim_ports

CONNECTIONS = 16
POSTS = 2000
QUICK_POSTS = 300
WARM_POSTS = 200
#: What DESIGN 7 allows one POST to cost.
BAR = 4.0
START_SECONDS = 20


async def measure(world: World) -> list[Measure]:
    """Draft, issue, and both in one (a bulk request of one line)."""
    posts = world.size(POSTS, QUICK_POSTS)
    runs: dict[str, list[float]] = {"draft": [], "issue": [], "at once": []}
    micros: dict[str, list[float]] = {"empty": [], "draft": [], "issue": [], "at once": []}
    async with running(world, ["invoice-svc/api"]) as system, _empty(world) as empty:
        customers = await set_up(system)
        await _round(system, empty, customers, WARM_POSTS)
        for _ in range(world.rounds):
            spent = await _round(system, empty, customers, posts)
            for name, seconds in spent.items():
                micros[name].append(seconds / posts * 1e6)
            for name, values in runs.items():
                values.append(spent[name] / spent["empty"])
    notes = {name: f"{min(values):.0f} us of CPU" for name, values in micros.items()}
    return [
        of_runs(
            f"POST {what} / empty handler, CPU of the api process",
            values,
            bar=BAR,
            wants="at-most",
            note=f"{notes[what]}; the empty handler {notes['empty']}",
        )
        for what, values in runs.items()
    ]


async def _round(
    system: System, empty: tuple[str, int], customers: Sequence[str], posts: int
) -> dict[str, float]:
    """CPU seconds of each variant for so many posts."""
    api = system.url("invoice-svc"), system.pids()["invoice-svc/api"]
    headers = {"Content-Type": "application/json", **system.headers()}
    bodies = [to_bytes(an_invoice(customers[at % len(customers)], at)) for at in range(2 * posts)]
    spent: dict[str, float] = {}
    idle = [a_request("/empty", body, headers) for body in bodies[:posts]]
    spent["empty"], _ = await _costs(empty, idle)
    drafts = [a_request("/v1/invoices", body, headers | a_key()) for body in bodies[:posts]]
    spent["draft"], made = await _costs(api, drafts)
    ids = [json.loads(answer.body)["invoice_id"] for answer in made]
    issues = [a_request(f"/v1/invoices/{one}/issue", b"{}", headers | a_key()) for one in ids]
    spent["issue"], _ = await _costs(api, issues)
    lines = headers | {"Content-Type": "application/x-ndjson"}
    bulks = [a_request("/v1/invoices:bulk", body, lines | a_key()) for body in bodies[posts:]]
    spent["at once"], done = await _costs(api, bulks)
    assert all(json.loads(answer.body)["status"] == 201 for answer in done)
    return spent


async def _costs(server: tuple[str, int], requests: Sequence[bytes]) -> tuple[float, list[Answer]]:
    url, pid = server
    before = cpu_seconds(pid)
    answers = await send(url, requests, CONNECTIONS)
    return cpu_seconds(pid) - before, answers


@asynccontextmanager
async def _empty(world: World) -> AsyncIterator[tuple[str, int]]:
    """URL and process id of the empty handler."""
    port = claim_ports(world.folder / "empty.json", ["empty"])["empty"]
    root = str(Path(__file__).parent.parent)
    argv = [sys.executable, "-m", "bench.empty", str(port)]
    child = Child(argv, base_env() | {"PYTHONPATH": root}, world.folder / "empty.log")
    child.start()
    try:
        for _ in range(START_SECONDS * 20):
            with socket.socket() as probe:
                if probe.connect_ex((HOST, port)) == 0:
                    break
            await asyncio.sleep(0.05)
        assert child.pid is not None
        yield f"http://{HOST}:{port}", child.pid
    finally:
        await asyncio.to_thread(child.stop)
