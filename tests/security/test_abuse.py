"""S8: what the doors allow one by one, tried beyond its bounds, twice, and by many at once."""

from collections.abc import AsyncIterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from billing_shared.contracts.envelope import MAX_MINOR
from billing_shared.ids import new_id
from security.bank_file import bank_file
from security.trade import Trader, at_once, open_trade, outcomes
from security.world import ACCOUNT, World

CLIENTS = 4
REASON = {"reason": "to see what happens"}
tries = settings(max_examples=40, deadline=None, database=None, derandomize=True,
                 suppress_health_check=list(HealthCheck))  # fmt: skip


@pytest_asyncio.fixture(loop_scope="session")
async def trader(world: World) -> AsyncIterator[Trader]:
    """A new tenant; whatever its test did, its documents and books hold at the end."""
    opened = await open_trade(world)
    yield opened
    assert await opened.broken() == []
    assert (await opened.post("recon", "/v1/proofs", {}))["state"] == "proved"


def one_wins(code: str) -> list[tuple[int, str]]:
    """One request was done, and each of the others refused with this code."""
    return [(201, "")] + [(409, code)] * (CLIENTS - 1)


@tries
@given(
    amount=st.one_of(
        st.sampled_from([0, -1, 1, MAX_MINOR, MAX_MINOR + 1, 2**53, 2**63, 2**64, 10**400, True]),
        st.integers(-(10**16), 10**16),
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from(["1", "", "1e3", None, [1], {}]),
    )
)
async def test_a_receipt_is_a_whole_number_of_1_to_15_digits(trader: Trader, amount: Any) -> None:
    body = trader.receipt(amount)
    answer = await trader.clients["payment"].post("/v1/payments", json=body)
    is_amount = type(amount) is int and 1 <= amount <= MAX_MINOR
    assert answer.status_code == (201 if is_amount else 422), answer.text


@tries
@given(
    quantity=st.decimals(-(10**12) + 1, 10**12 - 1, places=6),
    price=st.decimals(0, 10**12 - 1, places=6),
    currency=st.sampled_from(["JPY", "EUR", "KWD"]),
)
@example(Decimal("999999999999.999999"), Decimal("999999999999.999999"), "KWD")
@example(Decimal("9999999999999.99") / 10, Decimal(10), "EUR")
@example(Decimal(1000000000), Decimal(10000), "EUR")
@example(Decimal("0.5"), Decimal(1), "JPY")
@example(Decimal("0.000001"), Decimal("0.000001"), "JPY")
@example(Decimal("-0.000001"), Decimal(1), "EUR")
# Comes to .499999999999 behind 15 digits: rounded twice, it would be one more.
@example(Decimal("1000000.000039"), Decimal("100525641.025641"), "JPY")
async def test_quantity_times_price_is_exact_or_refused(
    trader: Trader, quantity: Decimal, price: Decimal, currency: str
) -> None:
    scale = {"JPY": 0, "EUR": 2, "KWD": 3}[currency]
    # As whole numbers of 10^-12: nothing of ours, and nothing that rounds.
    product = int(quantity * 10**6) * int(price * 10**6)
    minor = int((Decimal(product) / 10 ** (12 - scale)).to_integral_value(ROUND_HALF_UP))
    body = trader.bill(f"{price:f}", quantity=f"{quantity:f}", currency=currency)
    answer = await trader.clients["invoice"].post("/v1/invoices", json=body)
    if 0 <= minor <= MAX_MINOR:
        assert (answer.status_code, answer.json()["gross_minor"]) == (201, minor), answer.text
    else:
        code = "amount-out-of-range" if abs(minor) > MAX_MINOR else "negative-total"
        assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_totals_beyond_15_digits_are_refused_though_no_line_is(trader: Trader) -> None:
    line = trader.bill("999999999999.999", quantity="10")["lines"][0]
    for lines in ([line, line], [line | {"tax_category": "S", "tax_rate": "19"}], [line] * 1000):
        answer = await trader.clients["invoice"].post(
            "/v1/invoices", json=trader.bill("1", lines=lines)
        )
        assert outcomes([answer]) == [(422, "amount-out-of-range")]
    most = await trader.issued("999999999999.999", quantity="10")
    assert most["gross_minor"] == MAX_MINOR


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        ("119.001", "EUR", "too-many-decimals"),
        ("10000000000000.00", "EUR", "amount-out-of-range"),
        ("-119.00", "EUR", "unreadable"),
        ("1.19E2", "EUR", "unreadable"),
        ("1E999999", "EUR", "unreadable"),
        ("119.00", "USD", "currency"),
    ],
)
async def test_a_bank_file_cannot_bring_such_money_even_released(
    trader: Trader, amount: str, currency: str, code: str
) -> None:
    text = bank_file(ACCOUNT, amount).decode().replace('"EUR"', f'"{currency}"')
    bank = trader.clients["payment"]
    answer = await bank.post("/v1/bank-statements", content=text)
    [statement] = answer.json()["statements"]
    assert statement["state"] == "quarantined", answer.text
    assert code in {problem["code"] for problem in statement["problems"]}, statement["problems"]
    path = f"/v1/bank-statements/{statement['statement_id']}/releases"
    answers = await at_once(*(bank.post(path, json=REASON) for _ in range(CLIENTS)))
    assert outcomes(answers) == one_wins("statement-not-quarantined")
    assert await trader.items("/v1/payments", "payment") == []


async def test_money_stays_in_its_currency(trader: Trader) -> None:
    dollars = trader.receipt(5000, currency="USD")
    assert await trader.refused("payment", "/v1/payments", dollars) == (422, "currency-mismatch")
    invoice = await trader.issued("50.00", currency="USD")
    note = {"reason": "x", "currency": "EUR", "gross_minor": 1}
    path = f"/v1/invoices/{invoice['invoice_id']}/credit-notes"
    assert await trader.refused("invoice", path, note) == (422, "invalid")
    await trader.paid(5000, invoice["number"], customer_id=trader.customer_id)
    await trader.tell_all()
    [held] = await trader.items("/v1/discrepancies?state=open")
    assert (held["code"], held["amount_minor"]) == ("CURRENCY_MISMATCH", 5000)
    part = {"invoice_id": invoice["invoice_id"], "amount_minor": 5000}
    body = {"action": "apply", "allocations": [part]} | REASON
    path = f"/v1/discrepancies/{held['discrepancy_id']}/resolutions"
    assert await trader.refused("recon", path, body) == (422, "currency-differs")
    # The account's currency cannot be changed under the money that lies on it.
    path = f"/v1/bank-accounts/{ACCOUNT}"
    answer = await trader.clients["payment"].put(
        path, json={"name": "Main", "currency": "USD"}, headers={"If-Match": '"1"'}
    )
    assert outcomes([answer]) == [(409, "account-in-use")]


async def test_one_external_ref_is_one_document_and_one_receipt(trader: Trader) -> None:
    for name, path, body, id_ in (
        ("payment", "/v1/payments", trader.receipt(100, external_ref="r-1"), "payment_id"),
        ("invoice", "/v1/invoices", trader.bill("1", external_ref="o-1"), "invoice_id"),
    ):
        client = trader.clients[name]
        answers = await at_once(*(client.post(path, json=body) for _ in range(CLIENTS)))
        assert outcomes(answers) == one_wins("already-exists")
        [ours] = [answer.json()[id_] for answer in answers if answer.is_success]
        other = body | ({"amount_minor": 7} if name == "payment" else {"currency": "USD"})
        for answer in [*answers, await client.post(path, json=other)]:
            assert ours in answer.text
        assert len(await trader.items(f"{path}?external_ref={body['external_ref']}", name)) == 1


async def test_one_line_of_the_bank_is_money_once(trader: Trader) -> None:
    bank = trader.clients["payment"]
    files = [bank_file(ACCOUNT, bank_id=bank_id) for bank_id in ("S-1", "S-1", "S-2", "S-3")]
    answers = await at_once(*(bank.post("/v1/bank-statements", content=one) for one in files))
    assert sorted(answer.status_code for answer in answers) == [200, 201, 201, 201]
    payments = await trader.items("/v1/payments", "payment")
    assert [one["amount_minor"] for one in payments] == [11900]


async def test_a_draft_issued_by_many_at_once_takes_one_number(trader: Trader) -> None:
    draft = await trader.draft("5")
    door = trader.clients["invoice"]
    path = f"/v1/invoices/{draft['invoice_id']}/issue"
    answers = await at_once(*(door.post(path, json={}) for _ in range(CLIENTS)))
    assert outcomes(answers) == [(200, "")] + [(409, "wrong-state")] * (CLIENTS - 1)
    [number] = [answer.json()["number"] for answer in answers if answer.is_success]
    assert (number, (await trader.issued("5"))["number"]) == ("INV-000001", "INV-000002")


async def test_an_invoice_is_credited_or_voided_once(trader: Trader) -> None:
    door = trader.clients["invoice"]
    for _ in range(3):
        path = f"/v1/invoices/{(await trader.issued('50'))['invoice_id']}"
        deeds = [f"{path}/{deed}" for deed in ("credit-notes", "void", "credit-notes", "void")]
        answers = await at_once(*(door.post(deed, json=REASON) for deed in deeds))
        assert sum(answer.is_success for answer in answers) == 1, outcomes(answers)
        codes = {code for status, code in outcomes(answers) if status == 409}
        assert codes <= {"already-credited", "invoice-settled", "wrong-state"}
        is_void = next(a for a in answers if a.is_success).json().get("state") == "void"
        credit = await trader.refused("invoice", f"{path}/credit-notes", REASON)
        void = await trader.refused("invoice", f"{path}/void", REASON)
        assert credit == (409, "wrong-state" if is_void else "already-credited")
        assert void == (409, "wrong-state" if is_void else "invoice-settled")
    await trader.tell_all()
    assert await trader.items("/v1/receivables") == []


async def test_what_is_paid_is_not_voided_and_its_money_not_lost(trader: Trader) -> None:
    paid, raced = await trader.issued("50"), await trader.issued("70")
    await trader.paid(5000, paid["number"])
    await trader.tell_all()
    path = f"/v1/invoices/{paid['invoice_id']}/void"
    assert await trader.refused("invoice", path, REASON) == (409, "invoice-settled")
    # Money that invoice-svc has not heard of cannot stop the void; it is held for its payer.
    await trader.paid(7000, raced["number"])
    await trader.post("invoice", f"/v1/invoices/{raced['invoice_id']}/void", REASON, 200)
    await trader.tell_all()
    [held] = await trader.items("/v1/discrepancies?state=open&family=cash")
    assert held["amount_minor"] == 7000
    # Nor does a credit note for what was paid make the payment vanish.
    await trader.post("invoice", f"/v1/invoices/{paid['invoice_id']}/credit-notes", REASON)
    assert await trader.broken() == []


async def test_a_receipt_is_taken_back_once_and_whole(trader: Trader) -> None:
    payment_id = await trader.paid(5000, "nothing we know")
    door, path = trader.clients["payment"], f"/v1/payments/{payment_id}/reversals"
    body = {"kind": "entered-in-error"} | REASON
    more = body | {"amount_minor": 5001}
    assert await trader.refused("payment", path, more) == (422, "invalid")
    answers = await at_once(*(door.post(path, json=body) for _ in range(CLIENTS)))
    assert outcomes(answers) == one_wins("already-reversed")
    await trader.tell_all()
    assert await trader.items("/v1/discrepancies?state=open") == []
    [shown] = await trader.items(path, "payment")
    assert shown["amount_minor"] == 5000


def returned(amount: str, bank_id: str) -> bytes:
    """The bank takes money back, with the reference of what came in."""
    text = referenced(bank_file(ACCOUNT, amount, bank_id=bank_id))
    entry = b"<CdtDbtInd>DBIT</CdtDbtInd><RvslInd>true</RvslInd><Sts>"
    text = text.replace(b"<CdtDbtInd>CRDT</CdtDbtInd><Sts>", entry)
    opening, closing = text.split(b"<Cd>CLBD</Cd>")
    return opening + b"<Cd>CLBD</Cd>" + closing.replace(b"CRDT", b"DBIT", 1)


def referenced(text: bytes) -> bytes:
    return text.replace(b"<TxDtls>", b"<TxDtls><Refs><EndToEndId>E-1</EndToEndId></Refs>")


async def test_the_bank_takes_no_more_out_of_a_payment_than_came_in(trader: Trader) -> None:
    bank = trader.clients["payment"]
    came = await bank.post("/v1/bank-statements", content=referenced(bank_file(ACCOUNT)))
    assert came.json()["statements"][0]["state"] == "proved"
    files = [returned(*one) for one in (("119.01", "R-1"), ("119.00", "R-2"), ("119.00", "R-3"))]
    files.append(files[1].replace(b"2026-03-02", b"2026-03-03"))
    first = await bank.post("/v1/bank-statements", content=files[0])
    rest = await at_once(*(bank.post("/v1/bank-statements", content=one) for one in files[1:]))
    states = [answer.json()["statements"][0]["state"] for answer in (first, *rest)]
    assert states == ["proved"] * len(files)
    [payment] = await trader.items("/v1/payments", "payment")
    path = f"/v1/payments/{payment['payment_id']}/reversals"
    assert [one["amount_minor"] for one in await trader.items(path, "payment")] == [11900]
    assert (await trader.refused("payment", path, REASON))[0] == 409
    await trader.tell_all()
    owned = await trader.items("/v1/discrepancies?state=open")
    # R-3 shows the entry of R-2 again; the one of another day is another one.
    found = sorted((one["code"], one["amount_minor"]) for one in owned)
    assert found == [("ORPHAN_REVERSAL", 11900), ("ORPHAN_REVERSAL", 11901)]


async def test_one_discrepancy_is_resolved_by_one(trader: Trader) -> None:
    invoices = [await trader.issued("90") for _ in range(CLIENTS - 1)]
    await trader.paid(9000, "for our orders", customer_id=trader.customer_id)
    await trader.tell_all()
    [held] = await trader.items("/v1/discrepancies?state=open")
    path = f"/v1/discrepancies/{held['discrepancy_id']}/resolutions"
    bodies: list[dict[str, Any]] = [
        {
            "action": "apply",
            "allocations": [{"invoice_id": invoice["invoice_id"], "amount_minor": 9000}],
        }
        for invoice in invoices
    ]
    bodies.append({"action": "keep-on-account", "customer_id": trader.customer_id})
    desk = trader.clients["recon"]
    answers = await at_once(*(desk.post(path, json=body | REASON) for body in bodies))
    assert outcomes(answers) == one_wins("discrepancy-closed")
    laid = await trader.items(f"/v1/allocations?payment_id={held['payment_id']}")
    assert [one["amount_minor"] for one in laid] in ([], [9000])


async def test_one_invoice_takes_no_more_than_is_due(trader: Trader) -> None:
    """Many payments, each with a discrepancy of its own, at one invoice; then off it, by many."""
    invoice = await trader.issued("50")
    for at in range(CLIENTS):
        await trader.paid(5000, f"order {at}", payer={"name": f"payer {at}"})
    await trader.tell_all()
    held = await trader.items("/v1/discrepancies?state=open")
    assert len(held) == CLIENTS
    part = {"invoice_id": invoice["invoice_id"], "amount_minor": 5000}
    body = {"action": "apply", "allocations": [part]} | REASON
    desk = trader.clients["recon"]
    paths = [f"/v1/discrepancies/{one['discrepancy_id']}/resolutions" for one in held]
    answers = await at_once(*(desk.post(path, json=body) for path in paths))
    assert outcomes(answers) == one_wins("amount-beyond-due")
    [laid] = await trader.items(f"/v1/allocations?invoice_id={invoice['invoice_id']}")
    path = f"/v1/allocations/{laid['allocation_id']}/reversals"
    answers = await at_once(*(desk.post(path, json=REASON) for _ in range(CLIENTS)))
    assert outcomes(answers) == one_wins("allocation-ended")


async def test_a_limit_is_not_passed_in_slices(trader: Trader) -> None:
    """A specialist may accept 5.00 on an invoice: neither bit by bit, nor all at once, more."""
    invoice = await trader.issued("50")
    await trader.paid(3000, invoice["number"])
    await trader.tell_all()
    async with trader.world["recon"].client(trader.tenant_id, ["specialist"]) as desk:
        for _ in range(4):
            [rest] = await trader.items("/v1/discrepancies?state=open")
            path = f"/v1/discrepancies/{rest['discrepancy_id']}/resolutions"
            body = {"action": "accept-short", "amount_minor": 200} | REASON
            await at_once(*(desk.post(path, json=body) for _ in range(CLIENTS)))
        beyond = [await desk.post(path, json=body | {"amount_minor": n}) for n in (101, 1600)]
    assert (rest["amount_minor"], outcomes(beyond)) == (1600, [(403, "over-limit")] * 2)


async def test_another_tenants_discrepancy_and_invoice_are_not_there(trader: Trader) -> None:
    """Not even as the other half of a decision about one's own money."""
    other = await open_trade(trader.world)
    theirs = await other.issued("50")
    await trader.paid(5000, theirs["number"], customer_id=other.customer_id)
    await trader.tell_all()
    [held] = await trader.items("/v1/discrepancies?state=open")
    path = f"/v1/discrepancies/{held['discrepancy_id']}/resolutions"
    part = {"invoice_id": theirs["invoice_id"], "amount_minor": 5000}
    apply = {"action": "apply", "allocations": [part]} | REASON
    keep = {"action": "keep-on-account", "customer_id": other.customer_id} | REASON
    assert await trader.refused("recon", path, apply) == (422, "unknown-invoice")
    assert await trader.refused("recon", path, keep) == (422, "unknown-customer")
    assert await other.refused("recon", path, keep) == (404, "not-found")
    missing = {"reason": "x", "replaced_by": str(new_id())}
    mine = await trader.issued("1")
    path = f"/v1/invoices/{mine['invoice_id']}/void"
    for wrong in (missing, missing | {"replaced_by": theirs["invoice_id"]}):
        assert await trader.refused("invoice", path, wrong) == (422, "invalid")
