"""A relay process that is killed at the worst moment: the broker has the events, the rows remain.

python relay_that_dies.py WORKER_DSN BOOTSTRAP PREFIX IS_EMBEDDED
"""

import asyncio
import os
import signal
import sys

from billing_shared.broker import Broker
from billing_shared.relay import Relay


class DiesAfterAck(Relay):
    async def _publish(self, rows):
        sent = await super()._publish(rows)
        if sent:
            os.kill(os.getpid(), signal.SIGKILL)
        return sent


if __name__ == "__main__":
    _, dsn, bootstrap, prefix, is_embedded = sys.argv
    here = Broker(bootstrap, prefix, is_embedded=is_embedded == "True")
    asyncio.run(DiesAfterAck(dsn, "invoice-svc", here).run(asyncio.Event()))
