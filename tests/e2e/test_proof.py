"""The books prove themselves: an entry altered behind everybody's back stops the posting."""

import asyncpg

from e2e.company import Company, all_holds, eventually


async def test_an_altered_entry_breaks_the_books_until_a_supervisor_releases_them(
    company: Company,
) -> None:
    account = await company.customer("altered")
    invoice = await company.invoice("altered", 70_00)
    await company.expect_due(invoice, 70_00)
    await all_holds(company.stack)
    customer_id = company.customer_id("altered")
    await _alter(company, 1)

    proof = await company.role("senior").post("/v1/proofs", {})
    assert proof["state"] == "broken"
    named = [d for d in proof["differences"] if d.get("customer_id") == customer_id]
    assert {abs(d["difference_minor"]) for d in named} == {1}

    # Money still lands in the books, but nobody's debt is touched.
    await company.bank_file(company.money(70_00, invoice["number"], account=account))
    await eventually(company.payments, lambda p: p and p[0]["allocation"])
    assert (await company.shown(invoice))["settlement"]["due_minor"] == 70_00

    await _alter(company, -1)
    await company.role("supervisor").post(
        "/v1/recon/posting-releases", {"reason": "the entry was put right"}
    )
    await company.expect_due(invoice, 0)
    await company.expect_codes()
    await all_holds(company.stack)


async def _alter(company: Company, minor: int) -> None:
    """Change the receivable of the invoice's journal as a superuser, past triggers and grants."""
    conn = await asyncpg.connect(company.stack.admin_dsn)
    try:
        async with conn.transaction():
            await conn.execute("set local session_replication_role = replica")
            done = await conn.execute(
                "update recon.entry set amount_minor = amount_minor + $1"
                " where tenant_id = $2 and account = '1100'",
                minor,
                company.tenant_id,
            )
        assert done == "UPDATE 1"
    finally:
        await conn.close()
