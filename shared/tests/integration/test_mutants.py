"""The guards taken out one by one: each time the damage shows, so the tests here can fail."""

import asyncio
import dataclasses

import pytest

from billing_shared import outbox, positions
from billing_shared.batch import Batches
from billing_shared.dead_letter import Rate
from billing_shared.ids import new_id
from billing_shared.inbox import Inbox
from billing_shared.postgres import set_tenant
from billing_shared.relay import Relay
from billing_shared.replay import replay_outbox
from billing_shared.testing.broker import read_topic, running, until
from billing_shared.testing.sample import a_void
from billing_shared.topics import create_topics


async def _drained(pair):
    return await pair.pending() == 0


class NoInbox(Inbox):
    async def remember(self, conn, records):
        return list(records)


async def test_without_the_inbox_repeats_take_effect_twice(pair, group, handlers):
    consumer = pair.consumer_of(group, handlers)
    fields = {f.name: getattr(consumer.inbox, f.name) for f in dataclasses.fields(Inbox)}
    consumer._batches = Batches(NoInbox(**fields), Rate())
    ids = await pair.publish([a_void() for _ in range(5)])
    async with running(pair.relay(), consumer):
        await pair.until_applied(ids)
        await replay_outbox(pair.producer.worker_pool, pair.context.now)

        async def doubled():
            return len(await pair.effects()) == 10

        await until(doubled)


class Cursor(Relay):
    """Remembers how far it got, instead of looking at what is there."""

    last = 0

    async def _first_pending(self, conn):
        rows = [row for row in await super()._first_pending(conn) if row["seq"] > self.last]
        self.last = max([self.last, *(row["seq"] for row in rows)])
        return rows


async def test_with_a_cursor_a_late_commit_is_lost(pair):
    async with pair.producer.app_pool.acquire() as conn:
        late = conn.transaction()
        await late.start()
        await set_tenant(conn, pair.context.tenant_id)
        await outbox.add(conn, pair.context, [a_void()])
        async with running(Cursor(pair.producer.worker_dsn, "invoice-svc", pair.broker)):
            await pair.publish([a_void()])
            await until(lambda: _drained(pair))
            await late.commit()
            await asyncio.sleep(0.5)
            assert await pair.pending() == 1, "and there it stays"


@pytest.mark.slow
async def test_without_the_proof_a_new_log_is_skipped_in_silence(
    fragile_pair, own_broker, group, handlers, monkeypatch
):
    pair = fragile_pair

    def trusting(stored, begin, end):
        place = stored.next if begin <= stored.next <= end else begin
        return positions.Start(place, positions.Position(place))

    monkeypatch.setattr(positions, "start_of", trusting)
    topics = [pair.broker.topic("invoice-voided")]
    own_broker.start()
    await create_topics(own_broker.bootstrap, topics)
    invoice = new_id()
    before = await pair.publish([a_void(invoice) for _ in range(10)])
    async with running(pair.relay(), pair.consumer_of(group, handlers)):
        await pair.until_applied(before)
    own_broker.kill()
    own_broker.start()
    await create_topics(own_broker.bootstrap, topics)
    after = []
    async with running(pair.relay()):
        # One by one, so that the broker tells the true end of its log.
        for _ in range(12):
            after += await pair.publish([a_void(invoice)])
            await until(lambda: _drained(pair))
        assert len(await read_topic(pair.broker, "invoice-voided", 12)) == 12
    async with running(pair.consumer_of(group, handlers)):
        await pair.until_applied(after[10:])
    assert not set(after[:10]) & set(await pair.effects()), "ten events never took effect"
