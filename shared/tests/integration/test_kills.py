"""Processes killed with -9, servers away, sessions lost: nothing lost, nothing twice, in order."""

import asyncio
import random
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from billing_local import backing
from billing_local.embedded_postgres import EmbeddedPostgres
from billing_local.ports import claim_ports
from billing_shared import outbox
from billing_shared.contracts import Envelope
from billing_shared.ids import new_id
from billing_shared.relay import Relay
from billing_shared.testing.broker import read_topic, running, until
from billing_shared.testing.database import Databases
from billing_shared.testing.pair import make_pair
from billing_shared.testing.sample import a_void
from billing_shared.topics import create_topics

HERE = Path(__file__).parent


async def _drained(pair):
    return await pair.pending() == 0


def _first_sequences(records):
    """The sequences of one aggregate in order of their first occurrence."""
    return list(dict.fromkeys(Envelope.from_headers(r.headers).sequence for r in records))


async def test_late_commit_is_not_lost(pair):
    """seq 1 commits after seq 2 was published and deleted: a cursor would be past it."""
    late = pair.context
    conn = await pair.producer.app_pool.acquire()
    transaction_ = conn.transaction()
    await transaction_.start()
    await conn.execute("select set_config('app.tenant_id', $1, true)", str(late.tenant_id))
    (first,) = await outbox.add(conn, late, [a_void()])
    async with running(pair.relay()):
        (second,) = await pair.publish([a_void()])
        await until(lambda: _drained(pair))
        await transaction_.commit()
        await pair.producer.app_pool.release(conn)
        records = await read_topic(pair.broker, "invoice-voided", 2)
        await until(lambda: _drained(pair))
    assert {Envelope.from_headers(r.headers).id for r in records} == {first, second}


async def test_relay_killed_between_ack_and_delete(pair, group, handlers):
    invoice = new_id()
    ids = await pair.publish([a_void(invoice) for _ in range(20)])
    script = str(HERE / "relay_that_dies.py")
    killed = await asyncio.to_thread(
        subprocess.run,
        [
            sys.executable,
            script,
            pair.producer.worker_dsn,
            pair.broker.bootstrap_servers,
            pair.broker.topic_prefix,
            str(pair.broker.is_embedded),
        ],
        timeout=60,
        check=False,
    )
    assert killed.returncode == -9
    assert await pair.pending() == 20, "nothing was deleted"
    async with running(pair.relay(), pair.consumer_of(group, handlers)):
        await pair.until_applied(ids)
        await until(lambda: _drained(pair))
    records = await read_topic(pair.broker, "invoice-voided", 40)
    assert len(records) == 40, "published twice"
    assert _first_sequences(records) == list(range(1, 21))
    assert await pair.effects() == ids, "applied once, in order"


class Slow(Relay):
    """Reads its rows, and publishes them much later, when it has lost its lock."""

    def __init__(self, *args):
        super().__init__(*args)
        self.has_read = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def _publish(self, rows):
        self.has_read.set()
        await self.may_go_on.wait()
        return await super()._publish(rows)


async def test_two_relays_for_one_shard_keep_the_order(pair):
    invoice = new_id()
    slow = Slow(pair.producer.worker_dsn, "invoice-svc", pair.broker)
    await pair.publish([a_void(invoice) for _ in range(10)])
    async with running(slow):
        await slow.has_read.wait()
        await pair.publish([a_void(invoice) for _ in range(10)])
        admin = await asyncpg.connect(pair.producer.admin_dsn)
        await admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'invoice_relay'"
        )
        await admin.close()
        async with running(pair.relay()):
            await until(lambda: _drained(pair))
        slow.may_go_on.set()
        records = await read_topic(pair.broker, "invoice-voided", 30)
    assert len(records) == 30
    assert _first_sequences(records) == list(range(1, 21))


async def test_broker_away_at_the_start(fragile_pair, own_broker, group, handlers):
    pair = fragile_pair
    async with running(pair.relay(), pair.consumer_of(group, handlers)):
        ids = await pair.publish([a_void() for _ in range(5)])
        await asyncio.sleep(2)
        own_broker.start()
        await create_topics(own_broker.bootstrap, [pair.broker.topic("invoice-voided")])
        # Sent in the moment between start and topics, it would be gone; the launcher refills too.
        await pair.producer.worker_pool.execute(
            "insert into outbox_pending select seq, created_at, shard_of(aggregateid) from outbox "
            "on conflict do nothing"
        )
        await pair.until_applied(ids)


@pytest.mark.slow
async def test_postgres_killed_under_load(server_folder, broker, group, handlers):
    folder = server_folder / new_id().hex
    folder.mkdir()
    port = claim_ports(folder / "ports.json", ["postgres"])["postgres"]
    server = EmbeddedPostgres(folder / "postgres", port, password="x")
    await asyncio.to_thread(server.start)
    databases = Databases(server.dsn())
    try:
        pair = await make_pair(databases.make, broker, is_embedded=backing.kind() == "embedded")
        await create_topics(broker, [pair.broker.topic("invoice-voided")])
        ids = []
        async with running(pair.relay(), pair.consumer_of(group, handlers)):
            for _ in range(3):
                ids += await pair.publish([a_void() for _ in range(50)])
                await asyncio.sleep(random.uniform(0, 0.3))
                server.kill()
                await asyncio.sleep(1)
                await asyncio.to_thread(server.start)
            await pair.until_applied(ids)
        await databases.drop_all()
    finally:
        server.kill()


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_worker_killed_again_and_again(pair, group):
    invoices = [new_id() for _ in range(20)]
    ids = []
    argv = pair.process_argv(group)
    seed = random.randrange(10**6)
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(5):
        worker = await asyncio.create_subprocess_exec(*argv)
        try:
            before = len(await pair.effects())
            for _ in range(10):
                ids += await pair.publish([a_void(invoice) for invoice in invoices])
                await asyncio.sleep(0.02)

            async def is_moving(before=before):
                return len(await pair.effects()) > before

            # Joining waits for the session of the member killed before.
            await until(is_moving, seconds=60)
            await asyncio.sleep(chance.uniform(0, 0.3))
        finally:
            worker.kill()
            await worker.wait()
    worker = await asyncio.create_subprocess_exec(*argv)
    try:
        await pair.until_applied(ids)
    finally:
        worker.kill()
        await worker.wait()
    for invoice in invoices:
        assert await pair.sequences(invoice) == list(range(1, 51)), "once each, in order"
    assert await pair.dead_letters() == []
