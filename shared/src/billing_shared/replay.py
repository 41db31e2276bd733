"""Publishing again what was published: after a broker lost its log, or for readers that ask.

Always through `outbox_pending`, so that order and ids stay what they were; readers drop repeats.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import structlog

from billing_shared.postgres import CONNECT_SECONDS, Pool, transaction

#: Rows put back per transaction.
CHUNK = 10_000

_REPLAY = """
with again as (
    select seq, created_at, aggregateid from outbox
    where created_at >= $1 and ($2::timestamptz is null or created_at < $2) and seq > $3
        and ($4::text[] is null or topic = any($4)) and ($5::uuid is null or tenantid = $5)
    order by seq limit $6
), put as (
    insert into outbox_pending (seq, created_at, shard)
    select seq, created_at, shard_of(aggregateid) from again
    on conflict (seq) do update set turn = outbox_pending.turn + 1
)
select max(seq) as last, count(*) as found from again
"""

_log = structlog.get_logger()


async def replay_outbox(
    pool: Pool,
    since: datetime,
    *,
    until: datetime | None = None,
    topics: Sequence[str] | None = None,
    tenant_id: UUID | None = None,
) -> int:
    """Publish again what was stored from `since` (until `until`); returns how many events.

    `topics` are event types. The outbox holds 35 days.
    """
    total, last = 0, -1
    while True:
        async with transaction(pool, None) as conn:
            row = await conn.fetchrow(_REPLAY, since, until, last, topics, tenant_id, CHUNK)
        if row is None or not row["found"]:
            return total
        total += row["found"]
        last = row["last"]


_SERVICES = """
select schemaname from pg_tables where tablename = 'consumed_topic'
    and schemaname in (select schemaname from pg_tables where tablename = 'outbox_pending')
order by schemaname
"""
#: An event is put back when some group that reads its topic has no inbox row for it. A service that
#: never said what it reads (it never started) counts as reading everything.
_REFILL = """
insert into {producer}.outbox_pending (seq, created_at, shard)
select o.seq, o.created_at, {producer}.shard_of(o.aggregateid)
from {producer}.outbox o where {missing}
on conflict (seq) do update set turn = outbox_pending.turn + 1
"""
_MISSING = """
(exists (select from {reader}.consumed_topic c where c.topic = o.topic)
        or not exists (select from {reader}.consumed_topic))
    and not exists (
        select from {reader}.inbox i
        join (select distinct consumer_group from {reader}.consumed_topic) g using (consumer_group)
        where i.event_id = o.id)
"""


async def refill_pending(admin_dsn: str) -> int:
    """For a broker whose log is lost: publish again every event that a service here has not had.

    It reads the schemas of all services, so it belongs to whoever runs them all on one database.
    Call it with the old broker dead, before or after the new one is up. Returns how many events.
    """
    conn = await asyncpg.connect(admin_dsn, timeout=CONNECT_SECONDS)
    try:
        schemas = [row["schemaname"] for row in await conn.fetch(_SERVICES)]
        total = 0
        missing = " or ".join(_MISSING.format(reader=reader) for reader in schemas)
        for producer in schemas:
            done = await conn.execute(_REFILL.format(producer=producer, missing=missing))
            total += int(done.rpartition(" ")[2])
        return total
    finally:
        await conn.close()
