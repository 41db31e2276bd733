"""What time tells us to do, besides sending."""

from billing_shared.context import Actor, Context
from billing_shared.ids import new_id
from billing_shared.jobs import Daily, Job, JobContext
from billing_shared.postgres import transaction
from notify_svc.usecases.clean_up import clean_up


async def _clean_up(job: JobContext) -> None:
    assert job.tenant_id is not None, "the job is per tenant"
    context = Context(job.tenant_id, Actor("job", "clean-up"), job.clock.now(), new_id())
    async with transaction(job.pool, job.tenant_id) as conn:
        await clean_up(conn, context)


JOBS = (Job("clean-up", Daily(hour=3), _clean_up, per_tenant=True),)
