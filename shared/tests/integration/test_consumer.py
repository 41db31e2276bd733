"""The consumer against a real Postgres and broker."""

from billing_shared.consumer import Consumer
from billing_shared.ids import new_id
from billing_shared.testing.broker import running, until
from billing_shared.testing.sample import a_void


def consumer_of(pair, group, handlers):
    return Consumer(pair.consumer.worker_pool, group, handlers, pair.broker)


async def test_events_are_applied_once_in_order(pair, group, handlers):
    invoices = [new_id() for _ in range(50)]
    ids = []
    for _ in range(4):
        ids += await pair.publish([a_void(invoice) for invoice in invoices])

    async def applied():
        return len(await pair.effects()) >= len(ids)

    async with running(pair.relay(), consumer_of(pair, group, handlers)):
        await until(applied)
    assert sorted(await pair.effects()) == sorted(ids)
