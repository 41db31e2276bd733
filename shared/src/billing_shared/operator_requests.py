"""What operators ask for over HTTP or by command, carried out by the worker."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from billing_shared import dead_letter
from billing_shared.backoff import rest
from billing_shared.errors import BillingError, invalid
from billing_shared.inbox import Inbox
from billing_shared.jobs import Job, JobContext, run_job, write_down
from billing_shared.postgres import is_transient, transaction
from billing_shared.replay import replay_outbox

LOOK_SECONDS = 0.5

#: One at a time, over all workers: the lock ends with the transaction that carries it out.
_NEXT = """
select * from operator_request where state = 'waiting'
order by requested_at limit 1 for update skip locked
"""
_END = """
update operator_request set state = $2, result = $3, ended_at = now() where request_id = $1
"""

_log = structlog.get_logger()

Result = dict[str, Any]


class OperatorRequests:
    """One per worker process."""

    def __init__(self, inbox: Inbox, jobs: Sequence[Job]) -> None:
        self._inbox = inbox
        self._jobs = {job.name: job for job in jobs}
        self._kinds: Mapping[str, Callable[[asyncpg.Record], Awaitable[Result]]] = {
            "replay-dead-letters": self._replay_dead_letters,
            "replay-outbox": self._replay_outbox,
            "resume-consumer": self._resume_consumer,
            "run-job": self._run_job,
        }
        #: When the loop last turned (time.monotonic), for liveness.
        self.turned_at = time.monotonic()

    async def run(self, stop: asyncio.Event) -> None:
        """Carry out requests until `stop`."""
        while not stop.is_set():
            self.turned_at = time.monotonic()
            try:
                while not stop.is_set() and await self.carry_out_next():
                    self.turned_at = time.monotonic()
            except Exception as error:
                if is_transient(error):
                    _log.warning("requests_without_database", error_name=type(error).__name__)
                else:
                    _log.exception("requests_failed")
            await rest(stop, LOOK_SECONDS)

    async def carry_out_next(self) -> bool:
        """Take the oldest waiting request to its end; False when there is none.

        What it does commits on its own; the request is marked after that, so a kill between makes
        it run again, which every kind bears.
        """
        async with transaction(self._inbox.pool, None) as conn:
            request = await conn.fetchrow(_NEXT)
            if request is None:
                return False
            # Holding a row lock for minutes is fine, being cut off for idling is not.
            await conn.execute("set local idle_in_transaction_session_timeout = 0")
            try:
                result, state = await self._kinds[request["kind"]](request), "done"
            except Exception as error:
                if is_transient(error):
                    raise
                reason = error.detail if isinstance(error, BillingError) else type(error).__name__
                _log.warning("request_failed", kind=request["kind"], reason=reason)
                result, state = {"reason": reason}, "failed"
            await conn.execute(_END, request["request_id"], state, result)
        _log.info(
            "security.request_carried_out",
            kind=request["kind"],
            request_id=str(request["request_id"]),
            requested_by=request["requested_by"],
            tenant_id=str(request["tenant_id"]) if request["tenant_id"] else None,
            state=state,
        )
        return True

    async def _replay_dead_letters(self, request: asyncpg.Record) -> Result:
        open_ids = await dead_letter.open_letters(self._inbox, request["tenant_id"])
        named = request["arguments"].get("dead_letter_ids")
        wanted = open_ids if named is None else [i for i in open_ids if str(i) in set(named)]
        failed = []
        for dead_letter_id in wanted:
            verdict = await dead_letter.replay(self._inbox, dead_letter_id)
            if verdict is not None:
                failed.append({"dead_letter_id": str(dead_letter_id), "code": verdict.code})
        return {"replayed": len(wanted) - len(failed), "failed": failed}

    async def _replay_outbox(self, request: asyncpg.Record) -> Result:
        arguments = request["arguments"]
        until = arguments.get("until")
        events = await replay_outbox(
            self._inbox.pool,
            datetime.fromisoformat(arguments["since"]),
            until=datetime.fromisoformat(until) if until else None,
            topics=arguments.get("topics"),
            tenant_id=request["tenant_id"],
        )
        return {"events": events}

    async def _resume_consumer(self, request: asyncpg.Record) -> Result:
        # Nothing to do here: every halted consumer looks for the request that is done.
        return {"asked_by": request["requested_by"]}

    async def _run_job(self, request: asyncpg.Record) -> Result:
        arguments = request["arguments"]
        job = self._jobs.get(arguments["job"])
        if job is None:
            raise invalid("job", f"no job is named {arguments['job']}")
        tenant_id: UUID | None = request["tenant_id"] if job.per_tenant else None
        if job.per_tenant and tenant_id is None:
            raise invalid("tenant_id", "this job runs per tenant")
        context = JobContext(
            self._inbox.pool,
            self._inbox.clock,
            tenant_id,
            date.fromisoformat(arguments["local_date"]),
        )
        reason = await run_job(self._inbox.group, job, context)
        await write_down(self._inbox.pool, job, context, reason)
        if reason is not None:
            raise invalid("job", reason)
        return {"job": job.name}
