"""Writers that commit late, roll back, or hold a transaction open: the relay misses nothing, tells
nothing that was taken back, and keeps the order of each aggregate."""

import asyncio
import random

import asyncpg
import pytest

from billing_shared import outbox
from billing_shared.contracts import Envelope
from billing_shared.ids import new_id
from billing_shared.postgres import set_tenant
from billing_shared.testing.broker import read_topic, running, until
from billing_shared.testing.sample import a_void

pytestmark = pytest.mark.slow

WRITERS = 6
ROLLED_BACK = 0.1
HELD_SECONDS = 0.03


class Writers:
    """Each on a connection of its own; `committed` are the ids that must be told, and no other."""

    def __init__(self, pair, seed):
        self.pair = pair
        self.invoices = [new_id() for _ in range(8)]
        self.committed = set()
        self._chance = random.Random(seed)

    async def write(self, transactions):
        conn = await asyncpg.connect(self.pair.producer.app_dsn)
        for _ in range(transactions):
            await self._one(conn)
        await conn.close()

    async def _one(self, conn):
        """Takes its xid before it waits for the aggregates, so xids and commits disagree."""
        transaction = conn.transaction()
        await transaction.start()
        await set_tenant(conn, self.pair.context.tenant_id)
        await conn.execute("select pg_current_xact_id()")
        await asyncio.sleep(self._chance.uniform(0, HELD_SECONDS))
        some = self._chance.sample(self.invoices, 2)
        ids = await outbox.add(conn, self.pair.context, [a_void(invoice) for invoice in some])
        await asyncio.sleep(self._chance.uniform(0, HELD_SECONDS))
        if self._chance.random() < ROLLED_BACK:
            await transaction.rollback()
        else:
            await transaction.commit()
            self.committed.update(ids)


async def test_what_commits_is_told_in_order_and_what_does_not_is_not(pair, size):
    seed = random.randrange(10**6)
    print("seed", seed)
    writers = Writers(pair, seed)
    slow = await asyncpg.connect(pair.producer.app_dsn)
    long = slow.transaction()
    await long.start()
    await set_tenant(slow, pair.context.tenant_id)
    # An aggregate of its own: its first event has the lowest seq of all, and commits last.
    early = await outbox.add(slow, pair.context, [a_void()])

    async def drained():
        return await pair.pending() == 0

    async with running(pair.relay()):
        async with asyncio.TaskGroup() as group:
            for _ in range(WRITERS):
                group.create_task(writers.write(size(30)))
        # All others are told while the long one is open.
        await until(drained)
        await long.commit()
        await slow.close()
        expected = writers.committed | set(early)
        records = await read_topic(pair.broker, "invoice-voided", len(expected))
        await until(drained)
    envelopes = [Envelope.from_headers(record.headers) for record in records]
    assert len(envelopes) == len(expected)
    assert {envelope.id for envelope in envelopes} == expected
    for invoice in writers.invoices:
        mine = [e.sequence for e in envelopes if e.subject == str(invoice)]
        assert mine == list(range(1, len(mine) + 1))
