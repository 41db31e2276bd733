"""The books prove themselves, and stop when they cannot."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from prometheus_client import REGISTRY

from billing_shared.clock import SettableClock
from billing_shared.jobs import JobContext
from billing_shared.postgres import transaction
from recon_svc.events import schedule

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def _books_of_one_invoice(desk: Any) -> tuple[Any, Any]:
    customer = desk.customer("DE1")
    invoice = desk.invoice("INV100001", 5000, customer.customer_id)
    await desk.feed(customer, invoice, desk.payment(4000, "INV100001"))
    return customer, invoice


async def _prove(desk: Any) -> dict[str, Any]:
    response = await desk.api.acting("senior").post("/v1/proofs")
    assert response.status_code == 201, response.text
    proof: dict[str, Any] = response.json()
    return proof


async def test_sound_books_are_proved(desk: Any) -> None:
    await _books_of_one_invoice(desk)
    await desk.feed(desk.reversal(700), desk.payment(10, "x"))
    proof = await _prove(desk)
    assert (proof["state"], proof["differences"]) == ("proved", [])
    assert proof["entries"] == 2 * proof["journals"] > 0
    [event] = await desk.published("books-proved")
    assert event["journals"] == proof["journals"]
    [listed] = await desk.get("/v1/proofs")
    assert listed == proof
    books = (await desk.api.acting("auditor").get("/v1/recon/books")).json()
    assert books["proved_no"] == books["journal_no"]


async def test_an_altered_entry_names_customer_and_difference(
    desk: Any, superuser: Callable[..., Awaitable[None]]
) -> None:
    customer, _ = await _books_of_one_invoice(desk)
    await superuser(
        "update recon.entry set amount_minor = amount_minor + 7 "
        "where account = '1100' and amount_minor > 0"
    )
    proof = await _prove(desk)
    assert proof["state"] == "broken"
    [event] = await desk.published("books-broken")
    by_check = {found["check"]: found for found in event["differences"]}
    assert set(by_check) == {
        "entry-of-journal",
        "journal-balance",
        "balance-of-entries",
        "control-account",
    }
    control = by_check["control-account"]
    assert control["customer_id"] == str(customer.customer_id)
    assert (control["expected_minor"], control["found_minor"]) == (1000, 1007)
    assert control["difference_minor"] == 7


async def test_a_statement_cannot_have_brought_more_than_the_bank_says(desk: Any) -> None:
    statement = desk.statement(credits_minor=5000)
    await desk.feed(statement, desk.payment(3000, "one", statement_id=statement.statement_id))
    assert (await _prove(desk))["state"] == "proved"
    await desk.feed(desk.payment(3000, "two", statement_id=statement.statement_id))
    [found] = (await _prove(desk))["differences"]
    assert (found["check"], found["difference_minor"]) == ("bank-statement", 1000)


async def test_the_minute_proof_looks_at_what_is_new(
    desk: Any, prove_newest: Callable[[], Awaitable[None]], superuser: Any
) -> None:
    customer, _ = await _books_of_one_invoice(desk)
    await prove_newest()
    await prove_newest()
    assert len(await desk.published("books-proved")) == 1
    await desk.feed(desk.payment(500, "INV100001"))
    await superuser("update recon.open_item set original_minor = 5100, open_minor = 600")
    await prove_newest()
    [event] = await desk.published("books-broken")
    assert event["kind"] == "incremental"
    [found] = event["differences"]
    assert (found["check"], found["difference_minor"]) == ("control-account", -100)
    assert found["customer_id"] == str(customer.customer_id)


async def test_broken_books_hold_money_until_a_supervisor_releases_them(
    desk: Any, superuser: Callable[..., Awaitable[None]]
) -> None:
    customer, invoice = await _books_of_one_invoice(desk)
    tamper = "update recon.account_balance set balance_minor = balance_minor {} 7 "
    only = "where account = '1100'"
    await superuser(tamper.format("+") + only)
    assert (await _prove(desk))["state"] == "broken"

    other = desk.invoice("INV100002", 900, customer.customer_id)
    money = desk.payment(900, "INV100002")
    await desk.feed(other, money)
    assert await desk.open_items() == {invoice.invoice_id: 1000, other.invoice_id: 900}
    assert await desk.account("2110") == -900
    [row] = await desk.get("/v1/discrepancies?code=SHORT_PAY")
    refused = await desk.api.acting("director").post(
        f"/v1/discrepancies/{row['discrepancy_id']}/resolutions",
        json={"action": "accept-short", "reason": "small enough"},
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "posting-stopped")

    await superuser(tamper.format("-") + only)
    path, body = "/v1/recon/posting-releases", {"reason": "balance repaired from the entries"}
    assert (await desk.api.acting("senior").post(path, json=body)).status_code == 403
    released = await desk.api.acting("supervisor").post(path, json=body)
    assert (released.status_code, released.json()["state"]) == (201, "ok")
    assert await desk.open_items() == {invoice.invoice_id: 1000}
    assert await desk.codes() == ["SHORT_PAY"]
    again = await desk.api.acting("supervisor").post(path, json=body)
    assert (again.status_code, again.json()["code"]) == (409, "posting-not-stopped")
    assert (await _prove(desk))["state"] == "proved"


async def test_the_database_refuses_what_the_books_must_not_hold(desk: Any) -> None:
    await _books_of_one_invoice(desk)
    for statement, error in (
        ("update entry set amount_minor = 1", asyncpg.InsufficientPrivilegeError),
        ("delete from journal", asyncpg.InsufficientPrivilegeError),
        ("update decision set outcome = ''", asyncpg.InsufficientPrivilegeError),
        (
            "insert into entry (tenant_id, journal_id, line_no, account, customer_id, currency, "
            "amount_minor, posted_on) select tenant_id, journal_id, 9, account, customer_id, "
            "currency, 5, posted_on from entry limit 1",
            asyncpg.CheckViolationError,
        ),
        ("update open_item set open_minor = open_minor + 1", asyncpg.CheckViolationError),
        ("update payment_state set unapplied_minor = 1", asyncpg.CheckViolationError),
        (
            "insert into live_posting select tenant_id, kind, subject_id, against_id, customer_id, "
            "currency, amount_minor, posted_on, gen_random_uuid() from live_posting",
            asyncpg.UniqueViolationError,
        ),
        (
            "insert into discrepancy select (d).* from (select jsonb_populate_record(d, "
            "jsonb_build_object('discrepancy_id', gen_random_uuid())) as d from discrepancy d) x",
            asyncpg.UniqueViolationError,
        ),
    ):
        with pytest.raises(error):
            async with transaction(desk.pool, desk.tenant_id) as conn:
                await conn.execute(statement)


async def test_replaying_every_decision_gives_the_same(desk: Any) -> None:
    _, invoice = await _books_of_one_invoice(desk)
    await desk.feed(desk.credit_note(invoice, 2000), desk.reversal(5, references=[("bank", "B")]))
    await desk.feed(desk.payment(70, "what", payer="DE1"), desk.void(invoice))
    rows = await desk.fetch("select decision_id from decision")
    assert len(rows) >= 3
    client = desk.api.acting("auditor")
    for row in rows:
        replayed = (await client.get(f"/v1/decisions/{row['decision_id']}/replay")).json()
        assert replayed["inputs_are_intact"]
        assert replayed["outcome_is_identical"]


async def test_what_waits_is_measured_over_all_tenants(desk: Any, another_tenant: Any) -> None:
    for tenant in (desk, another_tenant()):
        await tenant.feed(tenant.seller(), tenant.payment(700, "who knows"))
    await schedule.measure(JobContext(desk.pool, SettableClock(NOW), None, NOW.date()))
    sample = REGISTRY.get_sample_value
    assert sample("billing_discrepancies_open", {"code": "UNKNOWN_PAYER"}) == 2
    assert sample("billing_discrepancies_open", {"code": "OVER_PAY"}) == 0
    assert sample("billing_unapplied_minor", {"currency": "EUR"}) == 1400
    assert sample("billing_books_broken") == 0
