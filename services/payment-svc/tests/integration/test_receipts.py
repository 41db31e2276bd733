"""Receipts by hand, our accounts, and what recon-svc says of payments."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from billing_shared.contracts import Envelope, encode
from billing_shared.contracts.recon import Allocation, PaymentAllocated
from billing_shared.inbox import Incoming
from billing_shared.postgres import transaction
from billing_shared.testing.sample import a_context
from payment_svc.events.recon import HANDLERS


def a_receipt(our_account: str, **changes: Any) -> dict[str, Any]:
    return {
        "account": our_account,
        "amount_minor": 11900,
        "currency": "EUR",
        "booked_on": "2026-03-31",
        "payer": {"name": "Zoë Ltd", "account": "GB33BUKB20201555555555"},
        "remittance_lines": ["Invoice 7"],
        "references": [{"kind": "creditor-reference", "value": "RF18539007547034"}],
        **changes,
    }


async def test_a_receipt_is_published_and_shown(bank: Any) -> None:
    customer = str(uuid4())
    clerk = bank.api.acting("clerk")
    body = a_receipt(bank.account, customer_id=customer, external_ref="r-1")
    response = await clerk.post("/v1/payments", json=body)
    assert response.status_code == 201, response.text
    shown = response.json()
    assert (shown["state"], shown["source"], shown["value_on"]) == (
        "received",
        "manual",
        "2026-03-31",
    )
    assert shown["allocation"] is None
    assert (await clerk.get(response.headers["location"])).json() == shown
    [event] = await bank.events("payment-received")
    assert event["payment_id"] == shown["payment_id"]
    assert event["customer_id"] == customer
    assert event["references"] == body["references"]


async def test_an_external_ref_is_taken_once(bank: Any) -> None:
    clerk = bank.api.acting("clerk")
    body = a_receipt(bank.account, external_ref="r-1")
    first = await clerk.post("/v1/payments", json=body)
    again = await clerk.post("/v1/payments", json=body)
    assert (again.status_code, again.json()["code"]) == (409, "already-exists")
    assert first.json()["payment_id"] in again.json()["detail"]
    assert len(await bank.events("payment-received")) == 1


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"account": "UNKNOWN"}, 422, "unknown-account", "account"),
        ({"currency": "USD"}, 422, "currency-mismatch", "currency"),
        ({"amount_minor": 0}, 422, "invalid", "amount_minor"),
        ({"amount_minor": -5}, 422, "invalid", "amount_minor"),
        ({"amount_minor": 1.5}, 422, "invalid", "amount_minor"),
        ({"amount_minor": "5"}, 422, "invalid", "amount_minor"),
        ({"amount_minor": 10**15}, 422, "invalid", "amount_minor"),
        ({"booked_on": "2026-04-03"}, 422, "invalid", "booked_on"),
        ({"booked_on": "31.03.2026"}, 422, "invalid", "booked_on"),
        ({"booked_on": "2026-02-30"}, 422, "invalid", "booked_on"),
        ({"remittance_lines": ["a\u0000b"]}, 422, "invalid", "remittance_lines[0]"),
        ({"references": [{"kind": "guess", "value": "x"}]}, 422, "invalid", "references[0].kind"),
        ({"payer": {"nam": "x"}}, 422, "invalid", "payer.nam"),
        ({"surprise": 1}, 422, "invalid", "surprise"),
        ({"customer_id": "42"}, 422, "invalid", "customer_id"),
    ],
)
async def test_a_bad_receipt_names_its_field(
    bank: Any, change: dict[str, Any], status: int, code: str, field: str
) -> None:
    clerk = bank.api.acting("clerk")
    response = await clerk.post("/v1/payments", json=a_receipt(bank.account, **change))
    problem = response.json()
    assert (response.status_code, problem["code"]) == (status, code), problem
    assert field in [error["field"] for error in problem["errors"]]
    assert await bank.events("payment-received") == []


async def test_a_receipt_in_error_is_taken_back_once(bank: Any) -> None:
    clerk = bank.api.acting("clerk")
    receipt = (await clerk.post("/v1/payments", json=a_receipt(bank.account))).json()
    path = f"/v1/payments/{receipt['payment_id']}/reversals"
    body = {"kind": "entered-in-error", "reason": "typed twice"}
    response = await clerk.post(path, json=body)
    assert response.status_code == 201, response.text
    [event] = await bank.events("payment-reversed")
    assert (event["payment_id"], event["amount_minor"], event["kind"]) == (
        receipt["payment_id"],
        11900,
        "entered-in-error",
    )
    again = await clerk.post(path, json=body)
    assert (again.status_code, again.json()["code"]) == (409, "already-reversed")
    shown = (await clerk.get(f"/v1/payments/{receipt['payment_id']}")).json()
    assert (shown["state"], shown["reversal_id"]) == ("reversed", event["reversal_id"])
    [listed] = (await clerk.get(path)).json()["items"]
    assert listed["reason"] == "typed twice"
    [audited] = await bank.fetch("select * from audit_entry where action = 'reversed'")
    assert audited["reason"] == "typed twice"


async def test_bank_money_is_not_taken_back_by_hand(bank: Any, camt: Any) -> None:
    await bank.imported(camt.file(camt.statement([camt.entry()], "0.00", "119.00")))
    [payment] = await bank.events("payment-received")
    clerk = bank.api.acting("clerk")
    for payment_id, code in [(payment["payment_id"], "not-manual"), (uuid4(), "not-found")]:
        response = await clerk.post(
            f"/v1/payments/{payment_id}/reversals", json={"reason": "because"}
        )
        assert response.json()["code"] == code


async def test_lists_filter_and_page_to_the_end(bank: Any) -> None:
    clerk = bank.api.acting("clerk")
    for n in range(5):
        bank.api.clock.set(bank.api.clock.now() + timedelta(seconds=n % 2))
        body = a_receipt(bank.account, amount_minor=n + 1, external_ref=f"r-{n}")
        await clerk.post("/v1/payments", json=body)
    found, cursor = [], None
    while True:
        params = {"limit": 2, "account": bank.account} | ({"cursor": cursor} if cursor else {})
        page = (await clerk.get("/v1/payments", params=params)).json()
        found += [item["amount_minor"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(found) == [1, 2, 3, 4, 5]
    one = await clerk.get("/v1/payments", params={"external_ref": "r-3"})
    assert [item["amount_minor"] for item in one.json()["items"]] == [4]
    none = await clerk.get("/v1/payments", params={"booked_from": "2026-04-01"})
    assert none.json()["items"] == []
    forged = await clerk.get("/v1/payments", params={"cursor": "AAAA"})
    assert forged.json()["code"] == "cursor-invalid"


async def test_accounts_are_put_read_and_changed_with_their_version(bank: Any, camt: Any) -> None:
    senior = bank.api.acting("senior")
    path = f"/v1/bank-accounts/{camt.account}"
    shown = await senior.get("/v1/bank-accounts/de89 3704 0044 0532 0130 00")
    assert (shown.json()["account"], shown.headers["etag"]) == (camt.account, '"1"')
    same = await senior.put(path, json={"name": "Main", "currency": "EUR"})
    assert (same.status_code, same.json()["version"]) == (200, 1)
    unseen = await senior.put(path, json={"name": "Other", "currency": "EUR"})
    assert unseen.status_code == 428
    stale = await senior.put(
        path, json={"name": "Other", "currency": "EUR"}, headers={"If-Match": '"9"'}
    )
    assert stale.status_code == 412
    changed = await senior.put(
        path, json={"name": "Other", "currency": "EUR"}, headers={"If-Match": '"1"'}
    )
    assert (changed.json()["name"], changed.json()["version"]) == ("Other", 2)
    await bank.imported(camt.file(camt.statement([], "0.00", "0.00")))
    used = await senior.put(
        path, json={"name": "Other", "currency": "USD"}, headers={"If-Match": '"2"'}
    )
    assert (used.status_code, used.json()["code"]) == (409, "account-in-use")
    assert len((await senior.get("/v1/bank-accounts")).json()["items"]) == 1
    for account, body, code in [
        ("DE89370400440532013001", {"name": "x", "currency": "EUR"}, "invalid"),
        ("12345", {"name": "x", "currency": "XXX"}, "unknown-currency"),
        ("12345", {"name": " ", "currency": "EUR"}, "invalid"),
    ]:
        response = await senior.put(f"/v1/bank-accounts/{account}", json=body)
        assert (response.status_code, response.json()["code"]) == (422, code)
    clerk = await bank.api.acting("clerk").put(path, json={"name": "x", "currency": "EUR"})
    assert clerk.status_code == 403


def allocated(payment_id: UUID, applied: int, sequence: int, tenant_id: UUID) -> Incoming[Any]:
    context = a_context(tenant_id)
    event = PaymentAllocated(
        payment_id=payment_id,
        currency="EUR",
        received_minor=11900,
        applied_minor=applied,
        unapplied_minor=11900 - applied,
        on_account_minor=0,
        unidentified_minor=0,
        refunded_minor=0,
        reversed_minor=0,
        allocations=[Allocation(allocation_id=uuid4(), invoice_id=uuid4(), amount_minor=applied)],
        decision_id=uuid4(),
        policy_sha256="0" * 64,
    )
    envelope = Envelope(
        id=uuid4(),
        type=event.type,
        source="/recon-svc",
        subject=str(payment_id),
        time=context.now,
        tenant_id=tenant_id,
        sequence=sequence,
        correlation_id=uuid4(),
    )
    return Incoming(envelope, event, encode(event))


@pytest.mark.parametrize("order", [[1, 2, 3], [3, 1, 2], [2, 3, 3]])
@pytest.mark.parametrize("at_once", [True, False])
async def test_the_newest_allocation_is_shown(bank: Any, order: list[int], at_once: bool) -> None:
    clerk = bank.api.acting("clerk")
    receipt = (await clerk.post("/v1/payments", json=a_receipt(bank.account))).json()
    tenant_id = bank.api.tenant_id
    events = [allocated(UUID(receipt["payment_id"]), n * 100, n, tenant_id) for n in order] + [
        allocated(uuid4(), 5, 1, tenant_id)
    ]
    for batch in [events] if at_once else [[event] for event in events]:
        async with transaction(bank.database.worker_pool, tenant_id) as conn:
            await HANDLERS[PaymentAllocated](conn, a_context(tenant_id), batch)
    response = await clerk.get(f"/v1/payments/{receipt['payment_id']}")
    shown = response.json()
    assert shown["allocation"]["applied_minor"] == 300
    assert shown["allocation"]["as_of"]
    assert response.headers["as-of"]
    assert shown["updated_at"] > receipt["updated_at"]
