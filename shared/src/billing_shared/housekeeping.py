"""The jobs every service has: partitions made ahead, and what is past its time removed."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from billing_shared.jobs import Daily, Job, JobContext
from billing_shared.postgres import transaction

OUTBOX_WEEKS_AHEAD = 5
OUTBOX_DAYS = 35
#: Longer than any topic and any replay, or a late repeat would take effect again.
INBOX_DAYS = 45
IDEMPOTENCY_DAYS = 7
DEAD_LETTER_DAYS = 35
RUN_DAYS = 400
#: Rows removed per transaction, so that nobody waits for us.
CHUNK = 10_000

_FORGET_KEYS = """
delete from idempotency_key where ctid = any(array(
    select ctid from idempotency_key where created_at < now() - $1::interval limit $2))
"""
_FORGET_LETTERS = """
delete from dead_letter where ctid = any(array(
    select ctid from dead_letter
    where state = 'replayed' and replayed_at < now() - $1::interval limit $2))
"""
_FORGET_RUNS = """
delete from job_run where ctid = any(array(
    select ctid from job_run where ended_at < now() - $1::interval limit $2))
"""
#: Event ids begin with their time, so the primary key finds the old ones; an id that is not one of
#: ours is kept at least as long by the second condition.
_FORGET_INBOX = """
delete from inbox where ctid = any(array(
    select ctid from inbox
    where consumer_group in (select distinct consumer_group from consumed_topic)
        and event_id < $3 and received_at < now() - $1::interval limit $2))
"""


async def keep_partitions(context: JobContext) -> None:
    """Weeks of the outbox: some ahead, none older than it is kept."""
    async with transaction(context.pool, None) as conn:
        await conn.execute("select add_outbox_weeks($1)", OUTBOX_WEEKS_AHEAD)
        await conn.execute("select drop_outbox_weeks($1)", timedelta(days=OUTBOX_DAYS))


async def clean_up(context: JobContext) -> None:
    """Inbox, idempotency keys, replayed dead letters, runs: what is past its time goes."""
    oldest = _first_id(datetime.now(UTC) - timedelta(days=INBOX_DAYS))
    await _in_chunks(context, _FORGET_INBOX, timedelta(days=INBOX_DAYS), CHUNK, oldest)
    await _in_chunks(context, _FORGET_KEYS, timedelta(days=IDEMPOTENCY_DAYS), CHUNK)
    await _in_chunks(context, _FORGET_LETTERS, timedelta(days=DEAD_LETTER_DAYS), CHUNK)
    await _in_chunks(context, _FORGET_RUNS, timedelta(days=RUN_DAYS), CHUNK)


async def _in_chunks(context: JobContext, statement: str, *arguments: object) -> None:
    while True:
        async with transaction(context.pool, None) as conn:
            done = await conn.execute(statement, *arguments)
        if int(done.rpartition(" ")[2]) < CHUNK:
            return


def _first_id(instant: datetime) -> UUID:
    """The smallest UUIDv7 of an instant."""
    return UUID(int=(int(instant.timestamp() * 1000) << 80) | (7 << 76))


HOUSEKEEPING = (
    Job("partitions", Daily(hour=1), keep_partitions),
    Job("clean-up", Daily(hour=2), clean_up),
)
