"""S13: what the three roles of each service may do, read from the catalogue."""

from typing import Any

import pytest

from security.world import NAMES, World, connected

#: Rights of the API process on the tables every service has; nothing means out of reach.
SHARED = {
    "aggregate_sequence": "select insert update",
    "audit_entry": "select insert",
    "audit_head": "select",
    "audit_seal": "select",
    "audit_unsealed": "insert",
    "consumed_topic": "",
    "consumer_offset": "",
    "dead_letter": "",
    "dead_letter_summary": "select",
    "idempotency_key": "select insert update delete",
    "inbox": "",
    "job_run": "",
    "job_run_summary": "select",
    "operator_request": "select insert",
    "outbox": "insert",
    "outbox_pending": "insert",
    "policy_version": "select insert",
    "schema_migration": "select",
    "tenant": "select insert update",
}
#: What the worker may besides.
WORKER = {
    "audit_head": "insert update",
    "audit_seal": "insert",
    "audit_unsealed": "select delete",
    "consumed_topic": "select insert delete",
    "consumer_offset": "select insert update",
    "dead_letter": "select insert update delete",
    "inbox": "select insert delete",
    "job_run": "select insert update delete",
    "operator_request": "update",
    "outbox": "select",
    "outbox_pending": "select update delete",
}
#: Facts of a service that nobody changes or deletes, the worker included.
FOR_EVER = {
    "invoice": {"audit_entry", "audit_seal", "policy_version", "outbox"},
    "payment": {"audit_entry", "audit_seal", "policy_version", "outbox"},
    "recon": {"audit_entry", "audit_seal", "policy_version", "outbox", "entry", "journal"},
    "notify": {"audit_entry", "audit_seal", "policy_version", "outbox"},
}
VERBS = ("select", "insert", "update", "delete", "truncate", "references", "trigger")
GRANTS = f"""
    select c.relname, array(select verb from unnest('{{{",".join(VERBS)}}}'::text[]) verb
                             where has_table_privilege($2, c.oid, verb)) as rights
      from pg_class c where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
       and not c.relispartition"""


async def grants(world: World, name: str, role: str) -> dict[str, set[str]]:
    async with connected(world[name].database.admin_dsn) as conn:
        rows = await conn.fetch(GRANTS, name, f"{name}_{role}")
    return {row["relname"]: set(row["rights"]) for row in rows}


@pytest.mark.parametrize("name", NAMES)
async def test_the_grants_on_shared_tables_are_exactly_these(world: World, name: str) -> None:
    app, worker = await grants(world, name, "app"), await grants(world, name, "relay")
    assert app.keys() >= SHARED.keys()
    for table, rights in SHARED.items():
        assert app[table] == set(rights.split()), table
        wanted = app[table] | set(WORKER.get(table, "").split())
        assert worker[table] == wanted, table


@pytest.mark.parametrize("name", NAMES)
async def test_nobody_changes_what_is_for_ever_and_nobody_truncates(
    world: World, name: str
) -> None:
    for role in ("app", "relay"):
        found = await grants(world, name, role)
        for table, rights in found.items():
            assert not rights & {"truncate", "references", "trigger"}, (role, table)
        for table in FOR_EVER[name]:
            assert not found[table] & {"update", "delete"}, (role, table)


@pytest.mark.parametrize("name", NAMES)
async def test_the_roles_are_nobody_special_and_stay_in_their_schema(
    world: World, name: str
) -> None:
    roles = [f"{name}_{role}" for role in ("owner", "app", "relay")]
    async with connected(world[name].database.admin_dsn) as conn:
        for role in roles:
            row = await conn.fetchrow("select * from pg_roles where rolname = $1", role)
            powers = ("super", "bypassrls", "createdb", "createrole", "replication")
            assert not any(row[f"rol{power}"] for power in powers), role
            assert row["rolcanlogin"] is not role.endswith("_owner")
            others = [schema for schema in NAMES if schema != name]
            for schema in [*others, "public"]:
                if await conn.fetchval("select to_regnamespace($1)", schema) is not None:
                    create = "select has_schema_privilege($1, $2, 'create')"
                    assert not await conn.fetchval(create, role, schema), (role, schema)
            may_create = "select has_schema_privilege($1, $2, 'create')"
            assert await conn.fetchval(may_create, role, name) is role.endswith("_owner")
        members = await conn.fetch(
            "select r.rolname as role, m.rolname as member from pg_auth_members a "
            "join pg_roles r on r.oid = a.roleid join pg_roles m on m.oid = a.member "
            "where m.rolname = any($1)",
            roles,
        )
        pairs = {(row["member"], row["role"]) for row in members}
        assert pairs == {(f"{name}_relay", f"{name}_app")}
        owners = await conn.fetch(
            "select distinct r.rolname from pg_class c join pg_roles r on r.oid = c.relowner "
            "where c.relnamespace = $1::regnamespace",
            name,
        )
        assert {row["rolname"] for row in owners} == {f"{name}_owner"}


@pytest.mark.parametrize("name", NAMES)
async def test_what_acts_as_the_owner_is_named_and_finds_its_own_tables(
    world: World, name: str
) -> None:
    """A function with the owner's rights looks into temporary schemas last, and is not public."""
    async with connected(world[name].database.admin_dsn) as conn:
        rows = await conn.fetch(
            "select proname, proconfig, has_function_privilege($2, oid, 'execute') as app_may, "
            "has_function_privilege('public', oid, 'execute') as all_may "
            "from pg_proc where pronamespace = $1::regnamespace and prosecdef",
            name,
            f"{name}_app",
        )
    found: dict[str, Any] = {row["proname"]: row for row in rows}
    assert found.keys() == {"add_outbox_weeks", "drop_outbox_weeks"}
    for row in found.values():
        assert row["proconfig"] == [f"search_path={name}, pg_temp"], row
        assert not row["app_may"]
        assert not row["all_may"]
