"""A log is known again by its last record, even on a broker that tells its end a batch short."""

import pytest

from billing_shared import metrics
from billing_shared.consumer import Consumer
from billing_shared.ids import new_id
from billing_shared.testing.broker import running, until
from billing_shared.testing.sample import a_void


def counted(counter, *labels) -> float:
    return counter.labels(*labels)._value.get()


@pytest.mark.slow
async def test_a_consumer_goes_on_in_the_middle_of_a_batch(pair, group, handlers, monkeypatch):
    # Look at the logs all the time, as a long run does now and then.
    monkeypatch.setattr("billing_shared.consumer.WATCH_SECONDS", 0.2)
    # One aggregate is one partition: its events travel as one batch.
    invoice = new_id()
    ids = await pair.publish([a_void(invoice) for _ in range(40)])

    def consumer():
        return Consumer(pair.consumer.worker_pool, group, handlers, pair.broker)

    async def applied():
        return len(await pair.effects()) >= len(ids)

    async with running(pair.relay()):
        async with running(consumer()):
            await until(applied)
        ids += await pair.publish([a_void(invoice) for _ in range(40)])
        async with running(consumer()):
            await until(applied)
            ids += await pair.publish([a_void(invoice) for _ in range(40)])
            await until(applied)
    assert await pair.effects() == ids
    assert counted(metrics.CONSUMER_ALARMS, group, "log-lost") == 0
    assert counted(metrics.INBOX_DUPLICATES, group) == 0
