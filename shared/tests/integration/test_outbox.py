"""The outbox statement, on a real Postgres."""

from uuid import UUID

from billing_shared import outbox
from billing_shared.ids import new_id
from billing_shared.postgres import transaction
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
