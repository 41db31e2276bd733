"""Jobs, housekeeping and operator requests on a real Postgres."""

from datetime import UTC, date, datetime, timedelta

import pytest

from billing_shared import outbox
from billing_shared.clock import SettableClock, SystemClock
from billing_shared.housekeeping import HOUSEKEEPING, clean_up, keep_partitions
from billing_shared.ids import new_id
from billing_shared.inbox import Inbox
from billing_shared.jobs import Daily, Every, Job, JobContext, JobRunner, due_dates, remember_tenant
from billing_shared.operator_requests import OperatorRequests
from billing_shared.postgres import transaction
from billing_shared.testing.broker import running, until
from billing_shared.testing.sample import a_context, a_void


@pytest.fixture
async def database(service_database):
    return await service_database("recon-svc", "billing_shared")


def runner(database, *jobs, clock=None):
    return JobRunner(
        database.worker_dsn, database.worker_pool, "recon-svc", jobs, clock or SystemClock()
    )


@pytest.mark.parametrize(
    ("hour_now", "last_done", "expected"),
    [
        (5, None, []),
        (6, None, [10]),
        (6, 9, [10]),
        (5, 9, []),
        (6, 7, [8, 9, 10]),
        (5, 7, [8, 9]),
        (6, 10, []),
        (6, 11, []),
    ],
)
def test_daily_jobs_make_up_for_missed_dates(hour_now, last_done, expected):
    last = date(2026, 3, last_done) if last_done else None
    dates = due_dates(Daily(hour=6), hour_now, date(2026, 3, 10), last)
    assert [day.day for day in dates] == expected


async def test_daily_job_runs_once_per_tenant_and_local_date(database):
    far_east, far_west = a_context(), a_context()
    for context, zone in ((far_east, "Pacific/Auckland"), (far_west, "Pacific/Honolulu")):
        async with transaction(database.app_pool, context.tenant_id) as conn:
            await remember_tenant(conn, context, zone)
    clock = SettableClock(datetime(2026, 3, 9, 14, tzinfo=UTC))  # 10th in Auckland, 9th in Honolulu
    seen = []

    async def note(context):
        seen.append((context.tenant_id, context.local_date))

    job = Job("note", Daily(hour=1), note, per_tenant=True)
    async with running(runner(database, job, clock=clock)):
        await until(lambda: _true(len(seen) >= 2))
        clock.set(datetime(2026, 3, 11, 14, tzinfo=UTC))
        await until(lambda: _true(len(seen) >= 6))
    assert sorted(day.day for tenant, day in seen if tenant == far_east.tenant_id) == [10, 11, 12]
    assert sorted(day.day for tenant, day in seen if tenant == far_west.tenant_id) == [9, 10, 11]


async def test_only_one_worker_runs_a_job(database):
    runs = {"one": 0, "two": 0}

    def counting(name):
        async def count(context):
            runs[name] += 1

        return Job("count", Every(seconds=0.01), count)

    async with running(runner(database, counting("one")), runner(database, counting("two"))):
        await until(lambda: _true(max(runs.values()) >= 3))
    assert min(runs.values()) == 0


async def test_failing_job_is_written_down_and_hurts_no_other(database):
    well = []

    async def fail(context):
        raise RuntimeError("no luck")

    async def work(context):
        well.append(context.local_date)

    clock = SettableClock(datetime(2026, 3, 9, 14, tzinfo=UTC))
    jobs = (Job("fails", Daily(hour=1), fail), Job("works", Every(seconds=0.05), work))
    async with running(runner(database, *jobs, clock=clock)):
        await until(lambda: _true(len(well) >= 3))
        row = await until(
            lambda: database.worker_pool.fetchrow("select * from job_run where job = 'fails'")
        )
    assert (row["state"], row["reason"]) == ("failed", "RuntimeError: no luck")


async def test_old_partitions_go_and_new_ones_come(database):
    context = JobContext(database.worker_pool, SystemClock(), None, date(2026, 3, 10))
    async with transaction(database.app_pool, (sender := a_context()).tenant_id) as conn:
        await outbox.add(conn, sender, [a_void()])
    admin = await _owner(database)
    old = datetime.now(UTC) - timedelta(days=80)
    # An old week, as if made long ago, with one event in it.
    await admin.execute(
        "create table outbox_2020_01 partition of outbox for values from ('2019-12-30Z') "
        "to ('2020-01-06Z')"
    )
    columns = "id, aggregatetype, aggregateid, type, topic, payload, source, subject, time, \
        dataschema, tenantid, sequence, correlationid"
    await admin.execute(
        f"insert into outbox (seq, created_at, {columns}) "
        f"select 0, '2020-01-01Z', gen_random_uuid(), {columns.partition(',')[2]} from outbox"
    )
    await admin.execute("insert into outbox_pending values (0, '2020-01-01Z', 0)")
    await keep_partitions(context)
    assert await admin.fetchval("select count(*) from outbox") == 2, "one is still to publish"
    await admin.execute("delete from outbox_pending where seq = 0")
    await keep_partitions(context)
    assert await admin.fetchval("select count(*) from outbox") == 1
    await admin.close()
    assert old


async def test_rows_of_a_missing_week_move_into_it(database):
    admin = await _owner(database)
    week = await admin.fetchval("select 'outbox_' || to_char(now() at time zone 'UTC', 'IYYY_IW')")
    await admin.execute(f"drop table {week}")
    async with transaction(database.app_pool, (sender := a_context()).tenant_id) as conn:
        await outbox.add(conn, sender, [a_void()])
    assert await admin.fetchval("select count(*) from outbox_default") == 1
    await database.worker_pool.execute("select add_outbox_weeks(0)")
    assert await admin.fetchval("select count(*) from outbox_default") == 0
    assert await admin.fetchval(f"select count(*) from {week}") == 1
    await admin.close()


async def test_clean_up_removes_what_is_past_its_time(database):
    admin = await _owner(database)
    await admin.execute(
        "insert into consumed_topic values ('recon-svc', 'invoice-voided');"
        "insert into inbox values ('recon-svc', '018c0000-0000-7000-8000-000000000000', "
        "  now() - interval '46 days')"
    )
    await admin.execute("insert into inbox values ('recon-svc', $1, now())", new_id())
    await admin.execute(
        "insert into idempotency_key (tenant_id, client_id, route, key, request_sha256, created_at)"
        " select $1, 'c', 'r', n::text, '', now() - make_interval(days => n) "
        "from generate_series(6, 9) n",
        new_id(),
    )
    context = JobContext(database.worker_pool, SystemClock(), None, date(2026, 3, 10))
    await clean_up(context)
    assert await admin.fetchval("select count(*) from inbox") == 1
    assert await admin.fetchval("select count(*) from idempotency_key") == 1
    await admin.close()


async def test_worker_carries_out_requests(database):
    context = a_context()
    async with transaction(database.app_pool, context.tenant_id) as conn:
        await outbox.add(conn, context, [a_void(), a_void()])
    await database.worker_pool.execute("delete from outbox_pending")
    inbox = Inbox(database.worker_pool, "recon-svc", {}, SystemClock())
    requests = OperatorRequests(inbox, HOUSEKEEPING)
    asked = [
        ("replay-outbox", {"since": (context.now - timedelta(hours=1)).isoformat()}),
        ("run-job", {"job": "clean-up", "local_date": "2026-03-10"}),
        ("run-job", {"job": "unheard-of", "local_date": "2026-03-10"}),
        ("replay-dead-letters", {}),
        ("resume-consumer", {}),
    ]
    for kind, arguments in asked:
        async with transaction(database.app_pool, context.tenant_id) as conn:
            await conn.execute(
                "insert into operator_request (request_id, tenant_id, kind, arguments, "
                "requested_by, reason) values ($1, $2, $3, $4, 'user:o', 'a test')",
                new_id(),
                context.tenant_id,
                kind,
                arguments,
            )
    while await requests.carry_out_next():
        pass
    async with transaction(database.app_pool, context.tenant_id) as conn:
        rows = await conn.fetch("select state, result from operator_request order by requested_at")
    assert [row["state"] for row in rows] == ["done", "done", "failed", "done", "done"]
    assert rows[0]["result"] == {"events": 2}
    assert await database.worker_pool.fetchval("select count(*) from outbox_pending") == 2


async def _true(value):
    return value


async def _owner(database):
    import asyncpg

    conn = await asyncpg.connect(database.admin_dsn)
    await conn.execute("set search_path = recon")
    return conn
