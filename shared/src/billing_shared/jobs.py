"""Named jobs, run by one worker of a service at a time."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from billing_shared.clock import Clock
from billing_shared.context import Context
from billing_shared.postgres import Connection, Pool


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
