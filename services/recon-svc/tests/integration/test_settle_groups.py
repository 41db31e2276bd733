"""What the facts of the other services do to the books."""

import asyncio
from datetime import date
from typing import Any

from billing_shared.policy import add_version, load_default
from billing_shared.postgres import transaction


async def test_a_referenced_payment_settles_its_invoice(tenant: Any) -> None:
    customer = tenant.customer("DE1")
    invoice = tenant.invoice("INV100001", 11900, customer.customer_id)
    payment = tenant.payment(11900, "Rechnung INV-100001")
    await tenant.feed(customer, invoice, payment)

    assert await tenant.balances() == {
        ("1010", None, "EUR"): 11900,
        ("3900", None, "EUR"): -11900,
    }
    assert await tenant.open_items() == {}
    assert await tenant.discrepancies() == set()
    [settled] = [e for e in await tenant.published("settlement-changed") if e["due_minor"] == 0]
    assert settled["settlement"] == "settled"
    assert settled["cause"] == {
        "kind": "payment",
        "id": str(payment.payment_id),
        "amount_minor": 11900,
    }
    [allocated] = await tenant.published("payment-allocated")
    assert allocated["applied_minor"] == 11900
    assert allocated["customer_id"] == str(customer.customer_id)
    [allocation] = allocated["allocations"]
    assert allocation["invoice_id"] == str(invoice.invoice_id)


async def test_money_before_its_invoice_waits_in_suspense(tenant: Any) -> None:
    customer = tenant.customer("DE1")
    payment = tenant.payment(5000, "INV100001")
    await tenant.feed(payment)
    assert await tenant.codes() == ["UNKNOWN_REFERENCE"]
    assert await tenant.account("2110") == -5000

    await tenant.feed(tenant.invoice("INV100001", 5000, customer.customer_id))
    assert await tenant.codes() == []
    assert await tenant.account("2110") == 0
    [resolved] = await tenant.published("discrepancy-resolved")
    assert resolved["resolution"] == "applied"
    assert resolved["journal_ids"]


async def test_a_short_payment_leaves_the_rest_open(tenant: Any) -> None:
    customer = tenant.customer()
    invoice = tenant.invoice("INV100001", 5000, customer.customer_id)
    await tenant.feed(customer, invoice, tenant.payment(4000, "INV100001"))
    assert await tenant.discrepancies() == {("SHORT_PAY", invoice.invoice_id, 1000)}
    assert await tenant.open_items() == {invoice.invoice_id: 1000}
    [found] = await tenant.published("discrepancy-found")
    assert found["suggested"]["action"] == "accept-short"
    assert found["severity"] == "S3"


async def test_another_amount_is_another_discrepancy(tenant: Any) -> None:
    customer = tenant.customer()
    invoice = tenant.invoice("INV100001", 5000, customer.customer_id)
    await tenant.feed(customer, invoice, tenant.payment(4000, "INV100001"))
    await tenant.feed(tenant.payment(500, "INV100001"))
    assert await tenant.discrepancies() == {("SHORT_PAY", invoice.invoice_id, 500)}
    first, second = await tenant.published("discrepancy-found")
    [resolved] = await tenant.published("discrepancy-resolved")
    assert resolved["discrepancy_id"] == first["discrepancy_id"]
    assert resolved["resolution"] == "superseded"
    assert resolved["superseded_by"] == second["discrepancy_id"]


async def test_a_payer_known_by_account_pays_the_one_item_of_that_amount(tenant: Any) -> None:
    customer = tenant.customer("DE1")
    invoice = tenant.invoice("INV100001", 5000, customer.customer_id)
    await tenant.feed(invoice, tenant.invoice("INV100002", 7000, customer.customer_id))
    await tenant.feed(tenant.payment(5000, "thanks", payer="DE1"))
    assert await tenant.codes() == ["UNKNOWN_PAYER"]
    await tenant.feed(customer)
    assert await tenant.codes() == []
    assert invoice.invoice_id not in await tenant.open_items()


async def test_an_account_of_two_customers_identifies_neither(tenant: Any) -> None:
    one, other = tenant.customer("DE1"), tenant.customer("DE1")
    await tenant.feed(one, tenant.invoice("INV100001", 5000, one.customer_id))
    await tenant.feed(tenant.payment(5000, "thanks", payer="DE1"))
    assert await tenant.codes() == []
    await tenant.feed(other)
    assert await tenant.codes() == ["UNKNOWN_PAYER"]
    assert await tenant.account("2110") == -5000


async def test_erasing_a_customer_takes_no_money_back(tenant: Any) -> None:
    customer = tenant.customer("DE1")
    await tenant.feed(customer, tenant.invoice("INV100001", 5000, customer.customer_id))
    await tenant.feed(tenant.payment(5000, "thanks", payer="DE1"))
    await tenant.feed(tenant.customer(customer_id=customer.customer_id, status="anonymised"))
    await tenant.feed(tenant.invoice("INV100002", 70, customer.customer_id))
    assert list((await tenant.open_items()).values()) == [70]


async def test_a_named_customer_is_known_once_we_hear_of_it(tenant: Any) -> None:
    customer = tenant.customer()
    await tenant.feed(tenant.payment(5000, customer_id=customer.customer_id))
    assert await tenant.codes() == ["UNKNOWN_PAYER"]
    await tenant.feed(customer)
    assert await tenant.codes() == ["MISSING_REMITTANCE"]
    assert await tenant.account("2100") == -5000


async def test_a_void_takes_the_money_off_again(tenant: Any) -> None:
    customer = tenant.customer("DE1")
    invoice = tenant.invoice("INV100001", 5000, customer.customer_id)
    payment = tenant.payment(5000, "INV100001", payer="DE1")
    await tenant.feed(customer, invoice, payment)
    await tenant.feed(tenant.void(invoice))
    assert await tenant.discrepancies() == {
        ("CLOSED_REFERENCE", payment.payment_id, 5000),
        ("INVOICE_CHANGED_AFTER_PAY", invoice.invoice_id, 5000),
    }
    assert await tenant.account("1100") == 0
    assert await tenant.account("2100") == -5000
    mirrors = await tenant.fetch("select * from journal where mirror_of is not null")
    assert [m["kind"] for m in mirrors] == ["applied"]


async def test_a_void_before_its_invoice_is_remembered(tenant: Any) -> None:
    customer = tenant.customer()
    invoice = tenant.invoice("INV100001", 5000, customer.customer_id)
    await tenant.feed(tenant.void(invoice))
    await tenant.feed(invoice)
    assert await tenant.balances() == {}
    kinds = await tenant.fetch("select kind from journal order by journal_no")
    assert [k["kind"] for k in kinds] == ["issued", "voided"]
    [changed] = await tenant.published("settlement-changed")
    assert (changed["due_minor"], changed["credited_minor"]) == (0, 5000)


async def test_a_credit_note_before_its_invoice_is_an_open_credit(tenant: Any) -> None:
    customer = tenant.customer()
    invoice = tenant.invoice("INV100001", 5000, customer.customer_id)
    note = tenant.credit_note(invoice, 2000)
    await tenant.feed(note)
    assert await tenant.open_items() == {note.credit_note_id: 2000}
    assert await tenant.account("1100") == -2000
    await tenant.feed(invoice)
    assert await tenant.open_items() == {invoice.invoice_id: 3000}
    assert await tenant.account("1100") == 3000


async def test_a_reversal_before_its_payment_is_an_orphan(tenant: Any) -> None:
    payment = tenant.payment(5000, "thanks")
    reversal = tenant.reversal(5000, payment.payment_id)
    await tenant.feed(reversal)
    assert await tenant.discrepancies() == {("ORPHAN_REVERSAL", reversal.reversal_id, 5000)}
    assert await tenant.account("2115") == 5000
    await tenant.feed(payment)
    assert await tenant.balances() == {}
    assert await tenant.discrepancies() == set()


async def test_a_reversal_reopens_the_invoice(tenant: Any) -> None:
    customer = tenant.customer()
    invoice = tenant.invoice("INV100001", 5000, customer.customer_id)
    payment = tenant.payment(5000, "INV100001", references=[("end-to-end", "E2E-7")])
    await tenant.feed(customer, invoice, payment)
    await tenant.feed(tenant.reversal(5000, references=[("end-to-end", "E2E-7")]))
    assert await tenant.open_items() == {invoice.invoice_id: 5000}
    assert await tenant.account("1010") == 0
    last = (await tenant.published("settlement-changed"))[-1]
    assert (last["settlement"], last["cause"]["kind"]) == ("unpaid", "reversal")


async def test_an_imported_invoice_counts_what_was_paid_before(tenant: Any) -> None:
    customer = tenant.customer()
    invoice = tenant.invoice("EXT-77", 3000, customer.customer_id, gross=10000)
    await tenant.feed(customer, invoice)
    [changed] = await tenant.published("settlement-changed")
    assert (changed["gross_minor"], changed["paid_minor"], changed["due_minor"]) == (
        10000,
        7000,
        3000,
    )
    assert changed["settlement"] == "partial"


async def test_an_invoice_of_nothing_is_settled_at_once(tenant: Any) -> None:
    customer = tenant.customer()
    await tenant.feed(customer, tenant.invoice("INV100001", 0, customer.customer_id))
    [changed] = await tenant.published("settlement-changed")
    assert changed["settlement"] == "settled"
    assert await tenant.fetch("select * from journal") == []


async def test_the_same_fact_twice_changes_nothing(tenant: Any) -> None:
    customer = tenant.customer()
    invoice = tenant.invoice("INV100001", 5000, customer.customer_id)
    payment = tenant.payment(4000, "INV100001")
    await tenant.feed(customer, invoice, payment)
    before = await tenant.fetch("select count(*) from journal")
    published = len(await tenant.outbox_rows("payment-allocated"))
    await tenant.feed(customer, payment, invoice)
    assert await tenant.fetch("select count(*) from journal") == before
    assert len(await tenant.outbox_rows("payment-allocated")) == published


async def test_a_crowded_payer_is_matched_by_proof_alone(tenant: Any) -> None:
    customer = tenant.customer("DE1")
    many = [tenant.invoice(f"INV{200000 + n}", 1000 + n, customer.customer_id) for n in range(502)]
    await tenant.feed(customer, *many)
    payment = tenant.payment(1007, "thanks", payer="DE1")
    await tenant.feed(payment)
    assert await tenant.codes() == ["MISSING_REMITTANCE"]
    await tenant.feed(tenant.payment(1000, "INV200000"), tenant.payment(1001, "INV200001"))
    # Two fewer are open: the payer is back within the limit, and the amount is proof again.
    assert await tenant.codes() == []
    assert many[7].invoice_id not in await tenant.open_items()


async def test_twins_are_found_though_the_first_is_at_rest(tenant: Any) -> None:
    customer = tenant.customer("DE1")
    await tenant.feed(
        customer,
        tenant.invoice("INV100001", 5000, customer.customer_id),
        tenant.invoice("INV100002", 5000, customer.customer_id),
    )
    await tenant.feed(tenant.payment(5000, "INV100001", payer="DE1"))
    await tenant.feed(tenant.payment(5000, "thanks", payer="DE1", value_on=date(2026, 2, 12)))
    assert await tenant.codes() == ["DUPLICATE_PAYMENT"]


async def test_two_transactions_never_give_the_same_item_away(tenant: Any) -> None:
    customer = tenant.customer()
    invoice = tenant.invoice("INV100001", 5000, customer.customer_id)
    await tenant.feed(customer, invoice)
    await asyncio.gather(
        *(tenant.feed(tenant.payment(5000, "INV100001")) for _ in range(4)),
        tenant.feed(tenant.void(invoice)),
    )
    assert await tenant.open_items() == {}
    assert await tenant.account("1100") == 0
    assert await tenant.account("2100") + await tenant.account("2110") == -20000
    assert (await tenant.codes()).count("CLOSED_REFERENCE") == 4


async def test_the_policy_of_the_business_date_decides(tenant: Any) -> None:
    """A group is decided by the version in force on the date of its newest fact, not by today's."""
    shipped = load_default("recon_svc")
    async with transaction(tenant.pool, tenant.tenant_id) as conn:
        stricter = await add_version(
            conn,
            tenant.context("stricter from March on"),
            shipped,
            date(2026, 3, 5),
            {"matching": {"duplicate_window_days": 60}},
        )
    early, late = tenant.customer("DE1"), tenant.customer("DE2")
    before = tenant.payment(5000, "INV100001", value_on=date(2026, 3, 4))
    after = tenant.payment(6000, "INV100002", value_on=date(2026, 3, 5))
    await tenant.feed(
        early,
        late,
        tenant.invoice("INV100001", 5000, early.customer_id),
        tenant.invoice("INV100002", 6000, late.customer_id),
        before,
        after,
    )
    rows = await tenant.fetch("select payment_id, policy_sha256 from payment_state")
    assert {row["payment_id"]: row["policy_sha256"] for row in rows} == {
        before.payment_id: shipped.sha256,
        after.payment_id: stricter.policy.sha256,
    }
