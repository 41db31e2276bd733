"""From an invoice to cash, and each way money may not fit. Each story ends with the invariants."""

from e2e.company import Company, a_day, all_holds, bodies, eventually

WEBHOOK_EVENTS = {"billing.invoice-issued.v1", "billing.payment-received.v1"}


async def test_an_invoice_becomes_cash(company: Company) -> None:
    stack, hook = company.stack, company.tenant_id.hex
    subscribed = await company.role("supervisor").post(
        "/v1/subscriptions", {"url": f"{stack.urls['webhooks']}/hooks/{hook}"}
    )
    await company.client.put(
        f"{stack.urls['webhooks']}/secrets/{hook}", json={"secrets": [subscribed["secret"]]}
    )
    account = await company.customer("happy")
    invoice = await company.invoice("happy", 119_00)
    await company.expect_due(invoice, 119_00)

    imported = await company.bank_file(
        company.money(119_00, f"Rechnung {invoice['payment_reference']}", account=account)
    )
    assert [s["state"] for s in imported["statements"]] == ["proved"]

    shown = await company.expect_due(invoice, 0)
    assert shown["settlement"]["settlement"] == "settled"
    [payment] = await eventually(company.payments, lambda p: p[0]["allocation"])
    assert payment["allocation"]["applied_minor"] == 119_00
    assert payment["allocation"]["allocations"][0]["invoice_id"] == invoice["invoice_id"]
    assert await company.open_codes() == []

    decision = await company.office.get(f"/v1/decisions/{payment['allocation']['decision_id']}")
    assert decision["policy_sha256"] == payment["allocation"]["policy_sha256"]

    async def received() -> dict:
        answer = await company.client.get(f"{stack.urls['webhooks']}/received/{hook}")
        return answer.json()

    told = await eventually(
        received, lambda got: {body["type"] for body in bodies(got)} >= WEBHOOK_EVENTS
    )
    assert told["verified"] == told["count"]

    async def mails() -> list[dict]:
        answer = await company.client.get(f"{stack.urls['mail']}/mails", params={"limit": 1000})
        return [m for m in answer.json()["items"] if m["to"] == "happy@customer.example"]

    [mail] = await eventually(mails, lambda found: len(found) == 1)
    assert invoice["number"] in mail["subject"]
    await all_holds(stack)


async def test_money_that_comes_before_its_invoice_waits_for_it(company: Company) -> None:
    account = await company.customer("early")
    await company.bank_file(company.money(50_00, "INV-000001 in advance", account=account))
    await company.expect_codes(("UNKNOWN_REFERENCE", 50_00))
    invoice = await company.invoice("early", 50_00)
    assert invoice["number"] == "INV-000001"
    await company.expect_due(invoice, 0)
    await company.expect_codes()
    await all_holds(company.stack)


async def test_a_short_payment_leaves_the_rest_due_until_it_is_accepted(company: Company) -> None:
    await company.customer("short")
    invoice = await company.invoice("short", 100_00)
    await company.bank_file(company.money(99_50, invoice["payment_reference"]))
    await company.expect_due(invoice, 50)
    found = await company.discrepancy("SHORT_PAY")
    await company.role("specialist").post(
        f"/v1/discrepancies/{found['discrepancy_id']}/resolutions",
        {"action": "accept-short", "reason": "bank charges of the payer"},
    )
    shown = await company.expect_due(invoice, 0)
    assert shown["settlement"]["written_off_minor"] == 50
    await company.expect_codes()
    await all_holds(company.stack)


async def test_what_is_paid_over_is_kept_on_account(company: Company) -> None:
    account = await company.customer("over")
    invoice = await company.invoice("over", 100_00)
    await company.bank_file(company.money(120_00, invoice["number"], account=account))
    await company.expect_due(invoice, 0)
    found = await company.discrepancy("OVER_PAY")
    assert found["amount_minor"] == 20_00
    await company.role("specialist").post(
        f"/v1/discrepancies/{found['discrepancy_id']}/resolutions",
        {"action": "keep-on-account", "reason": "the customer wants it kept"},
    )
    await company.expect_codes()
    [payment] = await eventually(
        company.payments, lambda p: p[0]["allocation"]["on_account_minor"] == 20_00
    )
    assert payment["allocation"]["applied_minor"] == 100_00
    await all_holds(company.stack)


async def test_a_payment_sent_twice_is_held_the_second_time(company: Company) -> None:
    account = await company.customer("twice")
    invoice = await company.invoice("twice", 75_00)
    first = company.money(75_00, invoice["number"], account=account)
    again = company.money(75_00, invoice["number"], account=account)
    same_day = company.file_of(first, again, day=first.booked_on)
    taken = await company.office.post_file("/v1/bank-statements", same_day)
    assert sum(s["payments"] for s in taken["statements"]) == 2, "two equal payments stay two"

    repeated = await company.office.post_file("/v1/bank-statements", same_day)
    assert repeated["is_repeated"]
    await company.expect_codes(("DUPLICATE_PAYMENT", 75_00))
    await company.expect_due(invoice, 0)
    assert len(await company.payments()) == 2
    await all_holds(company.stack)


async def test_money_of_an_unknown_payer_is_applied_by_hand(company: Company) -> None:
    await company.customer("hidden", known=False)
    invoice = await company.invoice("hidden", 42_00)
    await company.bank_file(company.money(42_00, "thank you"))
    await company.expect_codes(("UNKNOWN_PAYER", 42_00))
    found = await company.discrepancy("UNKNOWN_PAYER")
    resolution = {
        "action": "apply",
        "allocations": [{"invoice_id": invoice["invoice_id"], "amount_minor": 42_00}],
        "reason": "the customer called",
    }
    await company.role("specialist").post(
        f"/v1/discrepancies/{found['discrepancy_id']}/resolutions", resolution
    )
    await company.expect_due(invoice, 0)
    await company.expect_codes()
    await all_holds(company.stack)


async def test_money_the_bank_takes_back_is_due_again(company: Company) -> None:
    await company.customer("bounce")
    invoice = await company.invoice("bounce", 60_00)
    paid = company.money(60_00, invoice["number"], end_to_end="E2E-BOUNCE-1")
    await company.bank_file(paid)
    await company.expect_due(invoice, 0)
    await company.bank_file(company.returned(60_00, "E2E-BOUNCE-1"))
    shown = await company.expect_due(invoice, 60_00)
    assert shown["settlement"]["settlement"] == "unpaid"
    await company.expect_codes()
    await all_holds(company.stack)


async def test_a_return_without_its_payment_is_owned_until_that_comes(company: Company) -> None:
    await company.customer("orphan")
    invoice = await company.invoice("orphan", 33_00)
    await company.bank_file(company.returned(33_00, "E2E-LATE-1"))
    await company.expect_codes(("ORPHAN_REVERSAL", 33_00))
    # The bank's older statement is found and brought in late.
    company.balance_minor = 0
    late = company.money(33_00, invoice["number"], end_to_end="E2E-LATE-1", day=a_day(12))
    await company.bank_file(late)
    await company.expect_codes()
    await company.expect_due(invoice, 33_00)
    await all_holds(company.stack)


async def test_a_correction_after_payment_sets_the_money_free(company: Company) -> None:
    account = await company.customer("changed")
    invoice = await company.invoice("changed", 80_00)
    await company.bank_file(company.money(80_00, invoice["number"], account=account))
    await company.expect_due(invoice, 0)
    await company.role("specialist").post(
        f"/v1/invoices/{invoice['invoice_id']}/credit-notes", {"reason": "goods returned"}
    )
    await company.expect_codes(("CLOSED_REFERENCE", 80_00), ("INVOICE_CHANGED_AFTER_PAY", 80_00))
    await all_holds(company.stack)


async def test_a_receipt_entered_in_error_is_as_if_it_had_not_been(company: Company) -> None:
    await company.customer("typo")
    invoice = await company.invoice("typo", 64_00)
    receipt = await company.office.post(
        "/v1/payments",
        {
            "account": company.own.account,
            "amount_minor": 64_00,
            "currency": "EUR",
            "booked_on": a_day(3).isoformat(),
            "customer_id": company.customer_id("typo"),
            "external_ref": "cheque-1",
        },
    )
    await company.expect_due(invoice, 0)
    await company.office.post(
        f"/v1/payments/{receipt['payment_id']}/reversals",
        {"kind": "entered-in-error", "reason": "another customer's cheque"},
    )
    await company.expect_due(invoice, 64_00)
    await company.expect_codes()
    await all_holds(company.stack)
