"""SIGTERM while Postgres or the broker is dead: the process ends within its bound, and what it had
not sent is sent when it is started again."""

import asyncio
import os
import signal
import sys

import pytest

from billing_local import backing
from billing_local.ports import HOST, claim_ports
from billing_shared import outbox
from billing_shared.ids import new_id
from billing_shared.postgres import transaction
from billing_shared.testing.broker import until
from billing_shared.testing.database import Databases
from billing_shared.testing.sample import a_context, a_void
from billing_shared.topics import create_topics, topic_names

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

#: Kubernetes would wait 60 s; the process says 45 s of itself, and this is the hard bound.
EXIT_SECONDS = 50


@pytest.fixture
async def servers(server_folder):
    """A Postgres and a broker of this test, both to be killed."""
    folder = server_folder / new_id().hex
    folder.mkdir(mode=0o711)
    ports = claim_ports(folder / "ports.json", ["postgres", "broker", "controller"])
    postgres = backing.postgres(
        folder / "postgres", ports["postgres"], password="x", is_durable=True
    )
    kafka = (ports["broker"], ports["controller"])
    broker = backing.broker(folder / "broker", kafka, folder / "broker.log")
    for server in (postgres, broker):
        await asyncio.to_thread(server.start)
    await create_topics(broker.bootstrap, topic_names())
    yield {"postgres": postgres, "broker": broker}
    for server in (broker, postgres):
        await asyncio.to_thread(server.kill)


async def worker(database, broker):
    """invoice-svc's worker: relay, consumer, jobs."""
    settings = {
        "PROFILE": "test",
        "LOG_LEVEL": "error",
        "WORKER_DATABASE_URL": database.worker_dsn,
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
        "KAFKA_IS_EMBEDDED": str(broker.is_embedded),
        "HOST": HOST,
        "PORT": "0",
        "TELEMETRY_PORT": "0",
    }
    env = dict(os.environ) | {f"BILLING_{name}": value for name, value in settings.items()}
    argv = [sys.executable, "-P", "-m", "invoice_svc.main", "worker"]
    return await asyncio.create_subprocess_exec(*argv, env=env)


@pytest.mark.parametrize("dead", ["postgres", "broker"])
async def test_a_stop_with_a_server_dead_ends_and_loses_nothing(servers, dead):
    databases, context = Databases(servers["postgres"].dsn()), a_context()
    database = await databases.make("invoice-svc", "invoice_svc")
    process = await worker(database, servers["broker"])
    events = [a_void() for _ in range(20)]

    async def publish():
        async with transaction(database.app_pool, context.tenant_id) as conn:
            await outbox.add(conn, context, events)

    async def drained():
        return await database.worker_pool.fetchval("select count(*) = 0 from outbox_pending")

    try:
        await publish()
        await until(drained, seconds=60)
        if dead == "broker":
            servers["broker"].kill()
            await publish()
        else:
            await publish()
            servers["postgres"].kill()
        # Long enough to notice, and to be in the midst of trying again.
        await asyncio.sleep(3)
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), EXIT_SECONDS)
        await asyncio.to_thread(servers[dead].start)
        await create_topics(servers["broker"].bootstrap, topic_names())
        process = await worker(database, servers["broker"])
        await until(drained, seconds=60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await databases.drop_all()
