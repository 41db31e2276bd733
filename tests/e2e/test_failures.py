"""What breaks: processes, broker, subscriber. Nothing is lost, nothing takes effect twice."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from billing_local.commands import SERVICES
from e2e.company import Company, a_day, all_holds, bodies, eventually, invoice_line
from e2e.invariants import SUBSCRIBED

BOOKS = """
    select tenant_id, account, customer_id, currency, balance_minor from recon.account_balance
     order by 1, 2, 3, 4"""


async def some_trade(company: Company, ref: str) -> None:
    """An invoice paid in full, one paid short, and money of nobody."""
    account = await company.customer(ref)
    first = await company.invoice(ref, 10_00)
    second = await company.invoice(ref, 20_00)
    await company.bank_file(
        company.money(10_00, first["number"], account=account),
        company.money(15_00, second["number"], account=account),
        company.money(7_00, "gift"),
    )


async def books(company: Company) -> list[tuple]:
    conn = await asyncpg.connect(company.stack.admin_dsn)
    try:
        rows = await conn.fetch(BOOKS)
    finally:
        await conn.close()
    return [tuple(row) for row in rows if row["tenant_id"] == company.tenant_id]


async def tell_again(company: Company) -> None:
    """What an operator does by the runbook: every service publishes its outbox once more."""
    since = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    operator = company.role("operator")
    for schema in SUBSCRIBED:
        asked = await operator.post(
            f"/v1/{schema}/replays", {"since": since, "reason": "a drill: everything again"}
        )
        await eventually(
            lambda s=schema, a=asked: operator.get(f"/v1/{s}/replays/{a['request_id']}"),
            lambda answer: answer["state"] == "done",
        )


async def test_everything_told_again_changes_nothing(company: Company) -> None:
    await some_trade(company, "replay")
    await all_holds(company.stack)
    before = await books(company)
    await tell_again(company)
    await all_holds(company.stack)
    assert await books(company) == before
    await company.expect_codes(("SHORT_PAY", 5_00), ("UNKNOWN_PAYER", 7_00))


@pytest.mark.slow
async def test_a_service_killed_between_commit_and_publish_loses_nothing(company: Company) -> None:
    stack = company.stack
    await company.customer("killed")
    await all_holds(stack)
    # Without a broker, what is committed stays in the outbox; then the process dies.
    await stack.kill("broker")
    invoice = await company.invoice("killed", 90_00)
    conn = await asyncpg.connect(stack.admin_dsn)
    try:
        assert await conn.fetchval("select count(*) from invoice.outbox_pending") > 0
    finally:
        await conn.close()
    await stack.kill("invoice-svc")
    await stack.restart("broker")
    await stack.restart("invoice-svc")
    await company.bank_file(company.money(90_00, invoice["number"]))
    await company.expect_due(invoice, 0)
    await all_holds(stack)


@pytest.mark.slow
async def test_every_service_killed_amid_the_work_loses_nothing(company: Company) -> None:
    stack = company.stack
    account = await company.customer("storm")
    lines = [invoice_line("storm", 100 + n, a_day()) for n in range(200)]
    answers = await company.office.post_lines("/v1/invoices:bulk", lines)
    paid = [
        company.money(100 + n, answer["number"], account=account)
        for n, answer in enumerate(answers)
    ]
    await company.bank_file(*paid)
    for service in SERVICES:
        await stack.crash(service)
        await asyncio.sleep(1)
    await eventually(
        lambda: company.office.every("/v1/invoices"),
        lambda found: (
            len(found) == 200 and all(i["settlement"]["settlement"] == "settled" for i in found)
        ),
        within=90,
    )
    await all_holds(stack)


@pytest.mark.slow
async def test_a_broker_that_loses_its_log_costs_nothing(company: Company) -> None:
    stack = company.stack
    await some_trade(company, "before")
    await stack.lose_log()
    await tell_again(company)
    await some_trade(company, "after")
    await company.expect_codes(
        ("SHORT_PAY", 5_00), ("SHORT_PAY", 5_00), ("UNKNOWN_PAYER", 7_00), ("UNKNOWN_PAYER", 7_00)
    )
    await all_holds(stack)


@pytest.mark.slow
async def test_a_subscriber_that_was_down_gets_everything_when_it_is_up(company: Company) -> None:
    stack, hook = company.stack, company.tenant_id.hex
    receiver = stack.urls["webhooks"]
    subscribed = await company.role("supervisor").post(
        "/v1/subscriptions",
        {"url": f"{receiver}/hooks/{hook}", "event_types": ["invoice-issued"]},
    )
    secrets = {"secrets": [subscribed["secret"]]}
    await company.client.put(f"{receiver}/secrets/{hook}", json=secrets)
    await stack.kill("webhooks")
    try:
        await company.customer("deaf")
        invoice = await company.invoice("deaf", 5_00)

        async def deliveries() -> list[dict]:
            return await company.role("supervisor").every("/v1/deliveries", channel="webhook")

        await eventually(deliveries, lambda found: found and found[0]["tries"] >= 1)
    finally:
        await stack.restart("webhooks")

    async def received() -> dict:
        return (await company.client.get(f"{receiver}/received/{hook}")).json()

    got = await eventually(received, lambda answer: answer["count"] >= 1, within=90)
    assert [body["data"]["invoice_id"] for body in bodies(got)] == [invoice["invoice_id"]]
    assert got["verified"] == got["count"]
    await all_holds(stack)
