"""What people decide about discrepancies, over HTTP, and that later facts respect it."""

from typing import Any
from uuid import UUID

from billing_shared.ids import new_id


async def _short_paid(desk: Any, due: int = 5000, paid: int = 4000) -> tuple[Any, Any, Any]:
    customer = desk.customer("DE1")
    invoice = desk.invoice("INV100001", due, customer.customer_id)
    payment = desk.payment(paid, "INV100001", payer="DE1")
    await desk.feed(customer, invoice, payment)
    return customer, invoice, payment


async def _only(desk: Any) -> dict[str, Any]:
    row: dict[str, Any]
    [row] = await desk.get("/v1/discrepancies?state=open")
    return row


async def _resolve(desk: Any, row: dict[str, Any], role: str = "senior", **body: Any) -> Any:
    client = desk.api.acting(role)
    path = f"/v1/discrepancies/{row['discrepancy_id']}/resolutions"
    return await client.post(path, json={"reason": "agreed by phone", **body})


async def test_accepting_the_rest_closes_the_invoice(desk: Any) -> None:
    await _short_paid(desk)
    response = await _resolve(desk, await _only(desk), action="accept-short")
    assert response.status_code == 201, response.text
    body = response.json()
    assert (body["state"], body["resolution"]) == ("resolved", "accepted")
    assert len(body["journal_ids"]) == 1
    assert body["resolutions"][0]["role"] == "senior"
    assert await desk.account("5110") == 1000
    assert await desk.open_items() == {}
    last = (await desk.published("settlement-changed"))[-1]
    assert (last["settlement"], last["written_off_minor"]) == ("settled", 1000)
    assert last["cause"]["kind"] == "accept-short"
    [resolved] = await desk.published("discrepancy-resolved")
    assert resolved["actor"].startswith("user:")
    assert resolved["reason"] == "agreed by phone"


async def test_above_the_limit_of_the_role_somebody_else_must_accept(desk: Any) -> None:
    await _short_paid(desk)
    row = await _only(desk)
    refused = await _resolve(desk, row, role="specialist", action="accept-short")
    assert (refused.status_code, refused.json()["code"]) == (403, "over-limit")
    # In two halves it is still the same rest of the same invoice.
    half = await _resolve(desk, row, role="specialist", action="accept-short", amount_minor=500)
    assert half.status_code == 201, half.text
    again = await _resolve(desk, await _only(desk), role="specialist", action="accept-short")
    assert again.status_code == 403
    assert (await _resolve(desk, await _only(desk), action="accept-short")).status_code == 201


async def test_a_late_payment_leaves_less_to_accept(desk: Any) -> None:
    await _short_paid(desk)
    await _resolve(desk, await _only(desk), action="accept-short")
    await desk.feed(desk.payment(600, "INV100001"))
    assert await desk.account("5110") == 400
    assert await desk.open_items() == {}
    assert await desk.codes() == []


async def test_held_money_is_put_on_invoices_by_hand(desk: Any) -> None:
    customer = desk.customer("DE1")
    one = desk.invoice("INV100001", 5000, customer.customer_id)
    two = desk.invoice("INV100002", 7000, customer.customer_id)
    payment = desk.payment(9000, "for our orders", payer="DE1")
    await desk.feed(customer, one, two, payment)
    row = await _only(desk)
    assert row["code"] == "MISSING_REMITTANCE"
    parts = [
        {"invoice_id": str(one.invoice_id), "amount_minor": 5000},
        {"invoice_id": str(two.invoice_id), "amount_minor": 4000},
    ]
    response = await _resolve(desk, row, action="apply", allocations=parts)
    assert response.status_code == 201, response.text
    assert response.json()["resolution"] == "applied"
    assert await desk.discrepancies() == {("SHORT_PAY", two.invoice_id, 3000)}
    assert await desk.open_items() == {two.invoice_id: 3000}
    # A later reference for the same money does not move what a person placed.
    await desk.feed(desk.invoice("INV100003", 9000, customer.customer_id))
    assert (await desk.open_items())[two.invoice_id] == 3000


async def test_over_pay_is_kept_on_account(desk: Any) -> None:
    customer = desk.customer("DE1")
    await desk.feed(
        customer,
        desk.invoice("INV100001", 5000, customer.customer_id),
        desk.payment(6000, "INV100001"),
    )
    row = await _only(desk)
    assert row["code"] == "OVER_PAY"
    response = await _resolve(desk, row, action="keep-on-account")
    assert response.json()["resolution"] == "on-account", response.text
    assert await desk.account("2120") == -1000
    assert await desk.codes() == []


async def test_unknown_money_needs_a_customer_to_be_kept(desk: Any) -> None:
    customer = desk.customer()
    await desk.feed(customer, desk.payment(1000, "hello"))
    row = await _only(desk)
    assert (await _resolve(desk, row, action="keep-on-account")).status_code == 422
    unknown = await _resolve(desk, row, action="keep-on-account", customer_id=str(new_id()))
    assert unknown.json()["code"] == "unknown-customer"
    kept = await _resolve(
        desk, row, action="keep-on-account", customer_id=str(customer.customer_id)
    )
    assert kept.status_code == 201
    assert await desk.account("2110") == 0


async def test_an_item_discrepancy_is_dismissed_until_its_amount_changes(desk: Any) -> None:
    await _short_paid(desk)
    response = await _resolve(desk, await _only(desk), action="dismiss")
    assert response.json()["resolution"] == "dismissed", response.text
    assert await desk.codes() == []
    await desk.feed(desk.payment(100, "INV100001"))
    assert await desk.codes() == ["SHORT_PAY"]


async def test_money_taken_off_by_a_person_is_not_put_back(desk: Any) -> None:
    _, invoice, payment = await _short_paid(desk, paid=5000)
    [allocation] = await desk.get(f"/v1/allocations?payment_id={payment.payment_id}")
    path = f"/v1/allocations/{allocation['allocation_id']}/reversals"
    client = desk.api.acting("senior")
    response = await client.post(path, json={"reason": "paid by mistake"})
    assert response.status_code == 201, response.text
    assert await desk.open_items() == {invoice.invoice_id: 5000}
    again = await client.post(path, json={"reason": "paid by mistake"})
    assert (again.status_code, again.json()["code"]) == (409, "allocation-ended")
    await desk.feed(desk.invoice("INV100002", 1, invoice.customer_id))
    assert (await desk.open_items())[invoice.invoice_id] == 5000
    missing = await client.post(f"/v1/allocations/{new_id()}/reversals", json={"reason": "why"})
    assert missing.status_code == 404


async def test_a_short_payment_is_taken_off_through_its_discrepancy(desk: Any) -> None:
    _, invoice, payment = await _short_paid(desk)
    row = await _only(desk)
    assert (await _resolve(desk, row, action="un-apply")).status_code == 422
    response = await _resolve(desk, row, action="un-apply", payment_id=str(payment.payment_id))
    assert response.status_code == 201, response.text
    assert await desk.open_items() == {invoice.invoice_id: 5000}


async def test_what_changed_meanwhile_is_a_conflict(desk: Any) -> None:
    _, invoice, _ = await _short_paid(desk)
    row = await _only(desk)
    await desk.feed(desk.payment(1000, "INV100001"))
    closed = await _resolve(desk, row, action="accept-short")
    assert (closed.status_code, closed.json()["code"]) == (409, "discrepancy-closed")

    await desk.feed(desk.payment(300, "something", payer="DE1"))
    part = {"invoice_id": str(invoice.invoice_id), "amount_minor": 300}
    beyond = await _resolve(desk, await _only(desk), action="apply", allocations=[part])
    assert (beyond.status_code, beyond.json()["code"]) == (409, "amount-beyond-due")


async def test_what_does_not_fit_is_refused_with_its_field(desk: Any) -> None:
    customer = desk.customer("DE1")
    dollars = desk.invoice("INV100001", 5000, customer.customer_id, currency="USD")
    euros = desk.invoice("INV100002", 5000, customer.customer_id)
    await desk.feed(customer, dollars, euros, desk.payment(3000, "hello", payer="DE1"))
    row = await _only(desk)

    def part(invoice_id: UUID, amount: int) -> dict[str, Any]:
        return {"invoice_id": str(invoice_id), "amount_minor": amount}

    for parts, code, field in (
        ([part(dollars.invoice_id, 100)], "currency-differs", "allocations[0].invoice_id"),
        ([part(new_id(), 100)], "unknown-invoice", "allocations[0].invoice_id"),
        ([part(euros.invoice_id, 3001)], "amount-beyond-held", "allocations"),
        ([part(euros.invoice_id, 1), part(euros.invoice_id, 1)], "invalid", "allocations"),
    ):
        response = await _resolve(desk, row, action="apply", allocations=parts)
        problem = response.json()
        assert (response.status_code, problem["code"]) == (422, code)
        assert problem["errors"][0]["field"] == field
    for action in ("dismiss", "accept-short"):
        response = await _resolve(desk, row, action=action)
        assert (response.status_code, response.json()["code"]) == (422, "action-not-possible")
    assert (await _resolve(desk, row, action="burn")).status_code == 422
    assert (await _resolve(desk, row, action="dismiss", extra=1)).status_code == 422
    clerk = await _resolve(desk, row, role="clerk", action="keep-on-account")
    assert clerk.status_code == 403
    missing = {"discrepancy_id": new_id()}
    assert (await _resolve(desk, missing, action="dismiss")).status_code == 404


async def test_a_decision_outlives_a_change_of_the_payer(desk: Any) -> None:
    customer = desk.customer("DE1")
    invoice = desk.invoice("INV100001", 5000, customer.customer_id)
    await desk.feed(customer, invoice, desk.payment(4000, "for our orders", payer="DE1"))
    part = {"invoice_id": str(invoice.invoice_id), "amount_minor": 4000}
    await _resolve(desk, await _only(desk), action="apply", allocations=[part])
    await desk.feed(desk.customer("DE1"))
    assert await desk.open_items() == {invoice.invoice_id: 1000}
    assert await desk.codes() == ["SHORT_PAY"]


async def test_every_resolution_is_audited(desk: Any) -> None:
    await _short_paid(desk)
    row = await _only(desk)
    await _resolve(desk, row, action="accept-short")
    [entry] = await desk.fetch("select * from audit_entry where action = 'accept-short'")
    assert entry["subject_id"] == row["discrepancy_id"]
    assert entry["reason"] == "agreed by phone"
    assert entry["after"]["amount_minor"] == 1000
