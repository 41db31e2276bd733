"""The rules of settlement, one by one; each story also checks what must always hold."""

from datetime import date
from uuid import UUID

from recon_svc.domain.facts import (
    AcceptShort,
    Apply,
    BankReference,
    CreditNote,
    Dismiss,
    Group,
    Invoice,
    KeepOnAccount,
    LiveAllocation,
    Payment,
    Policy,
    Resolution,
    Reversal,
    Unapply,
)
from recon_svc.domain.outcome import Outcome
from recon_svc.domain.settle import settle

ANNA, BERT = UUID(int=1), UUID(int=2)
POLICY = Policy(sha256="0" * 64)
JAN = [date(2026, 1, day) for day in range(1, 32)]


def uid(number: int) -> UUID:
    return UUID(int=1000 + number)


def invoice(n: int, due: int, customer: UUID = ANNA, voided: date | None = None, **more: object):
    values: dict[str, object] = dict(
        invoice_id=uid(n),
        number=f"INV-{n:06}",
        customer_id=customer,
        currency="EUR",
        issued_on=JAN[0],
        due_on=JAN[30],
        gross_minor=due,
        due_minor=due,
        payment_reference=f"REF{n:06}",
        voided_on=voided,
    )
    return Invoice(**(values | more))  # type: ignore[arg-type]


def payment(n: int, amount: int, *lines: str, day: int = 10, account: str | None = None, **more):
    values: dict[str, object] = dict(
        payment_id=uid(n),
        amount_minor=amount,
        currency="EUR",
        value_on=JAN[day],
        payer_account=account,
        customer_id=None,
        remittance_lines=lines,
    )
    return Payment(**(values | more))  # type: ignore[arg-type]


def note(n: int, amount: int, of: int, day: int = 15) -> CreditNote:
    return CreditNote(uid(n), f"CN-{n}", uid(of), ANNA, "EUR", JAN[day], amount)


def reversal(n: int, amount: int, of: int | None, **more) -> Reversal:
    return Reversal(uid(n), uid(of) if of else None, amount, "EUR", JAN[20], **more)


def outcome(*facts: object, decisions: tuple[Resolution, ...] = (), **more) -> Outcome:
    def of(kind: type) -> tuple:
        return tuple(fact for fact in facts if isinstance(fact, kind))

    group = Group(
        invoices=of(Invoice),
        credit_notes=of(CreditNote),
        payments=of(Payment),
        reversals=of(Reversal),
        resolutions=decisions,
        customers=frozenset({ANNA, BERT}),
        payers={"DE-ANNA": frozenset({ANNA}), "DE-BOTH": frozenset({ANNA, BERT})},
        **more,
    )
    result = settle(group, POLICY)
    assert_sound(result, group)
    return result


def assert_sound(result: Outcome, group: Group) -> None:
    for state in result.payments:
        terms = (
            state.applied_minor,
            state.unapplied_minor,
            state.on_account_minor,
            state.unidentified_minor,
            state.refunded_minor,
            state.reversed_minor,
        )
        assert min(terms) >= 0
        assert sum(terms) == state.received_minor
    for item in result.items:
        assert min(item.open_minor, item.applied_minor, item.adjusted_minor) >= 0
        assert item.original_minor == item.open_minor + item.applied_minor + item.adjusted_minor
    held = {s.payment_id: s.unapplied_minor + s.unidentified_minor for s in result.payments}
    cash = [d for d in result.discrepancies if d.family == "cash" and d.code != "ORPHAN_REVERSAL"]
    assert {d.subject_id: d.amount_minor for d in cash} == {p: a for p, a in held.items() if a}
    assert len(cash) == len({d.subject_id for d in cash})
    control = sum(i.open_minor * (1 if i.side == "debit" else -1) for i in result.items)
    signs = {"issued": 1, "voided": -1, "credited": -1, "applied": -1, "accepted-short": -1}
    assert control == sum(p.amount_minor * signs.get(p.kind, 0) for p in result.postings)
    suspense = {"received": 1, "applied": -1, "on-account": -1, "reversed": -1}
    assert sum(held.values()) == sum(
        p.amount_minor * suspense.get(p.kind, 0) for p in result.postings
    )
    assert len({(p.kind, p.subject_id, p.against_id, p.customer_id) for p in result.postings}) == (
        len(result.postings)
    )


def codes(result: Outcome) -> dict[UUID, tuple[str, int]]:
    return {d.subject_id: (d.code, d.amount_minor) for d in result.discrepancies}


def paid(result: Outcome) -> dict[tuple[UUID, UUID], int]:
    return {
        (a.payment_id, a.invoice_id): a.amount_minor
        for state in result.payments
        for a in state.allocations
    }


def test_a_referenced_invoice_is_paid() -> None:
    result = outcome(invoice(1, 100), payment(11, 100, "INV-000001"))
    assert paid(result) == {(uid(11), uid(1)): 100}
    assert codes(result) == {}


def test_too_little_leaves_the_item_open() -> None:
    result = outcome(invoice(1, 100), payment(11, 60, "INV-000001"))
    assert paid(result) == {(uid(11), uid(1)): 60}
    assert codes(result) == {uid(1): ("SHORT_PAY", 40)}


def test_too_much_stays_unapplied() -> None:
    result = outcome(invoice(1, 100), payment(11, 130, "INV-000001"))
    assert codes(result) == {uid(11): ("OVER_PAY", 30)}
    assert result.payments[0].customer_id == ANNA


def test_several_references_pay_only_if_they_close() -> None:
    two = (invoice(1, 100), invoice(2, 50))
    assert len(paid(outcome(*two, payment(11, 150, "INV-000001 INV-000002")))) == 2
    held = outcome(*two, payment(11, 140, "INV-000001 INV-000002"))
    assert paid(held) == {}
    assert codes(held) == {uid(11): ("AMBIGUOUS_MATCH", 140)}


def test_the_earlier_value_date_is_served_whatever_came_first() -> None:
    late, early = payment(11, 100, "INV-000001", day=12), payment(12, 100, "INV-000001", day=9)
    result = outcome(invoice(1, 100), late, early)
    assert paid(result) == {(uid(12), uid(1)): 100}
    assert codes(result) == {uid(11): ("DUPLICATE_PAYMENT", 100)}


def test_a_closed_reference_holds_another_amount() -> None:
    first, second = payment(11, 100, "INV-000001"), payment(12, 70, "INV-000001", day=11)
    result = outcome(invoice(1, 100), first, second)
    assert codes(result) == {uid(12): ("CLOSED_REFERENCE", 70)}


def test_two_equal_instalments_that_close_the_item_are_no_duplicate() -> None:
    first, second = payment(11, 50, "INV-000001"), payment(12, 50, "INV-000001", day=11)
    assert codes(outcome(invoice(1, 100), first, second)) == {}


def test_a_known_account_and_the_exact_amount_of_one_item_pay_it() -> None:
    result = outcome(invoice(1, 100), invoice(2, 70), payment(11, 70, account="DE-ANNA"))
    assert paid(result) == {(uid(11), uid(2)): 70}


def test_an_account_of_two_customers_identifies_nobody() -> None:
    result = outcome(invoice(1, 100), payment(11, 100, account="DE-BOTH"))
    assert codes(result) == {uid(11): ("UNKNOWN_PAYER", 100)}
    assert result.payments[0].unidentified_minor == 100


def test_two_equal_items_are_ambiguous_and_none_is_missing_remittance() -> None:
    two = (invoice(1, 100), invoice(2, 100))
    assert codes(outcome(*two, payment(11, 100, account="DE-ANNA"))) == {
        uid(11): ("AMBIGUOUS_MATCH", 100)
    }
    assert codes(outcome(*two, payment(11, 90, account="DE-ANNA"))) == {
        uid(11): ("MISSING_REMITTANCE", 90)
    }


def test_an_item_is_a_candidate_by_its_date() -> None:
    later = invoice(1, 100, issued_on=JAN[12])
    assert codes(outcome(later, payment(11, 100, account="DE-ANNA"))) == {
        uid(11): ("MISSING_REMITTANCE", 100)
    }


def test_an_equal_payment_nearby_vetoes_the_amount() -> None:
    result = outcome(
        invoice(1, 100),
        invoice(2, 100),
        payment(11, 100, "INV-000001"),
        payment(12, 100, day=12, account="DE-ANNA"),
    )
    assert codes(result) == {uid(12): ("DUPLICATE_PAYMENT", 100)}


def test_a_customer_named_by_a_person_but_unknown_to_us_is_an_unknown_payer() -> None:
    stranger = payment(11, 100, customer_id=UUID(int=77))
    assert codes(outcome(invoice(1, 100), stranger)) == {uid(11): ("UNKNOWN_PAYER", 100)}


def test_another_currency_is_held() -> None:
    result = outcome(invoice(1, 100, currency="JPY"), payment(11, 100, "INV-000001"))
    assert codes(result) == {uid(11): ("CURRENCY_MISMATCH", 100)}


def test_bad_and_unknown_references_veto_the_amount() -> None:
    bad = payment(11, 100, "RF00INV000009", account="DE-ANNA")
    assert codes(outcome(invoice(1, 100), bad)) == {uid(11): ("BAD_REFERENCE", 100)}
    unknown = payment(11, 100, "INV-000009", account="DE-ANNA")
    assert codes(outcome(invoice(1, 100), unknown)) == {uid(11): ("UNKNOWN_REFERENCE", 100)}


def test_an_unknown_reference_beside_a_proven_one_holds_unless_the_item_closes() -> None:
    lines = ("INV-000001 INV-000009",)
    assert paid(outcome(invoice(1, 100), payment(11, 100, *lines)))
    held = outcome(invoice(1, 100), payment(11, 150, *lines))
    assert codes(held) == {uid(11): ("UNKNOWN_REFERENCE", 150)}


def test_a_reversal_takes_the_money_off_the_item() -> None:
    result = outcome(invoice(1, 100), payment(11, 100, "INV-000001"), reversal(21, 100, of=11))
    assert paid(result) == {}
    assert codes(result) == {}
    assert result.payments[0].reversed_minor == 100


def test_a_reversal_finds_its_payment_by_bank_ids_or_stays_an_orphan() -> None:
    mark = (BankReference("end-to-end", "E2E-1"),)
    money = payment(11, 100, "INV-000001", references=mark)
    found = outcome(invoice(1, 100), money, reversal(21, 100, of=None, references=mark))
    assert found.payments[0].reversed_minor == 100
    lost = outcome(invoice(1, 100), money, reversal(21, 100, of=None))
    assert codes(lost) == {uid(21): ("ORPHAN_REVERSAL", 100)}
    more = outcome(invoice(1, 100), money, reversal(21, 101, of=11))
    assert codes(more) == {uid(21): ("ORPHAN_REVERSAL", 101)}


def test_a_void_frees_the_money_and_says_so() -> None:
    result = outcome(invoice(1, 100, voided=JAN[15]), payment(11, 100, "INV-000001"))
    assert codes(result) == {
        uid(11): ("CLOSED_REFERENCE", 100),
        uid(1): ("INVOICE_CHANGED_AFTER_PAY", 100),
    }


def test_money_that_came_after_the_void_changes_nothing() -> None:
    result = outcome(invoice(1, 100, voided=JAN[5]), payment(11, 100, "INV-000001"))
    assert codes(result) == {uid(11): ("CLOSED_REFERENCE", 100)}


def test_a_credit_note_comes_off_first_and_its_rest_stays_open() -> None:
    result = outcome(invoice(1, 100), payment(11, 100, "INV-000001"), note(31, 30, of=1))
    assert paid(result) == {(uid(11), uid(1)): 70}
    assert codes(result) == {
        uid(11): ("OVER_PAY", 30),
        uid(1): ("INVOICE_CHANGED_AFTER_PAY", 30),
    }
    beyond = outcome(invoice(1, 100), note(31, 130, of=1))
    assert [i.open_minor for i in beyond.items] == [0, 30]
    alone = outcome(note(31, 130, of=1))
    assert [i.open_minor for i in alone.items] == [130]


def test_people_outrank_the_machine() -> None:
    two = (invoice(1, 100), invoice(2, 50))
    money = payment(11, 120, "INV-000001 INV-000002")
    applied = Apply(uid(41), uid(11), uid(1), 100)
    result = outcome(*two, money, decisions=(applied,))
    assert paid(result) == {(uid(11), uid(1)): 100}
    assert codes(result) == {uid(11): ("AMBIGUOUS_MATCH", 20)}
    kept = KeepOnAccount(uid(42), uid(11), ANNA, 20)
    assert codes(outcome(*two, money, decisions=(applied, kept))) == {}
    undone = outcome(*two, money, decisions=(applied, Unapply(uid(43), uid(11), uid(1))))
    assert codes(undone) == {uid(11): ("AMBIGUOUS_MATCH", 120)}


def test_what_a_person_took_off_is_not_put_back() -> None:
    off = Unapply(uid(43), uid(11), uid(1))
    result = outcome(invoice(1, 100), payment(11, 100, "INV-000001"), decisions=(off,))
    assert paid(result) == {}
    assert codes(result) == {uid(11): ("AMBIGUOUS_MATCH", 100)}


def test_over_pay_kept_on_account_leaves_the_machines_part() -> None:
    kept = KeepOnAccount(uid(42), uid(11), ANNA, 30)
    result = outcome(invoice(1, 100), payment(11, 130, "INV-000001"), decisions=(kept,))
    assert paid(result) == {(uid(11), uid(1)): 100}
    assert codes(result) == {}


def test_an_accepted_short_pay_closes_the_item_and_shrinks_when_money_comes() -> None:
    accept = AcceptShort(uid(44), uid(1), 5)
    facts = (invoice(1, 100), payment(11, 95, "INV-000001"))
    assert codes(outcome(*facts, decisions=(accept,))) == {}
    more = payment(12, 5, "INV-000001", day=12)
    late = outcome(*facts, more, decisions=(accept,))
    assert late.items[0].accepted_minor == 0


def test_a_dismissal_holds_for_its_amount_only() -> None:
    facts = (invoice(1, 100), payment(11, 60, "INV-000001"))
    dismissed = Dismiss(uid(45), "SHORT_PAY", uid(1), 40)
    assert codes(outcome(*facts, decisions=(dismissed,))) == {}
    more = payment(12, 10, "INV-000001", day=12)
    assert codes(outcome(*facts, more, decisions=(dismissed,))) == {uid(1): ("SHORT_PAY", 30)}


def test_stopped_posting_keeps_what_lies_and_books_the_rest_into_suspense() -> None:
    facts = (invoice(1, 100), payment(11, 60, "INV-000001"), payment(12, 40, "INV-000001", day=12))
    live = frozenset({LiveAllocation(uid(11), uid(1), 60)})
    result = outcome(*facts, posting_stopped=live)
    assert paid(result) == {(uid(11), uid(1)): 60}
    assert codes(result)[uid(12)] == ("UNKNOWN_PAYER", 40)


def test_beyond_the_limit_only_references_are_proof() -> None:
    many = [invoice(n, 100 + n) for n in range(5)]
    group = Group(
        invoices=tuple(many),
        payments=(payment(11, 102, account="DE-ANNA"),),
        customers=frozenset({ANNA}),
        payers={"DE-ANNA": frozenset({ANNA})},
    )
    result = settle(group, Policy(sha256="0" * 64, group_limit=4))
    assert codes(result) == {uid(11): ("MISSING_REMITTANCE", 102)}


def test_an_imported_invoice_opens_with_what_is_still_due_and_zero_is_settled() -> None:
    result = outcome(invoice(1, 40, gross_minor=100), invoice(2, 0))
    assert [(i.original_minor, i.open_minor) for i in result.items] == [(40, 40), (0, 0)]
    assert [p.kind for p in result.postings] == ["issued"]
