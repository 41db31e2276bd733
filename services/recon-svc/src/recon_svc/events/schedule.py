"""What recon-svc does by the clock: proving the books, and measuring what waits for people."""

from typing import Literal

from billing_shared.context import Actor, Context
from billing_shared.ids import new_id
from billing_shared.jobs import Daily, Every, Job, JobContext
from billing_shared.postgres import transaction
from recon_svc.store import books
from recon_svc.usecases.measure_backlog import measure_backlog
from recon_svc.usecases.prove_books import prove_books

PROVE_SECONDS = 60
MEASURE_SECONDS = 30
NIGHT_HOUR = 2


async def prove_newest(job: JobContext) -> None:
    """Prove what was posted since the last proof, where anything was."""
    await _prove(job, "incremental")


async def prove_all(job: JobContext) -> None:
    """Prove everything, broken books too."""
    await _prove(job, "full")


async def measure(job: JobContext) -> None:
    """Open discrepancies, held money and broken books, as metrics."""
    await measure_backlog(job.pool)


async def _prove(job: JobContext, kind: Literal["incremental", "full"]) -> None:
    assert job.tenant_id is not None
    context = Context(
        tenant_id=job.tenant_id,
        actor=Actor("job", "prove-books"),
        now=job.clock.now(),
        correlation_id=new_id(),
    )
    async with transaction(job.pool, job.tenant_id) as conn:
        if kind == "full" or await books.is_due(conn, job.tenant_id):
            await prove_books(conn, context, kind)


JOBS = (
    Job("prove-newest", Every(PROVE_SECONDS), prove_newest, per_tenant=True),
    Job("measure-backlog", Every(MEASURE_SECONDS), measure),
    Job("prove-all", Daily(NIGHT_HOUR), prove_all, per_tenant=True),
)
