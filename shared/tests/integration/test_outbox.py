"""The outbox statement, on a real Postgres."""

import asyncio
from uuid import UUID

from billing_shared import outbox
from billing_shared.ids import new_id
from billing_shared.postgres import transaction
from billing_shared.testing.broker import until
from billing_shared.testing.sample import a_context, a_void


async def test_sequence_counts_per_aggregate_across_calls(service_database):
    database = await service_database("invoice-svc", "billing_shared")
    context = a_context()
    one, two = new_id(), new_id()
    async with transaction(database.app_pool, context.tenant_id) as conn:
        first = await outbox.add(conn, context, [a_void(one), a_void(two), a_void(one)])
        second = await outbox.add(conn, context, [a_void(one)])
    async with transaction(database.worker_pool, None) as conn:
        rows = await conn.fetch("select id, aggregateid, sequence from outbox order by seq")
        pending = await conn.fetchval("select count(*) from outbox_pending")
    assert [row["id"] for row in rows] == first + second
    assert [(UUID(row["aggregateid"]), row["sequence"]) for row in rows] == [
        (one, 1),
        (two, 1),
        (one, 2),
        (one, 3),
    ]
    assert pending == 4


async def test_writers_of_one_aggregate_are_numbered_in_one_order(service_database):
    """Who waits for the aggregate has drawn nothing yet: `seq` and `sequence` agree."""
    database = await service_database("invoice-svc", "billing_shared")
    context, invoice = a_context(), new_id()

    async def write():
        async with transaction(database.app_pool, context.tenant_id) as conn:
            await conn.execute("select pg_current_xact_id()")
            await outbox.add(conn, context, [a_void(invoice)])

    async def waits():
        return await database.worker_pool.fetchval("select true from pg_locks where not granted")

    async with transaction(database.app_pool, context.tenant_id) as conn:
        await outbox.add(conn, context, [a_void(invoice)])
        other = asyncio.create_task(write())
        await until(waits)
        await outbox.add(conn, context, [a_void(invoice)])
    await other
    rows = await database.worker_pool.fetch("select sequence from outbox order by seq")
    assert [row["sequence"] for row in rows] == [1, 2, 3]
