"""A worker process for the kill test: relay of one service and consumer of another.

python worker_to_kill.py PRODUCER_DSN CONSUMER_DSN BOOTSTRAP PREFIX GROUP
"""

import asyncio
import sys

from billing_shared.broker import Broker
from billing_shared.consumer import Consumer
from billing_shared.contracts.invoice import InvoiceVoided
from billing_shared.postgres import open_pool
from billing_shared.relay import Relay


async def record_effects(conn, context, incoming):
    await conn.execute(
        "insert into effect (tenant_id, event_id, aggregate_id, sequence) "
        "select $1, * from unnest($2::uuid[], $3::uuid[], $4::bigint[])",
        context.tenant_id,
        [i.envelope.id for i in incoming],
        [i.event.aggregate_id for i in incoming],
        [i.envelope.sequence for i in incoming],
    )
    # Room for a kill between effect and commit.
    await asyncio.sleep(0.01)


async def work(producer_dsn, consumer_dsn, bootstrap, prefix, group):
    here = Broker(bootstrap, prefix, is_embedded=True)
    pool = await open_pool(consumer_dsn, name="to kill", size=3)
    consumer = Consumer(pool, group, {InvoiceVoided: record_effects}, here)
    relay = Relay(producer_dsn, "invoice-svc", here)
    never = asyncio.Event()
    await asyncio.gather(relay.run(never), consumer.run(never))


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
