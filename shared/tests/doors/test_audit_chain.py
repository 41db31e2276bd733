import asyncpg
import pytest

from billing_shared import audit_chain
from billing_shared.audit import AuditChange, record
from billing_shared.audit_chain import seal_all, verify
from billing_shared.ids import new_id
from billing_shared.postgres import transaction
from billing_shared.testing.sample import a_context


@pytest.fixture
async def superuser(database):
    conn = await asyncpg.connect(database.admin_dsn)
    await conn.execute("set search_path = shared")
    yield conn
    await conn.close()


async def write(database, tenant_id, names):
    context = a_context(tenant_id)
    changes = [
        AuditChange("thing", name, "thing-added", None, {"name": name, "net_minor": 10**14})
        for name in names
    ]
    async with transaction(database.app_pool, tenant_id) as conn:
        await record(conn, context, changes)


@pytest.fixture
async def sealed(database):
    """Two tenants with a chain each."""
    tenants = [new_id(), new_id()]
    for tenant_id in tenants:
        for batch in ("abc", "de", "fgh"):
            await write(database, tenant_id, batch)
            await seal_all(database.worker_pool)
    return tenants


async def kinds(database, kept=None):
    _, findings = await verify(database.worker_pool, kept)
    return {finding.kind for finding in findings}


async def test_a_chain_left_alone_verifies(database, sealed):
    heads, findings = await verify(database.worker_pool)
    assert findings == []
    assert [head.number for head in heads] == [8, 8]


async def test_large_chains_are_sealed_and_walked_in_batches(database, monkeypatch):
    monkeypatch.setattr(audit_chain, "SEAL_BATCH", 7)
    monkeypatch.setattr(audit_chain, "VERIFY_BATCH", 5)
    tenant_id = new_id()
    await write(database, tenant_id, [str(i) for i in range(40)])
    assert await seal_all(database.worker_pool) == 40
    heads, findings = await verify(database.worker_pool)
    assert (heads[0].number, findings) == (40, [])


async def test_an_entry_that_commits_late_is_sealed_too(database):
    tenant_id = new_id()
    late = await asyncpg.connect(database.app_dsn)
    await late.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=str)
    open_transaction = late.transaction()
    await open_transaction.start()
    await late.execute("select set_config('app.tenant_id', $1, true)", str(tenant_id))
    await record(late, a_context(tenant_id), [AuditChange("thing", "late", "thing-added")])
    await write(database, tenant_id, "ab")
    assert await seal_all(database.worker_pool) == 2
    await open_transaction.commit()
    await late.close()
    assert await seal_all(database.worker_pool) == 1
    assert await kinds(database) == set()


async def test_an_edited_entry_is_found(database, sealed, superuser):
    await superuser.execute(
        'update audit_entry set after = \'{"name": "c", "net_minor": 1}\' '
        "where tenant_id = $1 and subject_id = 'c'",
        sealed[0],
    )
    _, findings = await verify(database.worker_pool)
    assert [(f.kind, f.tenant_id, f.number) for f in findings] == [("edited", sealed[0], 3)]


@pytest.mark.parametrize("field", ["actor_id", "reason", "action"])
async def test_no_field_of_an_entry_can_be_edited(database, sealed, superuser, field):
    await superuser.execute(f"update audit_entry set {field} = 'x' where subject_id = 'a'")
    assert await kinds(database) == {"edited"}


async def test_a_deleted_entry_is_found(database, sealed, superuser):
    await superuser.execute("delete from audit_entry where subject_id = 'd'")
    assert await kinds(database) == {"missing"}


async def test_links_cut_from_the_middle_are_found(database, sealed, superuser):
    await superuser.execute("delete from audit_seal where number between 3 and 4")
    await superuser.execute("delete from audit_entry where subject_id in ('c', 'd')")
    assert await kinds(database) == {"cut"}


async def test_a_tail_cut_off_is_found(database, sealed, superuser):
    await superuser.execute("delete from audit_seal where number > 6")
    await superuser.execute("delete from audit_entry where subject_id in ('g', 'h')")
    assert await kinds(database) == {"cut"}


async def test_two_links_in_another_order_are_found(database, sealed, superuser):
    await superuser.execute("update audit_seal set number = -number where number in (4, 5)")
    await superuser.execute("update audit_seal set number = number + 9 where number < 0")
    assert "reordered" in await kinds(database)


async def test_an_entry_smuggled_in_is_found(database, sealed, superuser):
    await superuser.execute(
        "insert into audit_entry (tenant_id, entry_id, at, actor_kind, actor_id, action, "
        "subject_kind, subject_id) values ($1, $2, now(), 'user', 'x', 'y', 'z', '1')",
        sealed[0],
        new_id(),
    )
    assert await kinds(database) == {"unchained"}


async def test_a_whole_chain_written_anew_is_found_by_a_head_kept_outside(
    database, sealed, superuser
):
    heads, _ = await verify(database.worker_pool)
    await superuser.execute("truncate audit_seal, audit_head")
    await superuser.execute("delete from audit_entry where subject_id = 'h'")
    await superuser.execute("update audit_entry set reason = 'nothing to see'")
    await superuser.execute(
        "insert into audit_unsealed select tenant_id, entry_id from audit_entry"
    )
    await seal_all(database.worker_pool)
    assert await kinds(database) == set()
    assert await kinds(database, heads) == {"cut"}
    for tenant_id in sealed:
        await write(database, tenant_id, "ijk")
    await seal_all(database.worker_pool)
    assert await kinds(database, heads) == {"rewritten"}


async def test_the_api_process_cannot_touch_what_was_written(database, sealed):
    for statement in (
        "update audit_entry set reason = 'x'",
        "delete from audit_entry",
        "delete from audit_seal",
        "update audit_head set number = 1",
        "delete from audit_unsealed",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with transaction(database.app_pool, sealed[0]) as conn:
                await conn.execute(statement)
