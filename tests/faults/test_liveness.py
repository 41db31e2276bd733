"""One relay and one consumer are healed, all others stay frozen with what they hold: it drains."""

import asyncio
import os
import signal

import pytest

from billing_shared.ids import new_id
from billing_shared.testing.broker import until
from billing_shared.testing.sample import a_void

PROCESSES = 3
#: A frozen relay keeps its shards until its session is found idle, a frozen consumer its
#: partitions until the group gives it up.
DRAIN_SECONDS = 120


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_what_one_healthy_process_can_do_is_done(pair, group):
    argv = pair.process_argv(group)
    invoices = [new_id() for _ in range(20)]
    processes = [await asyncio.create_subprocess_exec(*argv)]
    try:
        ids = await pair.publish([a_void(invoice) for invoice in invoices])
        await pair.until_applied(ids)
        # The first owns all shards by now; the last, which will be healed, owns none.
        processes += [await asyncio.create_subprocess_exec(*argv) for _ in range(PROCESSES - 1)]
        ids += await pair.publish([a_void(invoice) for invoice in invoices])
        await pair.until_applied(ids)
        for process in processes:
            ids += await pair.publish([a_void(invoice) for invoice in invoices])
            os.kill(process.pid, signal.SIGSTOP)
        ids += await pair.publish([a_void(invoice) for invoice in invoices])
        os.kill(processes[-1].pid, signal.SIGCONT)

        async def drained():
            return await pair.pending() == 0 and set(ids) <= set(await pair.effects())

        await until(drained, seconds=DRAIN_SECONDS)
        for process in processes:
            os.kill(process.pid, signal.SIGCONT)
        ids += await pair.publish([a_void(invoice) for invoice in invoices])
        await pair.until_applied(ids)
    finally:
        for process in processes:
            process.kill()
            await process.wait()
    for invoice in invoices:
        sequences = await pair.sequences(invoice)
        assert sequences == list(range(1, len(sequences) + 1)), "once each, in order"
    assert await pair.dead_letters() == []
