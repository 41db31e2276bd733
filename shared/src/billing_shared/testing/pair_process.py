"""A relay of one service and a consumer of another as a process, to be killed or frozen.

python -m billing_shared.testing.pair_process PRODUCER_DSN CONSUMER_DSN BOOTSTRAP PREFIX \\
    IS_EMBEDDED GROUP
"""

import asyncio
import sys
from typing import Any

from billing_shared.broker import Broker
from billing_shared.consumer import Consumer
from billing_shared.context import Context
from billing_shared.contracts.invoice import InvoiceVoided
from billing_shared.inbox import Incoming
from billing_shared.postgres import Connection, open_pool
from billing_shared.relay import Relay
from billing_shared.testing.pair import record_effects

#: Room for a fault between effect and commit.
PAUSE_SECONDS = 0.01


async def _slowly(conn: Connection, context: Context, incoming: list[Incoming[Any]]) -> None:
    await record_effects(conn, context, incoming)
    await asyncio.sleep(PAUSE_SECONDS)


async def work(arguments: list[str]) -> None:
    """Until killed."""
    producer_dsn, consumer_dsn, bootstrap, prefix, embedded, group = arguments
    here = Broker(bootstrap, prefix, is_embedded=embedded == "True")
    pool = await open_pool(consumer_dsn, name="pair", size=3)
    consumer = Consumer(pool, group, {InvoiceVoided: _slowly}, here)
    relay = Relay(producer_dsn, "invoice-svc", here)
    never = asyncio.Event()
    await asyncio.gather(relay.run(never), consumer.run(never))


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1:]))
