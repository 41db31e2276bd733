"""Named jobs, run by one worker of a service at a time, made up for after downtime."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import structlog

from billing_shared import metrics
from billing_shared.backoff import Backoff, rest
from billing_shared.clock import Clock
from billing_shared.context import Context
from billing_shared.postgres import Connection, Pool, is_transient, open_session, transaction

TICK_SECONDS = 0.2
#: How often the dates of daily jobs are looked at.
DAILY_LOOK_SECONDS = 2.0
#: Between tries of a daily job that failed, and the longest wait of one that runs again and again.
RETRY_SECONDS = 60.0
#: A job that was down longer makes up for its last dates only.
MAX_CATCH_UP_DAYS = 40
MAX_REASON = 500
STOP_SECONDS = 10.0
#: Stands for "all tenants" in the key of a run.
NO_TENANT = UUID(int=0)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Every:
    """Again and again, this many seconds apart; missed turns are not made up for."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Daily:
    """Once per local date, from this hour on (tenant's time zone, or UTC); missed dates are made
    up for, oldest first."""

    hour: int


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a job gets. `tenant_id` is None, and the date UTC's, unless the job is per tenant."""

    pool: Pool
    clock: Clock
    tenant_id: UUID | None
    local_date: date


@dataclass(frozen=True, slots=True)
class Job:
    """`run` opens its own transactions and must bear being run twice for one date."""

    name: str
    schedule: Every | Daily
    run: Callable[[JobContext], Awaitable[None]]
    per_tenant: bool = False


async def remember_tenant(conn: Connection, context: Context, time_zone: str) -> None:
    """Put the tenant on the list that per-tenant jobs go through; `time_zone` is an IANA name."""
    await conn.execute(
        "insert into tenant (tenant_id, time_zone) values ($1, $2) on conflict (tenant_id) "
        "do update set time_zone = excluded.time_zone "
        "where tenant.time_zone is distinct from excluded.time_zone",
        context.tenant_id,
        time_zone,
    )


def due_dates(schedule: Daily, now_hour: int, today: date, last_done: date | None) -> list[date]:
    """The local dates a daily job still has to be run for, oldest first."""
    newest = today if now_hour >= schedule.hour else today - timedelta(days=1)
    if last_done is None:
        # A job that never ran has nothing to make up for.
        return [today] if newest == today else []
    days = min((newest - last_done).days, MAX_CATCH_UP_DAYS)
    return [newest - timedelta(days=back) for back in range(days - 1, -1, -1)]


class JobRunner:
    """One per worker process; the one with the advisory lock runs the jobs of the service, each in
    a task of its own, so that a long one does not hold up the others."""

    def __init__(
        self, dsn: str, pool: Pool, service: str, jobs: Sequence[Job], clock: Clock
    ) -> None:
        self._dsn = dsn
        self._pool = pool
        self._service = service
        self._jobs = jobs
        self._clock = clock
        self._running: dict[str, asyncio.Task[None]] = {}
        self._next_at: dict[str, float] = {}
        self._backoffs: dict[str, Backoff] = {}
        self._retry_at: dict[tuple[str, UUID], float] = {}
        #: When the loop last turned (time.monotonic), for liveness.
        self.turned_at = time.monotonic()

    async def run(self, stop: asyncio.Event) -> None:
        """Run what is due until `stop`; whatever goes wrong is tried again."""
        backoff = Backoff()
        while not stop.is_set():
            self.turned_at = time.monotonic()
            try:
                conn = await open_session(self._dsn, name=f"{self._service} jobs")
                try:
                    await self._lead(conn, stop)
                finally:
                    await self._end_running()
                    conn.terminate()
                backoff.forget()
            except Exception as error:
                if is_transient(error):
                    _log.warning("jobs_without_database", error_name=type(error).__name__)
                else:
                    _log.exception("jobs_failed")
                await rest(stop, backoff.next())

    async def _lead(self, conn: "asyncpg.Connection[asyncpg.Record]", stop: asyncio.Event) -> None:
        while not stop.is_set():
            self.turned_at = time.monotonic()
            # Asked again on every turn: it holds at once, and shows when the session is gone.
            if await conn.fetchval(
                "select pg_try_advisory_lock(hashtext($1))", f"jobs {self._service}"
            ):
                break
            await rest(stop, 1.0)
        while not stop.is_set():
            self.turned_at = time.monotonic()
            await conn.execute("select 1")
            for job in self._jobs:
                task = self._running.get(job.name)
                if (task is None or task.done()) and self._is_time(job):
                    self._running[job.name] = asyncio.create_task(self._start(job))
            await rest(stop, TICK_SECONDS)

    def _is_time(self, job: Job) -> bool:
        return time.monotonic() >= self._next_at.get(job.name, 0.0)

    async def _start(self, job: Job) -> None:
        try:
            if isinstance(job.schedule, Daily):
                await self._run_daily(job, job.schedule)
            else:
                await self._run_again(job, job.schedule)
        except Exception as error:
            # Listing tenants or writing the run down failed: the database is away.
            _log.warning("job_put_off", job_name=job.name, error_name=type(error).__name__)
            self._next_at[job.name] = time.monotonic() + DAILY_LOOK_SECONDS

    async def _run_again(self, job: Job, schedule: Every) -> None:
        backoff = self._backoffs.setdefault(
            job.name, Backoff(low=max(schedule.seconds, 0.2), high=RETRY_SECONDS)
        )
        is_well = True
        today = self._clock.now().date()
        for tenant_id, zone in (await self._tenants(job)).items():
            day = self._clock.now().astimezone(ZoneInfo(zone)).date() if job.per_tenant else today
            reason = await run_job(
                self._service, job, JobContext(self._pool, self._clock, tenant_id, day)
            )
            is_well = is_well and reason is None
        if is_well:
            backoff.forget()
        self._next_at[job.name] = time.monotonic() + (
            schedule.seconds if is_well else backoff.next()
        )

    async def _run_daily(self, job: Job, schedule: Daily) -> None:
        self._next_at[job.name] = time.monotonic() + DAILY_LOOK_SECONDS
        done = await self._last_done(job)
        for tenant_id, zone in (await self._tenants(job)).items():
            key = tenant_id or NO_TENANT
            if time.monotonic() < self._retry_at.get((job.name, key), 0.0):
                continue
            now = self._clock.now().astimezone(ZoneInfo(zone))
            for day in due_dates(schedule, now.hour, now.date(), done.get(key)):
                context = JobContext(self._pool, self._clock, tenant_id, day)
                reason = await run_job(self._service, job, context)
                await write_down(self._pool, job, context, reason)
                if reason is not None:
                    # In order: later dates wait for this one.
                    self._retry_at[job.name, key] = time.monotonic() + RETRY_SECONDS
                    break

    async def _tenants(self, job: Job) -> Mapping[UUID | None, str]:
        if not job.per_tenant:
            return {None: "UTC"}
        async with transaction(self._pool, None) as conn:
            rows = await conn.fetch("select tenant_id, time_zone from tenant order by tenant_id")
        return {row["tenant_id"]: row["time_zone"] for row in rows}

    async def _last_done(self, job: Job) -> dict[UUID, date]:
        async with transaction(self._pool, None) as conn:
            rows = await conn.fetch(
                "select tenant_id, max(local_date) as day from job_run "
                "where job = $1 and state = 'done' group by tenant_id",
                job.name,
            )
        return {row["tenant_id"]: row["day"] for row in rows}

    async def _end_running(self) -> None:
        tasks = [task for task in self._running.values() if not task.done()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
        self._running.clear()


async def run_job(service: str, job: Job, context: JobContext) -> str | None:
    """Run it once; None, or why it failed. An error of one tenant does not stop the others."""
    started = time.perf_counter()
    try:
        await job.run(context)
    except Exception as error:
        metrics.JOB_FAILURES.labels(service, job.name).inc()
        _log.exception("job_failed", job_name=job.name, tenant_id=context.tenant_id)
        return f"{type(error).__name__}: {error}"[:MAX_REASON]
    finally:
        metrics.JOB_SECONDS.labels(service, job.name).observe(time.perf_counter() - started)
    return None


async def write_down(pool: Pool, job: Job, context: JobContext, reason: str | None) -> None:
    """Record what became of the job for this tenant and date."""
    async with transaction(pool, None) as conn:
        await conn.execute(
            "insert into job_run (job, tenant_id, local_date, state, reason) "
            "values ($1, $2, $3, $4, $5) on conflict (job, tenant_id, local_date) do update "
            "set state = excluded.state, reason = excluded.reason, ended_at = now(), "
            "attempts = job_run.attempts + 1",
            job.name,
            context.tenant_id or NO_TENANT,
            context.local_date,
            "done" if reason is None else "failed",
            reason,
        )
