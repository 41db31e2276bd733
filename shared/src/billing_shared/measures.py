"""What the worker counts in the database for the dashboards, besides what its loops measure."""

from billing_shared.jobs import Every, Job, JobContext
from billing_shared.metrics import DEAD_LETTERS_OPEN
from billing_shared.postgres import transaction

MEASURE_EVERY_SECONDS = 15.0


def measures(service: str) -> Job:
    """The job that keeps the gauges of a service fresh."""

    async def run(job: JobContext) -> None:
        async with transaction(job.pool, None) as conn:
            waiting = await conn.fetchval("select count(*) from dead_letter where state = 'open'")
        DEAD_LETTERS_OPEN.labels(service).set(waiting)

    return Job("measures", Every(MEASURE_EVERY_SECONDS), run)
