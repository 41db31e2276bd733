"""What the roles may not do, and that a tenant's rows fail closed."""

import asyncpg
import pytest

from billing_shared import outbox
from billing_shared.ids import new_id
from billing_shared.migrate import ChangedMigration, migrate
from billing_shared.postgres import transaction
from billing_shared.testing.database import (
    APP_PASSWORD,
    RELAY_PASSWORD,
    as_role,
    with_database,
)
from billing_shared.testing.sample import a_context, a_void


@pytest.fixture
async def database(service_database):
    return await service_database("invoice-svc", "billing_shared")


@pytest.mark.parametrize(
    "statement",
    [
        "select * from inbox",
        "insert into inbox values ('g', gen_random_uuid())",
        "select * from consumer_offset",
        "select * from dead_letter",
        "select * from outbox",
        "update outbox set payload = ''",
        "delete from outbox",
        "delete from outbox_pending",
        "select * from outbox_pending",
        "update audit_entry set reason = ''",
        "delete from audit_entry",
        "select * from audit_unsealed",
        "insert into audit_seal values (gen_random_uuid(), 1, gen_random_uuid(), '', '')",
        "update operator_request set state = 'done'",
        "select * from job_run",
        "insert into schema_migration values ('a', 'b', 'c')",
        "create table mine (a int)",
        "select drop_outbox_weeks('0 days')",
        "alter table tenant disable row level security",
        "set role invoice_relay",
        "set role invoice_owner",
    ],
)
async def test_api_process_may_not(database, statement):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.app_pool.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "update outbox set payload = ''",
        "delete from outbox",
        "update audit_entry set reason = ''",
        "drop table inbox",
        "set role invoice_owner",
    ],
)
async def test_worker_may_not(database, statement):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.worker_pool.execute(statement)


async def test_without_a_tenant_nothing_is_seen_and_nothing_written(database):
    context, other = a_context(), a_context()
    async with transaction(database.app_pool, context.tenant_id) as conn:
        await outbox.add(conn, context, [a_void()])
        assert await conn.fetchval("select count(*) from aggregate_sequence") == 1
    # The very connection that had the tenant set must have forgotten it.
    for _ in range(10):
        assert await database.app_pool.fetchval("select count(*) from aggregate_sequence") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with transaction(database.app_pool, None) as conn:
            await outbox.add(conn, context, [a_void()])
    async with transaction(database.app_pool, other.tenant_id) as conn:
        assert await conn.fetchval("select count(*) from aggregate_sequence") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with transaction(database.app_pool, other.tenant_id) as conn:
            await outbox.add(conn, context, [a_void()])


async def test_every_table_with_a_tenant_forces_row_security(service_database):
    """All four services: whatever has a tenant_id is closed, or out of the API process's reach."""
    for name in ("invoice", "payment", "recon", "notify"):
        database = await service_database(f"{name}-svc", f"{name}_svc")
        conn = await asyncpg.connect(database.admin_dsn)
        rows = await conn.fetch(
            """
            select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
            join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
            where n.nspname = $1 and c.relkind in ('r', 'p')
                and not (c.relrowsecurity and c.relforcerowsecurity)
                and has_table_privilege($2, c.oid, 'select, update, delete')
            """,
            name,
            f"{name}_app",
        )
        assert [row["relname"] for row in rows] == [], name
        await conn.close()


async def test_a_changed_migration_is_refused(database):
    conn = await asyncpg.connect(database.admin_dsn)
    await conn.execute("update invoice.schema_migration set sha256 = 'x' where name like '0002%'")
    await conn.close()
    with pytest.raises(ChangedMigration):
        await migrate(
            database.admin_dsn,
            "invoice-svc",
            "billing_shared",
            app_password=APP_PASSWORD,
            relay_password=RELAY_PASSWORD,
        )


async def test_migrations_need_no_superuser(postgres):
    """What a managed Postgres gives: an administrator who may create roles and schemas."""
    name, steward = f"managed_{new_id().hex[-8:]}", f"steward_{new_id().hex[-8:]}"
    server = await asyncpg.connect(postgres)
    await server.execute(f"create role {steward} login createrole password 's'")
    await server.execute(f"create database {name} owner {steward}")
    dsn = as_role(with_database(postgres, name), steward, "s")
    # A service of its own, since roles are the server's and the others are the superuser's.
    service = f"managed{new_id().hex[-8:]}-svc"
    passwords = {"app_password": APP_PASSWORD, "relay_password": RELAY_PASSWORD}
    assert await migrate(dsn, service, "billing_shared", **passwords)
    assert await migrate(dsn, service, "billing_shared", **passwords) == []
    schema = service.removesuffix("-svc")
    app = await asyncpg.connect(as_role(dsn, f"{schema}_app", APP_PASSWORD))
    assert await app.fetchval("select count(*) from tenant") == 0
    await app.close()
    await server.execute(f"drop database {name} with (force)")
    await server.execute(f"drop role {schema}_app, {schema}_relay, {schema}_owner, {steward}")
    await server.close()
