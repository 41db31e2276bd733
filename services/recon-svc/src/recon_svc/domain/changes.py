"""What has to change for the books to say what `settle` says: the difference, and nothing else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from recon_svc.domain.facts import Dismiss, Group
from recon_svc.domain.ledger import LivePosting, Moves, moves
from recon_svc.domain.outcome import (
    DiscrepancyWanted,
    ItemState,
    Outcome,
    PaymentState,
)

#: Where the money of a payment is: customer, terms, and what lies on which invoice.
Whereabouts = tuple[UUID | None, int, int, int, int, int, int, frozenset[tuple[UUID, int]]]


@dataclass(frozen=True, slots=True)
class OpenDiscrepancy:
    """A discrepancy as it stands open now."""

    discrepancy_id: UUID
    code: str
    family: str
    subject_id: UUID
    customer_id: UUID | None
    payment_id: UUID | None
    invoice_id: UUID | None
    currency: str
    amount_minor: int
    evidence: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Booked:
    """What the database says of some groups: journals, items, payments and discrepancies."""

    live: tuple[LivePosting, ...]
    items: Mapping[UUID, tuple[ItemState, bool]]
    payments: Mapping[UUID, tuple[Whereabouts, str]]
    discrepancies: tuple[OpenDiscrepancy, ...]
    credits: Mapping[tuple[UUID, UUID], int]


@dataclass(frozen=True, slots=True)
class Changes:
    """What to write. `stale` are open discrepancies of which only the evidence is new."""

    moves: Moves
    payments: tuple[PaymentState, ...]
    items: tuple[ItemState, ...]
    found: tuple[DiscrepancyWanted, ...]
    over: tuple[OpenDiscrepancy, ...]
    stale: tuple[tuple[OpenDiscrepancy, DiscrepancyWanted], ...]


def whereabouts(state: PaymentState) -> Whereabouts:
    """What is compared, and published, of a payment's state."""
    return (
        state.customer_id,
        state.applied_minor,
        state.unapplied_minor,
        state.on_account_minor,
        state.unidentified_minor,
        state.refunded_minor,
        state.reversed_minor,
        frozenset((a.invoice_id, a.amount_minor) for a in state.allocations),
    )


def joined(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcomes of groups that do not touch, as one."""
    parts = list(outcomes)
    return Outcome(
        postings=tuple(p for part in parts for p in part.postings),
        payments=tuple(p for part in parts for p in part.payments),
        items=tuple(i for part in parts for i in part.items),
        credit_applications=tuple(c for part in parts for c in part.credit_applications),
        discrepancies=tuple(d for part in parts for d in part.discrepancies),
    )


def changes(outcome: Outcome, booked: Booked) -> Changes:
    """Compare what ought to be with what is booked of the same facts."""
    wanted = {case_of(w): w for w in outcome.discrepancies}
    over, stale, found = [], [], []
    for open_ in booked.discrepancies:
        ought = wanted.pop(case_of(open_), None)
        if ought is None:
            over.append(open_)
        elif _answer(open_) != _answer(ought):
            over.append(open_)
            found.append(ought)
        elif open_.evidence != ought.evidence:
            stale.append((open_, ought))
    return Changes(
        moves=moves(outcome.postings, booked.live),
        payments=tuple(
            state
            for state in outcome.payments
            if _known(booked.payments, state.payment_id) != whereabouts(state)
        ),
        items=tuple(item for item in outcome.items if _known(booked.items, item.item_id) != item),
        found=(*found, *wanted.values()),
        over=tuple(over),
        stale=tuple(stale),
    )


def ending(open_: OpenDiscrepancy, outcome: Outcome, group: Group, booked: Booked) -> str:
    """How a discrepancy that has no successor came to its end: the `resolution` of the event."""
    if any(
        isinstance(r, Dismiss)
        and (r.code, r.invoice_id, r.amount_minor)
        == (open_.code, open_.subject_id, open_.amount_minor)
        for r in group.resolutions
    ):
        return "dismissed"
    if open_.family == "item":
        item = next((i for i in outcome.items if i.item_id == open_.subject_id), None)
        if item and item.accepted_minor:
            return "accepted"
        return "applied" if item and item.paid_minor else "superseded"
    state = next((s for s in outcome.payments if s.payment_id == open_.subject_id), None)
    before = _known(booked.payments, open_.subject_id)
    if state and before:
        _, _, _, on_account, _, refunded, reversed_, _ = before
        if state.on_account_minor > on_account:
            return "on-account"
        if state.refunded_minor > refunded or state.reversed_minor > reversed_:
            return "refunded"
    return "applied"


def at_rest(state: PaymentState) -> bool:
    """Whether nothing but a new reference, or a change of its items, can move a payment again."""
    held = state.unapplied_minor + state.unidentified_minor
    return held == 0 and (state.tier == "reference" or state.applied_minor == 0)


def items_at_rest(outcome: Outcome) -> frozenset[UUID]:
    """Items closed by references alone: no payment without one could ever have taken them.

    A corrected item stays awake, for money from before its correction may still come; so does one
    whose rest was accepted, for a late payment leaves less to accept.
    """
    by_amount = {
        allocation.invoice_id
        for state in outcome.payments
        if state.tier != "reference"
        for allocation in state.allocations
    }
    return frozenset(
        item.item_id
        for item in outcome.items
        if item.open_minor == 0
        and item.item_id not in by_amount
        and item.adjusted_minor + item.credited_minor == 0
    )


def _known(known: Mapping[UUID, tuple[Any, Any]], id_: UUID) -> Any:
    return known[id_][0] if id_ in known else None


def case_of(of: OpenDiscrepancy | DiscrepancyWanted) -> tuple[str, UUID, str | None]:
    """What at most one may be open of: per payment or reversal for cash, per code for items."""
    return (of.family, of.subject_id, of.code if of.family == "item" else None)


def _answer(of: OpenDiscrepancy | DiscrepancyWanted) -> tuple[object, ...]:
    """What never changes of a discrepancy: another answer is another discrepancy."""
    return (of.code, of.amount_minor, of.currency, of.customer_id, of.payment_id, of.invoice_id)
