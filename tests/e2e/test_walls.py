"""Tenants never meet: not through the doors, and not in the database with every filter gone."""

import asyncpg
import httpx
import pytest
import pytest_asyncio

from billing_local.commands import role_dsn
from billing_local.doors import RefusedError
from billing_local.stack import Stack
from e2e.company import Company, all_holds
from e2e.invariants import SUBSCRIBED

TENANT_TABLES = """
    select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
      join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
     where n.nspname = $1 and c.relkind in ('r', 'p')
       and has_table_privilege($2, c.oid, 'select') order by 1"""


@pytest_asyncio.fixture(loop_scope="session")
async def neighbour(stack: Stack, client: httpx.AsyncClient) -> Company:
    """Another tenant of the same system."""
    return await Company.founded(stack, client)


async def test_a_neighbour_finds_nothing(company: Company, neighbour: Company) -> None:
    account = await company.customer("private")
    invoice = await company.invoice("private", 11_00)
    await company.bank_file(company.money(11_00, "no words", account=account))
    await company.expect_due(invoice, 0)
    [payment] = await company.payments()
    paths = [
        f"/v1/invoices/{invoice['invoice_id']}",
        f"/v1/customers/{company.customer_id('private')}",
        f"/v1/payments/{payment['payment_id']}",
        f"/v1/decisions/{payment['allocation']['decision_id']}",
        f"/v1/bank-accounts/{company.own.account}",
    ]
    for path in paths:
        await company.office.get(path)
        with pytest.raises(RefusedError) as refused:
            await neighbour.role("director").get(path)
        assert refused.value.status == 404, path
    for path in ("/v1/invoices", "/v1/customers", "/v1/payments", "/v1/discrepancies"):
        assert await neighbour.role("director").every(path) == [], path
    await all_holds(company.stack)


async def test_the_same_account_on_file_at_two_tenants_pays_each_its_own(
    company: Company, neighbour: Company
) -> None:
    account = await company.customer("shared")
    await neighbour.customer("shared")
    ours = await company.invoice("shared", 13_00)
    theirs = await neighbour.invoice("shared", 13_00)
    await company.bank_file(company.money(13_00, account=account))
    await company.expect_due(ours, 0)
    await neighbour.expect_due(theirs, 13_00)
    assert await neighbour.payments() == []
    await all_holds(company.stack)


async def test_no_token_no_row(company: Company) -> None:
    for url in (company.office.url("/v1/invoices"), company.office.url("/v1/discrepancies")):
        assert (await company.client.get(url)).status_code == 401


async def test_row_level_security_alone_keeps_tenants_apart(
    company: Company, neighbour: Company
) -> None:
    await company.customer("walled")
    await company.invoice("walled", 17_00)
    await all_holds(company.stack)
    admin_dsn = company.stack.admin_dsn
    for schema in SUBSCRIBED:
        role = f"{schema}_app"
        conn = await asyncpg.connect(role_dsn(admin_dsn, role))
        try:
            tables = [row["relname"] for row in await conn.fetch(TENANT_TABLES, schema, role)]
            assert len(tables) > 3
            for tenant_id in ("", str(neighbour.tenant_id)):
                await conn.execute("select set_config('app.tenant_id', $1, false)", tenant_id)
                for table in tables:
                    # No filter at all but the tenant's own name: what shows is a hole.
                    seen = await conn.fetchval(
                        f"select count(*) from {schema}.{table} where tenant_id = $1",
                        company.tenant_id,
                    )
                    assert seen == 0, f"{schema}.{table} as {tenant_id or 'nobody'}"
        finally:
            await conn.close()
