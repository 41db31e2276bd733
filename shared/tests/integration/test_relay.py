"""The relay against a real Postgres and broker."""

from datetime import UTC, datetime, timedelta

from billing_shared import outbox
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
