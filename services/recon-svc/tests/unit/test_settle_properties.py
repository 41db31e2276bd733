"""Properties of settlement over drawn groups: nothing is lost, and order does not matter."""

from datetime import date, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from recon_svc.domain.facts import (
    AcceptShort,
    Apply,
    CreditNote,
    Group,
    Invoice,
    KeepOnAccount,
    Payment,
    Policy,
    Reversal,
    Unapply,
)
from recon_svc.domain.outcome import Outcome
from recon_svc.domain.settle import settle

CUSTOMERS = [UUID(int=n) for n in (1, 2)]
ITEMS = [UUID(int=100 + n) for n in range(4)]
PAYMENTS = [UUID(int=200 + n) for n in range(5)]
START = date(2026, 1, 1)
POLICY = Policy(sha256="0" * 64)

amounts = st.sampled_from([0, 1, 40, 50, 60, 100, 150])
positive = st.sampled_from([1, 40, 50, 60, 100, 150])
days = st.integers(0, 30).map(lambda n: START + timedelta(days=n))
currencies = st.sampled_from(["EUR", "EUR", "EUR", "JPY"])
items = st.sampled_from(ITEMS)
payments = st.sampled_from(PAYMENTS)


@st.composite
def groups(draw: st.DrawFn) -> Group:
    invoices = []
    for n, invoice_id in enumerate(ITEMS[: draw(st.integers(0, 4))]):
        due = draw(amounts)
        invoices.append(
            Invoice(
                invoice_id=invoice_id,
                number=f"INV-{n:06}",
                customer_id=draw(st.sampled_from(CUSTOMERS)),
                currency=draw(currencies),
                issued_on=draw(days),
                due_on=START,
                gross_minor=due,
                due_minor=due,
                payment_reference=f"REF{n:06}",
                voided_on=draw(st.none() | days),
            )
        )
    return Group(
        invoices=tuple(invoices),
        credit_notes=tuple(
            CreditNote(UUID(int=300 + n), f"CN{n}", item, CUSTOMERS[0], "EUR", day, amount)
            for n, (item, day, amount) in enumerate(
                draw(st.lists(st.tuples(items, days, positive), max_size=2))
            )
        ),
        payments=tuple(
            Payment(
                payment_id=payment_id,
                amount_minor=draw(positive),
                currency=draw(currencies),
                value_on=draw(days),
                payer_account=draw(st.sampled_from([None, "A", "B", "BOTH"])),
                customer_id=None,
                remittance_lines=tuple(
                    draw(st.lists(st.sampled_from(["INV-000000", "INV-000001", "RF00AB12"])))[:2]
                ),
            )
            for payment_id in PAYMENTS[: draw(st.integers(0, 5))]
        ),
        reversals=tuple(
            Reversal(UUID(int=400 + n), paid, amount, "EUR", day)
            for n, (paid, amount, day) in enumerate(
                draw(st.lists(st.tuples(st.none() | payments, positive, days), max_size=3))
            )
        ),
        resolutions=tuple(
            draw(
                st.lists(
                    st.builds(Apply, st.uuids(), payments, items, positive)
                    | st.builds(Unapply, st.uuids(), payments, items)
                    | st.builds(
                        KeepOnAccount, st.uuids(), payments, st.sampled_from(CUSTOMERS), positive
                    )
                    | st.builds(AcceptShort, st.uuids(), items, positive),
                    max_size=3,
                )
            )
        ),
        customers=frozenset(CUSTOMERS),
        payers={
            "A": frozenset(CUSTOMERS[:1]),
            "B": frozenset(CUSTOMERS[1:]),
            "BOTH": frozenset(CUSTOMERS),
        },
    )


def summary(outcome: Outcome) -> tuple[object, ...]:
    return (
        frozenset(outcome.postings),
        frozenset((s.payment_id, s.allocations, s.unapplied_minor) for s in outcome.payments),
        frozenset(outcome.items),
        frozenset((d.code, d.subject_id, d.amount_minor) for d in outcome.discrepancies),
    )


@given(groups(), st.randoms(use_true_random=False))
@settings(max_examples=400, deadline=None)
def test_the_order_of_the_facts_does_not_matter(group: Group, random) -> None:
    def shuffled(facts: tuple) -> tuple:
        return tuple(random.sample(facts, len(facts)))

    other = Group(
        invoices=shuffled(group.invoices),
        credit_notes=shuffled(group.credit_notes),
        payments=shuffled(group.payments),
        reversals=shuffled(group.reversals),
        resolutions=group.resolutions,
        customers=group.customers,
        payers=group.payers,
    )
    assert summary(settle(group, POLICY)) == summary(settle(other, POLICY))


@given(groups())
@settings(max_examples=400, deadline=None)
def test_every_minor_unit_has_exactly_one_place(group: Group) -> None:
    outcome = settle(group, POLICY)
    for state in outcome.payments:
        terms = [
            state.applied_minor,
            state.unapplied_minor,
            state.on_account_minor,
            state.unidentified_minor,
            state.reversed_minor,
        ]
        assert min(terms) >= 0
        assert sum(terms) == state.received_minor
        assert state.applied_minor == sum(a.amount_minor for a in state.allocations)
    for item in outcome.items:
        assert min(item.open_minor, item.applied_minor, item.adjusted_minor) >= 0
        assert item.original_minor == item.open_minor + item.applied_minor + item.adjusted_minor
    held = sum(s.unapplied_minor + s.unidentified_minor for s in outcome.payments)
    cash = [d for d in outcome.discrepancies if d.family == "cash"]
    orphans = sum(d.amount_minor for d in cash if d.code == "ORPHAN_REVERSAL")
    assert sum(d.amount_minor for d in cash) == held + orphans
    assert len({d.subject_id for d in cash}) == len(cash)
    bank = sum(p.amount_minor for p in group.payments) - sum(
        r.amount_minor for r in group.reversals
    )
    signs = {"received": 1, "reversed": -1, "orphan": -1}
    assert bank == sum(p.amount_minor * signs.get(p.kind, 0) for p in outcome.postings)
