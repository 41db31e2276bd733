"""Topics that are gone and made anew: noticed by what stands before our place, told again by the
operator's replay; nothing is lost and nothing takes effect twice."""

import asyncio
from datetime import timedelta

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from billing_shared import metrics
from billing_shared.ids import new_id
from billing_shared.inbox import Inbox
from billing_shared.operator_requests import OperatorRequests
from billing_shared.testing.broker import running, until
from billing_shared.testing.sample import a_void
from billing_shared.topics import create_topics

pytestmark = pytest.mark.slow


def alarms(group):
    return metrics.CONSUMER_ALARMS.labels(group, "log-lost")._value.get()


async def make_anew(pair):
    """Delete the topic and make it again under its old name."""
    topic = pair.broker.topic("invoice-voided")
    admin = AIOKafkaAdminClient(bootstrap_servers=pair.broker.bootstrap_servers)
    await admin.start()
    try:
        await admin.delete_topics([topic])

        async def is_made():
            # Deleting goes on for a while after it is said to be done.
            try:
                await create_topics(pair.broker.bootstrap_servers, [topic])
            except KafkaError:
                return False
            return topic in await admin.list_topics()

        await until(is_made)
    finally:
        await admin.close()


async def tell_again(pair):
    """What an operator asks for, carried out as the worker does it; how many events."""
    pool = pair.producer.worker_pool
    request_id, since = new_id(), pair.context.now - timedelta(minutes=1)
    await pool.execute(
        "insert into operator_request (request_id, kind, arguments, requested_by, reason) "
        "values ($1, 'replay-outbox', $2, 'user:operator', 'the log was lost')",
        request_id,
        {"since": since.isoformat()},
    )
    assert await OperatorRequests(Inbox(pool, "invoice-svc", {}, None), ()).carry_out_next()
    result = "select result from operator_request where request_id = $1"
    return (await pool.fetchval(result, request_id))["events"]


async def is_drained(pair):
    return await pair.pending() == 0


async def test_a_log_lost_under_way_is_told_again(pair, group, handlers, size):
    invoices = [new_id() for _ in range(10)]
    ids = []
    async with running(pair.relay(), pair.consumer_of(group, handlers)):
        for _ in range(size(4)):
            ids += await pair.publish([a_void(invoice) for invoice in invoices])
        await pair.until_applied(ids)
        await make_anew(pair)
        ids += await pair.publish([a_void(invoice) for invoice in invoices])
        await until(lambda: is_drained(pair))
        assert await tell_again(pair) == len(ids)
        await pair.until_applied(ids)
        await until(lambda: is_drained(pair))
        ids += await pair.publish([a_void(invoice) for invoice in invoices])
        await pair.until_applied(ids)
    assert sorted(await pair.effects()) == sorted(ids)
    assert alarms(group) > 0


async def test_a_log_made_anew_and_grown_past_our_place(pair, group, handlers, size):
    """The worst case: by offsets alone nothing looks wrong."""
    invoice, times = new_id(), size(10)
    ids = await pair.publish([a_void(invoice) for _ in range(times)])
    async with running(pair.relay(), pair.consumer_of(group, handlers)):
        await pair.until_applied(ids)
    await make_anew(pair)
    # One after the other, so that the broker tells the true end of its log.
    async with running(pair.relay()):
        for _ in range(times + 2):
            ids += await pair.publish([a_void(invoice)])
            await until(lambda: is_drained(pair))
    async with running(pair.relay(), pair.consumer_of(group, handlers)):
        await pair.until_applied(ids)
        assert await tell_again(pair) == len(ids)
        await until(lambda: is_drained(pair))
        ids += await pair.publish([a_void(invoice)])
        await pair.until_applied(ids)
        await asyncio.sleep(0.5)
    assert await pair.effects() == ids, "once each, in order"
    assert alarms(group) > 0
