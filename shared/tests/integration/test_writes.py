"""Several writes in one statement, on a real Postgres."""

from billing_shared import audit, outbox
from billing_shared.audit import AuditChange
from billing_shared.postgres import transaction
from billing_shared.testing.sample import a_context, a_void
from billing_shared.writes import Later, write


async def test_each_write_keeps_its_own_values(service_database):
    database = await service_database("invoice-svc", "billing_shared")
    context = a_context()
    events = [a_void(number="A-1"), a_void(number="A-2")]
    changes = [AuditChange("invoice", "7", "void", {"state": "issued"}, {"state": "void"})]
    writes = [outbox.adding(context, events), None, audit.recording(context, changes)]
    async with transaction(database.app_pool, context.tenant_id) as conn:
        await write(conn, writes, None)
    async with transaction(database.worker_pool, context.tenant_id) as conn:
        payloads = await conn.fetch("select payload from outbox order by seq")
        entry = await conn.fetchrow("select action, subject_id, after from audit_entry")
    assert ["A-1" in payloads[0][0], "A-2" in payloads[1][0]] == [True, True]
    assert tuple(entry) == ("void", "7", {"state": "void"})


async def test_what_is_left_to_later_is_written_once_and_not_before(service_database):
    database = await service_database("invoice-svc", "billing_shared")
    context, later = a_context(), Later()
    async with transaction(database.worker_pool, context.tenant_id) as conn:
        await write(conn, [outbox.adding(context, [a_void()])], later)
        assert await conn.fetchval("select count(*) from outbox") == 0
        await later.flush(conn)
        await later.flush(conn)
        assert await conn.fetchval("select count(*) from outbox") == 1
