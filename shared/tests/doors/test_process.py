"""A whole process of a tiny service, from outside: ports, signals, exit codes."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import orjson
import pytest

from billing_local.ports import claim_ports
from billing_shared.auth import make_local_keys, mint
from billing_shared.ids import new_id
from billing_shared.testing.database import APP_PASSWORD, RELAY_PASSWORD, as_role

ISSUER = "https://issuer.test"

TINY = """
import asyncio
from typing import Annotated
from fastapi import APIRouter, Response
from billing_shared.http import Door, may, respond
from billing_shared.service import Service, Worker, main
from billing_shared.settings import ServiceSettings

router = APIRouter()

@router.get("/v1/customers")
async def slow(door: Annotated[Door, may("customers:read")], seconds: float = 0) -> Response:
    async with door.read() as (conn, context):
        await asyncio.sleep(seconds)
        return respond(200, {"now": context.now.isoformat()})

async def background(worker: Worker) -> None:
    await worker.stop.wait()
    print('{"event": "background.stopped"}', flush=True)

async def hanging(worker: Worker) -> None:
    await asyncio.Event().wait()

async def ending(worker: Worker) -> None:
    await asyncio.sleep(0.2)

if __name__ == "__main__":
    import os
    loops = (background, *(globals()[n] for n in os.environ.get("LOOPS", "").split()))
    main(Service("shared-svc", "billing_shared", (router,), background=loops), ServiceSettings)
"""


class Running:
    def __init__(self, process: asyncio.subprocess.Process, env: dict[str, str], token: str):
        self.process = process
        self.url = f"http://127.0.0.1:{env['BILLING_PORT']}"
        self.telemetry = f"http://127.0.0.1:{env['BILLING_TELEMETRY_PORT']}"
        self.client = httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=15)

    async def until(self, path: str, status: int, seconds: float = 20) -> httpx.Response:
        give_up_at = time.monotonic() + seconds
        while True:
            try:
                answer = await self.client.get(self.telemetry + path, timeout=5)
                if answer.status_code == status:
                    return answer
            except httpx.TransportError:
                answer = None
            assert time.monotonic() < give_up_at, (answer and answer.text, await self.output())
            await asyncio.sleep(0.05)

    async def output(self) -> str:
        if self.process.returncode is None:
            self.process.kill()
        return (await self.process.stdout.read()).decode()

    async def stop(self) -> tuple[int, list[dict]]:
        self.process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(self.process.wait(), 30)
        lines = (await self.process.stdout.read()).splitlines()
        return code, [orjson.loads(line) for line in lines]


@pytest.fixture
def environment(tmp_path: Path, database, broker: str) -> dict[str, str]:
    ports = claim_ports(tmp_path / "ports.json", ["http", "telemetry"])
    keys = make_local_keys(tmp_path)
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("BILLING_")},
        "BILLING_PROFILE": "test",
        "BILLING_HOST": "127.0.0.1",
        "BILLING_PORT": str(ports["http"]),
        "BILLING_TELEMETRY_PORT": str(ports["telemetry"]),
        "BILLING_DATABASE_URL": database.app_dsn,
        "BILLING_WORKER_DATABASE_URL": database.worker_dsn,
        "BILLING_ADMIN_DATABASE_URL": database.admin_dsn,
        "BILLING_KAFKA_BOOTSTRAP_SERVERS": broker,
        "BILLING_ISSUER": ISSUER,
        "BILLING_JWKS_FILE": str(keys.jwks_file),
    }


async def command(tmp_path: Path, env: dict[str, str], *arguments: str):
    file = tmp_path / "tiny.py"
    file.write_text(TINY)
    return await asyncio.create_subprocess_exec(
        sys.executable, str(file), *arguments, env=env,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


@asynccontextmanager
async def running(tmp_path: Path, env: dict[str, str], role: str) -> AsyncIterator[Running]:
    token = mint(tmp_path / "signing-key.json", tenant_id=new_id(), roles=["clerk"], issuer=ISSUER)
    process = await command(tmp_path, env, role)
    run = Running(process, env, token)
    try:
        yield run
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await run.client.aclose()


async def test_all_in_one_process_serves_and_stops_in_order(tmp_path, environment):
    async with running(tmp_path, environment, "all") as run:
        await run.until("/readyz", 200)
        await run.until("/healthz", 200)
        slow = asyncio.create_task(run.client.get(run.url + "/v1/customers?seconds=1"))
        await asyncio.sleep(0.3)
        code, lines = await run.stop()
        assert (await slow).status_code == 200
        assert code == 0
        events = [line.get("event") for line in lines]
        assert events.index("process.stopping") < events.index("background.stopped")
        assert events[-1] == "process.stopped"
        served = next(line for line in lines if line["event"] == "http.served")
        assert served["route"] == "/v1/customers"
        assert len(served["trace_id"]) == 32
        assert served["service"] == "shared-svc"


async def test_metrics_and_the_clock_of_tests(tmp_path, environment):
    async with running(tmp_path, environment, "all") as run:
        await run.until("/readyz", 200)
        put = await run.client.put(run.telemetry + "/clock", json={"at": "2026-01-31T12:00:00Z"})
        assert put.status_code == 200
        answer = await run.client.get(run.url + "/v1/customers")
        assert answer.json() == {"now": "2026-01-31T12:00:00+00:00"}
        for bad in ({"at": "noon"}, {"at": "2026-01-31T12:00:00"}, {}, []):
            assert (await run.client.put(run.telemetry + "/clock", json=bad)).status_code == 422
        metrics = (await run.client.get(run.telemetry + "/metrics")).text
        for name in (
            'billing_http_request_seconds_count{method="GET",route="/v1/customers"',
            "billing_event_loop_lag_seconds",
            "billing_outbox_pending",
            "billing_audit_unsealed",
        ):
            assert name in metrics
        assert (await run.client.get(run.url + "/metrics")).status_code == 404


async def test_in_production_the_clock_cannot_be_set(tmp_path, environment):
    environment["BILLING_PROFILE"] = "production"
    async with running(tmp_path, environment, "api") as run:
        await run.until("/readyz", 200)
        put = await run.client.put(run.telemetry + "/clock", json={"at": "2026-01-31T12:00:00Z"})
        assert put.status_code == 404


async def test_a_start_waits_for_nothing_and_a_stop_neither(tmp_path, environment):
    away = "postgresql://nobody@127.0.0.1:1/x"
    environment |= {
        "BILLING_DATABASE_URL": away,
        "BILLING_WORKER_DATABASE_URL": away,
        "BILLING_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    }
    async with running(tmp_path, environment, "all") as run:
        await run.until("/healthz", 200)
        await run.until("/readyz", 503)
        answer = await run.client.get(run.url + "/v1/customers")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        started_at = time.monotonic()
        code, _ = await run.stop()
        assert code == 0
        assert time.monotonic() - started_at < 15


async def test_a_schema_that_is_behind_is_not_ready(tmp_path, environment, database):
    conn = await asyncpg.connect(database.admin_dsn)
    await conn.execute(
        "delete from shared.schema_migration where name = "
        "(select max(name) from shared.schema_migration)"
    )
    await conn.close()
    async with running(tmp_path, environment, "api") as run:
        answer = await run.until("/readyz", 503)
        assert "migrations" in answer.text


async def test_a_loop_that_hangs_does_not_outlive_the_bound(tmp_path, environment):
    environment |= {"LOOPS": "hanging", "BILLING_STOP_SECONDS": "5"}
    async with running(tmp_path, environment, "all") as run:
        await run.until("/readyz", 200)
        started_at = time.monotonic()
        code, lines = await run.stop()
        assert (code, lines[-1]["event"]) == (70, "process.exits-hard")
        assert 4 < time.monotonic() - started_at < 8


async def test_a_loop_that_ends_unasked_ends_the_process(tmp_path, environment):
    environment["LOOPS"] = "ending"
    async with running(tmp_path, environment, "worker") as run:
        assert await asyncio.wait_for(run.process.wait(), 20) == 1


async def test_migrate_then_ask_for_a_replay_and_verify(tmp_path, environment, database):
    async def run(*arguments: str) -> tuple[int, str]:
        process = await command(tmp_path, environment, *arguments)
        output, _ = await asyncio.wait_for(process.communicate(), 30)
        return process.returncode, output.decode()

    # The roles belong to the server, so their passwords must stay what other tests expect.
    environment["BILLING_DATABASE_URL"] = as_role(database.admin_dsn, "shared_app", APP_PASSWORD)
    environment["BILLING_WORKER_DATABASE_URL"] = as_role(
        database.admin_dsn, "shared_relay", RELAY_PASSWORD
    )
    assert (await run("migrate"))[0] == 0
    heads = tmp_path / "heads.jsonl"
    code, output = await run("verify-audit", "--keep-heads", str(heads))
    assert (code, output.strip()) == (0, "0 chains, 0 entries, 0 findings")
    code, output = await run("replay", "--since", "2026-01-01", "--reason", "broker lost its log")
    assert code == 0
    async with database.worker_pool.acquire() as conn:
        row = await conn.fetchrow("select * from operator_request")
    assert (str(row["request_id"]), row["kind"]) == (output.strip(), "replay-outbox")
    assert (await run("replay", "--reason", "no what"))[0] == 2
    del environment["BILLING_ADMIN_DATABASE_URL"]
    code, output = await run("migrate")
    assert (code, output.strip()) == (2, "BILLING_ADMIN_DATABASE_URL is not set")
    environment["BILLING_PORT"] = "hunter2"
    code, output = await run("api")
    assert (code, "hunter2" in output, "port" in output) == (2, False, True)
