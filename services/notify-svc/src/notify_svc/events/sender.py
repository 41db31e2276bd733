"""The loop that sends: time, rather than Kafka, tells it what to do.

Any number of workers may run it at once. A turn is one transaction: note what came of finished
calls, take what is due. Calls run between turns, each in a task of its own.
"""

import asyncio
import time
from itertools import groupby

import structlog

from billing_shared.clock import Clock
from billing_shared.context import Actor, Context
from billing_shared.ids import new_id
from billing_shared.metrics import DELIVERIES_DUE, DELIVERIES_DUE_SECONDS, DELIVERY_ATTEMPTS
from billing_shared.postgres import Connection, Pool, set_tenant, transaction
from notify_svc.domain.call import Call, Claim, MailCall
from notify_svc.domain.delivery import Outcome
from notify_svc.store.due_deliveries import measure_due, renew_leases
from notify_svc.usecases.make_calls import Outside, make_call
from notify_svc.usecases.prepare_calls import LEASE, prepare_calls
from notify_svc.usecases.record_outcomes import record_outcomes

#: Calls under way in one worker.
MAX_CALLS = 64
#: Between two looks at the table: when there was nothing, and when there was.
IDLE_SECONDS = 0.2
BUSY_SECONDS = 0.02
#: After a failed turn (database away), doubled up to the second value.
BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 15.0
#: When stopping, calls under way get so long; those cut off are `unknown` to the next worker.
DRAIN_SECONDS = 20.0

#: Between two renewals of the leases in hand; a lease outlives it and the drain together.
RENEW_SECONDS = 5.0
#: Between two measurements of what is due.
MEASURE_SECONDS = 5.0

ACTOR = Actor("service", "notify-svc")

log = structlog.get_logger()


class Sender:
    """Sends what is due until told to stop."""

    def __init__(self, pool: Pool, clock: Clock, outside: Outside) -> None:
        self._pool = pool
        self._clock = clock
        self._outside = outside
        self._calls: dict[asyncio.Task[None], Claim] = {}
        self._finished: list[tuple[Claim, Outcome]] = []
        self._renew_at = 0.0
        self._measure_at = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether calls are under way, or their outcomes not yet noted."""
        return bool(self._calls or self._finished)

    async def run(self, stop: asyncio.Event) -> None:
        """Turn after turn; a failed one is tried again for ever."""
        backoff = BACKOFF_SECONDS
        while not stop.is_set():
            try:
                taken = await self.turn(MAX_CALLS - len(self._calls))
            except Exception as error:
                # The third place that swallows: one tenant's oddity must not silence all mail.
                log.warning("sender.turn-failed", error=repr(error))
                await _pause(stop, backoff)
                backoff = min(backoff * 2, MAX_BACKOFF_SECONDS)
                continue
            backoff = BACKOFF_SECONDS
            await _pause(stop, BUSY_SECONDS if taken or self.is_busy else IDLE_SECONDS)
        await self._drain()

    async def turn(self, limit: int) -> int:
        """One transaction; how many calls were begun."""
        noted = list(self._finished)
        async with transaction(self._pool, None) as conn:
            noted.sort(key=lambda item: item[0].tenant_id)
            for tenant_id, items in groupby(noted, key=lambda item: item[0].tenant_id):
                await set_tenant(conn, tenant_id)
                context = Context(tenant_id, ACTOR, self._clock.now(), new_id())
                await record_outcomes(conn, context, list(items))
            await self._renew(conn)
            calls = await prepare_calls(conn, self._clock.now(), limit)
            if time.monotonic() >= self._measure_at:
                self._measure_at = time.monotonic() + MEASURE_SECONDS
                due, oldest = await measure_due(conn)
                DELIVERIES_DUE.set(due)
                DELIVERIES_DUE_SECONDS.set(oldest)
        done = {claim.attempt_id for claim, _ in noted}
        self._finished = [item for item in self._finished if item[0].attempt_id not in done]
        for call in calls:
            task = asyncio.create_task(self._call(call))
            self._calls[task] = call.claim
            task.add_done_callback(self._calls.pop)
        return len(calls)

    async def _renew(self, conn: Connection) -> None:
        if self._calls and time.monotonic() >= self._renew_at:
            self._renew_at = time.monotonic() + RENEW_SECONDS
            held = [(claim.delivery_id, claim.lease_id) for claim in self._calls.values()]
            await renew_leases(conn, held, LEASE)

    async def _call(self, call: Call) -> None:
        try:
            outcome = await make_call(self._outside, call)
        except Exception as error:
            # A fault of ours; whether anything was sent nobody can say.
            log.error("sender.call-failed", error_type=type(error).__name__, exc_info=error)
            outcome = Outcome("unknown", f"internal fault: {type(error).__name__}")
        channel = "mail" if isinstance(call, MailCall) else "webhook"
        DELIVERY_ATTEMPTS.labels(channel, outcome.result).inc()
        self._finished.append((call.claim, outcome))

    async def _drain(self) -> None:
        if self._calls:
            await asyncio.wait(self._calls, timeout=DRAIN_SECONDS)
        for task in self._calls:
            task.cancel()
        if self._finished:
            await self.turn(0)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
