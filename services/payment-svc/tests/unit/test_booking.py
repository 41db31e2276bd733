"""Entries become payments, reversals, or nobody's concern; reversals find their payment."""

from datetime import date
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_shared.contracts.payment import Payer
from billing_shared.errors import BillingError
from payment_svc.domain.account import check_account
from payment_svc.domain.bank_file import Detail, Direction, Entry, Money
from payment_svc.domain.parts import split_entry
from payment_svc.domain.payment import BankId, Payment, Reversal, Source, take_back
from payment_svc.domain.reversal_proof import Candidates, prove_payments

TODAY = date(2026, 3, 31)


def an_entry(*details: Detail, direction: Direction = "credit", is_reversal: bool = False) -> Entry:
    money = Money(Decimal(10), "EUR")
    return Entry(1, 1, money, direction, is_reversal, TODAY, None, "B-1", details, "a note")


def a_detail(amount: str, **more: object) -> Detail:
    return Detail(money=Money(Decimal(amount), "EUR"), **more)  # type: ignore[arg-type]


def test_details_that_add_up_are_payments_of_their_own() -> None:
    parts = split_entry(an_entry(a_detail("4"), a_detail("6")), 1000, "EUR")
    assert [(part.part_no, part.kind, part.amount_minor) for part in parts] == [
        (1, "payment", 400),
        (2, "payment", 600),
    ]


@pytest.mark.parametrize(
    "details",
    [
        (),
        (Detail(),),
        (a_detail("4"), a_detail("5.99")),
        (a_detail("4"), Detail()),
        (a_detail("10"), a_detail("0")),
        (a_detail("4"), Detail(money=Money(Decimal(6), "USD"))),
    ],
)
def test_otherwise_the_entry_is_one_payment(details: tuple[Detail, ...]) -> None:
    [part] = split_entry(an_entry(*details), 1000, "EUR")
    assert (part.kind, part.amount_minor) == ("payment", 1000)


def test_a_fee_inside_a_batch_is_no_customers_money() -> None:
    parts = split_entry(an_entry(a_detail("11"), a_detail("1", direction="debit")), 1000, "EUR")
    assert [(part.kind, part.amount_minor) for part in parts] == [
        ("payment", 1100),
        ("outgoing", 100),
    ]


@given(st.lists(st.integers(-500, 500), max_size=8))
def test_the_parts_always_come_to_the_entry(amounts: list[int]) -> None:
    details = [
        a_detail(str(Decimal(abs(a)).scaleb(-2)), direction="credit" if a >= 0 else "debit")
        for a in amounts
    ]
    parts = split_entry(an_entry(*details), 1000, "EUR")
    signs = {"payment": 1, "outgoing": -1}
    assert sum(signs[part.kind] * part.amount_minor for part in parts) == 1000


@pytest.mark.parametrize(
    ("direction", "is_reversal", "is_return", "kind"),
    [
        ("credit", False, False, "payment"),
        ("credit", True, False, "outgoing-returned"),
        ("credit", False, True, "outgoing-returned"),
        ("debit", False, False, "outgoing"),
        ("debit", True, False, "reversal"),
        ("debit", False, True, "reversal"),
    ],
)
def test_direction_and_indicator_say_what_a_movement_is(
    direction: Direction, is_reversal: bool, is_return: bool, kind: str
) -> None:
    detail = a_detail("10", is_return=is_return)
    entry = an_entry(detail, direction=direction, is_reversal=is_reversal)
    assert [part.kind for part in split_entry(entry, 1000, "EUR")] == [kind]


def test_the_original_amount_keeps_the_banks_rate_or_the_implied_one() -> None:
    detail = a_detail("10", instructed=Money(Decimal(1000), "JPY"))
    [part] = split_entry(an_entry(detail), 1000, "EUR")
    original = part.original("EUR")
    assert original is not None
    assert (original.amount_minor, original.currency, original.rate) == (
        1000,
        "JPY",
        "0.0100000000",
    )
    assert a_part(a_detail("10", instructed=Money(Decimal(5), "XXX"))).original("EUR") is None
    assert a_part(a_detail("10", instructed=Money(Decimal(10), "EUR"))).original("EUR") is None


def a_part(detail: Detail):  # type: ignore[no-untyped-def]
    return split_entry(an_entry(detail), 1000, "EUR")[0]


def test_references_are_published_in_the_order_of_their_weight() -> None:
    ids: tuple[BankId, ...] = (
        ("mandate", "M"),
        ("transaction", "T"),
        ("end-to-end", "E"),
    )
    part = a_part(a_detail("10", ids=ids, creditor_references=("RF1", "RF1")))
    assert [(each.kind, each.value) for each in part.references()] == [
        ("creditor-reference", "RF1"),
        ("end-to-end", "E"),
        ("mandate", "M"),
        ("bank", "B-1"),
    ]
    assert ("transaction", "T") in part.bank_ids()


def a_payment(amount: int = 100, *bank_ids: BankId, source: Source = "bank-file") -> Payment:
    return Payment(
        uuid4(),
        source,
        "ACC",
        amount,
        "EUR",
        TODAY,
        TODAY,
        Payer(),
        bank_ids=bank_ids,
    )


def a_reversal(amount: int, *bank_ids: BankId) -> Reversal:
    return Reversal(uuid4(), None, "ACC", amount, "EUR", TODAY, TODAY, "return", bank_ids=bank_ids)


def proved(payments: list[Payment], *reversals: Reversal) -> list[UUID | None]:
    return [each.payment_id for each in prove_payments(reversals, Candidates(), payments)]


E2E: BankId = ("end-to-end", "E-1")
TX: BankId = ("transaction", "T-1")


def test_one_payment_with_the_id_and_amount_is_proved() -> None:
    payment = a_payment(100, E2E)
    assert proved([payment, a_payment(100)], a_reversal(100, E2E)) == [payment.payment_id]


def test_likeness_proves_nothing() -> None:
    payment = a_payment(100, E2E)
    assert proved([payment], a_reversal(99, E2E)) == [None]
    assert proved([payment], a_reversal(100, ("end-to-end", "E-2"))) == [None]
    assert proved([payment], a_reversal(100, ("transaction", "E-1"))) == [None]
    assert proved([payment], a_reversal(100)) == [None]


def test_two_payments_with_the_same_id_prove_nothing_unless_another_id_decides() -> None:
    first, second = a_payment(100, E2E), a_payment(100, E2E, TX)
    assert proved([first, second], a_reversal(100, E2E)) == [None]
    assert proved([first, second], a_reversal(100, E2E, TX)) == [second.payment_id]


def test_ids_that_contradict_each_other_prove_nothing() -> None:
    assert proved([a_payment(100, E2E), a_payment(100, TX)], a_reversal(100, E2E, TX)) == [None]


def test_a_mandate_proves_nothing_and_a_payment_is_taken_back_once() -> None:
    mandate: BankId = ("mandate", "M")
    assert proved([a_payment(100, mandate)], a_reversal(100, mandate)) == [None]
    payment = a_payment(100, E2E)
    twice = (a_reversal(100, E2E), a_reversal(100, E2E))
    assert proved([payment], *twice) == [payment.payment_id, None]


def test_only_a_manual_receipt_is_taken_back_by_hand_and_only_once() -> None:
    manual = a_payment(source="manual")
    assert take_back(manual, uuid4(), TODAY, " twice ", False).reason == "twice"
    for payment, is_reversed, reason, code in [
        (a_payment(), False, "x", "not-manual"),
        (manual, True, "x", "already-reversed"),
        (manual, False, "  ", "reason-missing"),
    ]:
        with pytest.raises(BillingError) as caught:
            take_back(payment, uuid4(), TODAY, reason, is_reversed)
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("written", "account"),
    [
        ("DE89 3704 0044 0532 0130 00", "DE89370400440532013000"),
        ("de89370400440532013000", "DE89370400440532013000"),
        ("123-456/7.8", "123-456/7.8"),
        ("BE68793230773034", "BE68793230773034"),
        ("DE89370400440532013001", None),
        ("", None),
        ("a b;c", None),
        ("1" * 35, None),
    ],
)
def test_account_numbers_are_normal_and_ibans_checked(written: str, account: str | None) -> None:
    if account is None:
        with pytest.raises(BillingError):
            check_account(written)
    else:
        assert check_account(written) == account
