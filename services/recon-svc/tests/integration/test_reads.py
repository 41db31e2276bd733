"""What the books say to those who ask over HTTP."""

from datetime import date
from typing import Any

import asyncpg
import pytest

from billing_shared.ids import new_id


async def test_open_items_are_listed_and_tailed(desk: Any) -> None:
    customer = desk.customer()
    invoices = [desk.invoice(f"INV10000{n}", 1000 * n, customer.customer_id) for n in (1, 2, 3)]
    await desk.feed(customer, *invoices)
    client = desk.api.acting("clerk")
    first = await client.get("/v1/receivables?limit=2")
    assert first.headers["As-Of"]
    page = first.json()
    second = await client.get(f"/v1/receivables?limit=2&cursor={page['next_cursor']}")
    numbers = [row["number"] for row in (*page["items"], *second.json()["items"])]
    assert sorted(numbers) == ["INV100001", "INV100002", "INV100003"]

    await desk.feed(desk.payment(1000, "INV100001"))
    assert len(await desk.get("/v1/receivables")) == 2
    [closed] = await desk.get("/v1/receivables?state=closed")
    assert (closed["number"], closed["paid_minor"], closed["open_minor"]) == ("INV100001", 1000, 0)
    assert len(await desk.get("/v1/receivables?state=any&side=debit&currency=EUR")) == 3
    assert await desk.get("/v1/receivables?due_before=2026-03-03") == []
    assert await desk.get(f"/v1/receivables?customer_id={new_id()}") == []


async def test_balances_and_the_trial_balance(desk: Any) -> None:
    customer = desk.customer()
    await desk.feed(
        customer,
        desk.invoice("INV100001", 5000, customer.customer_id),
        desk.payment(2000, "INV100001"),
    )
    [row] = await desk.get(f"/v1/balances?account=1100&customer_id={customer.customer_id}")
    assert (row["balance_minor"], row["name"]) == (3000, "trade receivables")
    trial = (await desk.api.acting("auditor").get("/v1/balances/trial")).json()
    assert trial["is_balanced"]
    bank = next(line for line in trial["lines"] if line["account"] == "1010")
    assert (bank["debit_minor"], bank["credit_minor"]) == (2000, 0)
    before = (await desk.api.acting("auditor").get("/v1/balances/trial?up_to=2026-02-05")).json()
    assert {line["account"] for line in before["lines"]} == {"1100", "3900"}


async def test_aging_by_due_date_and_on_a_past_date(desk: Any) -> None:
    customer = desk.customer("DE1")
    late = desk.invoice("INV100001", 5000, customer.customer_id, issued_on=date(2026, 1, 1))
    await desk.feed(
        customer,
        late,
        desk.credit_note(late, 1000, issued_on=date(2026, 2, 15)),
        desk.payment(700, "INV100001", value_on=date(2026, 2, 20)),
        desk.payment(300, "hello", payer="DE1", value_on=date(2026, 2, 20)),
    )
    client = desk.api.acting("clerk")
    [row] = (await client.get("/v1/aging?as_of=2026-04-15")).json()["rows"]
    assert (row["open_minor"], row["days_31_60_minor"], row["unapplied_minor"]) == (3300, 3300, 300)
    [row] = (await client.get("/v1/aging?as_of=2026-02-16")).json()["rows"]
    assert (row["open_minor"], row["not_due_minor"], row["unapplied_minor"]) == (4000, 4000, 0)
    [row] = (await client.get("/v1/aging?as_of=2026-02-01")).json()["rows"]
    assert row["open_minor"] == 5000


async def test_a_decision_tells_why(desk: Any) -> None:
    customer = desk.customer()
    payment = desk.payment(6000, "INV100001")
    await desk.feed(customer, desk.invoice("INV100001", 5000, customer.customer_id), payment)
    [listed] = await desk.get(f"/v1/decisions?payment_id={payment.payment_id}")
    client = desk.api.acting("auditor")
    decision = (await client.get(f"/v1/decisions/{listed['decision_id']}")).json()
    told = " ".join(decision["sentences"])
    assert "50.00 EUR went to invoice INV100001" in told
    assert "OVER_PAY over 10.00 EUR" in told
    replayed = (await client.get(f"/v1/decisions/{listed['decision_id']}/replay")).json()
    assert replayed["inputs_are_intact"]
    assert replayed["outcome_is_identical"]
    assert (await client.get(f"/v1/decisions/{new_id()}")).status_code == 404


async def test_journals_of_a_payment(desk: Any) -> None:
    customer = desk.customer()
    payment = desk.payment(5000, "INV100001")
    invoice = desk.invoice("INV100001", 5000, customer.customer_id)
    await desk.feed(customer, invoice, payment)
    rows = await desk.get(f"/v1/journals?payment_id={payment.payment_id}")
    assert sorted(row["kind"] for row in rows) == ["applied", "identified", "received"]
    assert all(sum(e["amount_minor"] for e in row["entries"]) == 0 for row in rows)
    of_invoice = await desk.get(f"/v1/journals?invoice_id={invoice.invoice_id}")
    assert sorted(row["kind"] for row in of_invoice) == ["applied", "issued"]


async def test_discrepancies_are_filtered(desk: Any) -> None:
    customer = desk.customer()
    payment = desk.payment(6000, "INV100001")
    await desk.feed(customer, desk.invoice("INV100001", 5000, customer.customer_id), payment)
    await desk.feed(desk.payment(100, "who knows"))
    assert len(await desk.get("/v1/discrepancies")) == 2
    [row] = await desk.get("/v1/discrepancies?code=OVER_PAY&family=cash&severity=S3")
    assert row["suggested"]["action"] == "keep-on-account"
    assert len(await desk.get(f"/v1/discrepancies?payment_id={payment.payment_id}")) == 1
    assert await desk.get("/v1/discrepancies?updated_after=2026-03-02T00:00:00Z") == []
    client = desk.api.acting("clerk")
    one = (await client.get(f"/v1/discrepancies/{row['discrepancy_id']}")).json()
    assert one["resolutions"] == []


@pytest.mark.parametrize(
    "path",
    ["discrepancies", "receivables", "balances", "balances/trial", "aging", "journals", "proofs"],
)
async def test_another_tenant_sees_nothing(desk: Any, path: str) -> None:
    customer = desk.customer("DE1")
    await desk.feed(
        customer,
        desk.invoice("INV100001", 5000, customer.customer_id),
        desk.payment(6000, "INV100001"),
    )
    stranger = desk.api.acting("director", tenant_id=new_id())
    body = (await stranger.get(f"/v1/{path}")).json()
    assert body.get("items", body.get("rows", body.get("lines"))) == []
    assert (await desk.api.anonymous().get(f"/v1/{path}")).status_code == 401


async def test_the_database_alone_keeps_tenants_apart(tenant: Any, another_tenant: Any) -> None:
    customer = tenant.customer("DE1")
    invoice = tenant.invoice("INV100001", 5000, customer.customer_id)
    await tenant.feed(tenant.seller(), customer, invoice, tenant.payment(4000, "INV100001"))
    await tenant.feed(tenant.credit_note(invoice, 100), tenant.reversal(5), tenant.void(invoice))
    # The worker has to find its work across tenants in the tables of the plumbing, not in ours.
    tables = await tenant.fetch(
        "select tablename from pg_policies where schemaname = 'recon' "
        "group by 1 having array_agg(policyname::text) = '{own_tenant}'"
    )
    own: list[int] = []
    strange: list[int] = []
    stranger = another_tenant()
    for name in sorted(row["tablename"] for row in tables):
        count = f"select count(*) as rows from {name}"
        own.append((await tenant.fetch(count))[0]["rows"])
        strange.append((await stranger.fetch(count))[0]["rows"])
        update = f"update {name} set tenant_id = '{stranger.tenant_id}'"
        if own[-1]:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await tenant.fetch(update)
    assert sum(own) > 30
    assert set(strange) == {0}
