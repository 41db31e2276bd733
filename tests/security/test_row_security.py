"""S2 and S3: with every filter of ours gone, the database alone keeps tenants apart."""

import asyncio
from typing import Any

import asyncpg
import pytest

from billing_shared.ids import new_id
from billing_shared.postgres import set_tenant, transaction
from security.world import NAMES, House, World, connected

#: Every table of a schema that says whose its rows are, partitions aside.
TABLES = """
    select c.relname as name, a.attname as tenant_column, c.relkind = 'v' as is_view,
           c.relrowsecurity and c.relforcerowsecurity as is_forced
      from pg_class c join pg_attribute a on a.attrelid = c.oid and not a.attisdropped
     where c.relnamespace = $1::regnamespace and a.attname in ('tenant_id', 'tenantid')
       and c.relkind in ('r', 'p', 'v') and not c.relispartition order by 1"""
#: The columns of a table that are not made from others.
WRITTEN = """
    select string_agg(quote_ident(attname), ', ') from pg_attribute
     where attrelid = $1::text::regclass and attnum > 0 and not attisdropped
       and attgenerated = '' and attidentity = ''"""
#: Out of reach of the API process, or written by it only (the outbox): no row security there.
WITHOUT = {"outbox", "dead_letter", "job_run", "delivery_due"}


async def tables(house: House) -> list[asyncpg.Record]:
    async with connected(house.database.admin_dsn) as conn:
        return await conn.fetch(TABLES, house.name)


async def allowed(conn: Any, role: str, house: House, table: str) -> set[str]:
    verbs = ("select", "insert", "update", "delete")
    rows = [
        await conn.fetchval(
            "select has_table_privilege($1, $2, $3)", role, f"{house.name}.{table}", verb
        )
        for verb in verbs
    ]
    return {verb for verb, has in zip(verbs, rows, strict=True) if has}


@pytest.mark.parametrize("name", NAMES)
async def test_every_table_with_a_tenant_forces_row_security(world: World, name: str) -> None:
    """S3: the exceptions are named, and none of them can be read by the API process."""
    house = world[name]
    found = await tables(house)
    open_ones = {row["name"] for row in found if not (row["is_forced"] or row["is_view"])}
    assert open_ones <= WITHOUT, open_ones - WITHOUT
    async with connected(house.database.admin_dsn) as conn:
        for row in found:
            if not row["is_forced"] and not row["is_view"]:
                rights = await allowed(conn, f"{name}_app", house, row["name"])
                assert rights <= {"insert"}, (row["name"], rights)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("setting", ["another tenant", "none", "empty", "no id at all"])
async def test_no_query_shows_a_row_of_another_tenant(
    world: World, name: str, setting: str
) -> None:
    """S2, S3: `select` without any filter, as the API process, over every table with a tenant."""
    house = world[name]
    value = {"another tenant": str(world.ben), "empty": "", "no id at all": "' or true"}.get(
        setting
    )
    seen = 0
    async with connected(house.database.admin_dsn) as admin:
        for row in await tables(house):
            if "select" not in await allowed(admin, f"{name}_app", house, row["name"]):
                continue
            count = f"select count(*) from {name}.{row['name']} where {row['tenant_column']} = $1"
            seen += await admin.fetchval(count, world.ada) > 0
            async with connected(house.database.app_dsn) as conn, conn.transaction():
                if value is not None:
                    await conn.execute("select set_config('app.tenant_id', $1, true)", value)
                try:
                    assert await conn.fetchval(count, world.ada) == 0, row["name"]
                except asyncpg.InvalidTextRepresentationError:
                    assert setting == "no id at all"
    # Empty tables would show nothing, whatever the policy.
    assert seen >= 7, seen


@pytest.mark.parametrize("name", NAMES)
async def test_no_row_of_another_tenant_can_be_written(world: World, name: str) -> None:
    """S2, S3: every row of Ada's, inserted again, changed and deleted as Ben and as nobody."""
    house = world[name]
    tried = 0
    async with connected(house.database.admin_dsn) as admin:
        for row in await tables(house):
            table = f"{name}.{row['name']}"
            rights = await allowed(admin, f"{name}_app", house, row["name"])
            if row["is_view"] or not row["is_forced"]:
                continue
            one = await admin.fetchval(
                f"select to_jsonb(t) from {table} t where tenant_id = $1 limit 1", world.ada
            )
            one = one or f'{{"tenant_id": "{world.ada}"}}'
            for tenant_id in (world.ben, None):
                async with connected(house.database.app_dsn) as conn:
                    tried += await _refused(conn, table, rights, one, tenant_id)
    assert tried >= 20, tried


async def _refused(conn: Any, table: str, rights: set[str], one: str, tenant_id: Any) -> int:
    columns = await conn.fetchval(WRITTEN, table)
    ada = await conn.fetchval("select ($1::jsonb)->>'tenant_id'", one)
    insert = (
        f"insert into {table} ({columns}) "
        f"select {columns} from jsonb_populate_record(null::{table}, $1::jsonb)"
    )
    if "insert" in rights:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await _as_tenant(conn, tenant_id, insert, one)
    if {"select", "update"} <= rights:
        change = f"update {table} set tenant_id = tenant_id where tenant_id::text = $1"
        assert await _as_tenant(conn, tenant_id, change, ada) == "UPDATE 0", table
    if {"select", "delete"} <= rights:
        gone = f"delete from {table} where tenant_id::text = $1"
        assert await _as_tenant(conn, tenant_id, gone, ada) == "DELETE 0", table
    return len(rights)


async def _as_tenant(conn: Any, tenant_id: Any, statement: str, value: str) -> str:
    async with conn.transaction():
        if tenant_id is not None:
            await set_tenant(conn, tenant_id)
        status: str = await conn.execute(statement, value)
    return status


@pytest.mark.parametrize("name", NAMES)
async def test_the_setting_does_not_survive_in_the_pool(world: World, name: str) -> None:
    """S3: after an end of any kind, the very connection shows nothing any more."""
    house = world[name]
    pool, count = house.database.app_pool, "select count(*) from audit_entry"

    async def nothing_is_left() -> None:
        async with transaction(pool, world.ada) as conn:
            assert await conn.fetchval(count) > 0
        held = [await pool.acquire() for _ in range(pool.get_size())]
        try:
            assert [await conn.fetchval(count) for conn in held] == [0] * len(held)
        finally:
            for conn in held:
                await pool.release(conn)

    await nothing_is_left()
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with transaction(pool, world.ada) as conn:
            await conn.execute("select 1/0")
    await nothing_is_left()

    async def sleeping() -> None:
        async with transaction(pool, world.ada) as conn:
            await conn.execute("select pg_sleep(60)")

    cut = asyncio.create_task(sleeping())
    await asyncio.sleep(0.05)
    cut.cancel()
    await asyncio.wait({cut})
    await nothing_is_left()


async def test_a_tenant_that_does_not_exist_sees_nothing(world: World) -> None:
    """S3: a well-formed id of nobody."""
    for house in world.houses.values():
        async with transaction(house.database.app_pool, new_id()) as conn:
            assert await conn.fetchval("select count(*) from audit_entry") == 0
