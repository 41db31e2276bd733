"""The relay against a real Postgres and broker."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from billing_shared import metrics, outbox
from billing_shared.broker import Broker
from billing_shared.contracts import Envelope, decode
from billing_shared.ids import new_id
from billing_shared.postgres import transaction
from billing_shared.relay import Relay
from billing_shared.replay import replay_outbox
from billing_shared.testing.broker import read_topic, running, until
from billing_shared.testing.sample import a_context, a_void
from billing_shared.topics import create_topics, topic_names


async def test_events_reach_their_topic_in_order(service_database, broker):
    database = await service_database("invoice-svc", "billing_shared")
    context = a_context()
    here = Broker(broker, topic_prefix=f"t{new_id().hex}-", is_embedded=True)
    await create_topics(broker, topic_names(here.topic_prefix))
    invoices = [new_id() for _ in range(20)]
    for _ in range(5):
        async with transaction(database.app_pool, context.tenant_id) as conn:
            await outbox.add(conn, context, [a_void(i) for i in invoices])
    relay = Relay(database.worker_dsn, "invoice-svc", here)

    async def is_drained():
        return not await database.worker_pool.fetchval("select count(*) from outbox_pending")

    async with running(relay):
        await until(is_drained)
        records = await read_topic(here, "invoice-voided", 100)
    for invoice in invoices:
        mine = [r for r in records if r.key == str(invoice).encode()]
        envelopes = [Envelope.from_headers(r.headers) for r in mine]
        assert [e.sequence for e in envelopes] == [1, 2, 3, 4, 5]
        assert len({r.partition for r in mine}) == 1
        assert list(mine[0].headers) == envelopes[0].headers(), "as the contract writes them"
        assert decode("invoice-voided", mine[0].value).invoice_id == invoice
    assert len({r.partition for r in records}) > 4


class RelayThatStandsStill(Relay):
    """Stopped between the ack and the delete; meanwhile the log is lost and a replay asked for."""

    meanwhile = None

    async def _publish(self, rows):
        sent = await super()._publish(rows)
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        return sent


async def test_what_is_put_back_between_ack_and_delete_is_sent_again(pair):
    [event_id] = await pair.publish([a_void()])
    relay = RelayThatStandsStill(pair.producer.worker_dsn, "invoice-svc", pair.broker)

    async def replay():
        since = datetime.now(UTC) - timedelta(hours=1)
        assert await replay_outbox(pair.producer.worker_pool, since) == 1

    relay.meanwhile = replay
    async with running(relay):
        records = await read_topic(pair.broker, "invoice-voided", 2)
    assert [dict(r.headers)["ce_id"].decode() for r in records] == [str(event_id)] * 2
    assert await pair.pending() == 0


class RelayThatWaits(Relay):
    """Reads its rows, and sends them when it may."""

    def __init__(self, *args):
        super().__init__(*args)
        self.has_read, self.may_go_on = asyncio.Event(), asyncio.Event()

    async def _publish(self, rows):
        self.has_read.set()
        await self.may_go_on.wait()
        return await super()._publish(rows)


async def test_a_second_relay_waits_for_the_first(pair):
    """Shared row by row, a shard would be out of order whenever one of them is slow."""
    invoice = new_id()
    slow = RelayThatWaits(pair.producer.worker_dsn, "invoice-svc", pair.broker)
    await pair.publish([a_void(invoice) for _ in range(10)])
    async with running(slow):
        await slow.has_read.wait()
        await pair.publish([a_void(invoice) for _ in range(10)])
        second = pair.relay()
        async with running(second):
            began = time.monotonic()
            # It has looked more than once, and sent nothing.
            await until(lambda: _true(second.turned_at > began + 1))
            slow.may_go_on.set()
            records = await read_topic(pair.broker, "invoice-voided", 20)
    sequences = [Envelope.from_headers(r.headers).sequence for r in records]
    assert sequences == list(range(1, 21))


async def test_what_could_not_be_sent_is_still_pending(pair):
    nowhere = Broker("127.0.0.1:1", pair.broker.topic_prefix, is_embedded=True)
    await pair.publish([a_void() for _ in range(5)])
    failures = metrics.RELAY_FAILURES.labels("invoice-svc")
    before = failures._value.get()
    async with running(Relay(pair.producer.worker_dsn, "invoice-svc", nowhere)):
        await until(lambda: _true(failures._value.get() > before))
    assert await pair.pending() == 5


async def _true(value):
    return value
