"""What one settlement writes: decisions, journals, positions, discrepancies and events.

Pure: ids come from the caller, and so does the day.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from billing_shared.contracts import Event
from billing_shared.contracts.recon import Cause
from recon_svc.domain import news, snapshot
from recon_svc.domain.changes import (
    Booked,
    Changes,
    case_of,
    changes,
    ending,
    items_at_rest,
    joined,
)
from recon_svc.domain.codes import SUGGESTIONS
from recon_svc.domain.facts import Group, Invoice
from recon_svc.domain.ledger import Journal, posted_on, posting_dates
from recon_svc.domain.news import Ending, NewDiscrepancy
from recon_svc.domain.outcome import DiscrepancyWanted, ItemState, Outcome, PaymentState
from recon_svc.domain.rules import Rules


@dataclass(frozen=True, slots=True)
class Decision:
    """Texts are canonical JSON. `payments` are those decided here, with the tier that did."""

    decision_id: UUID
    inputs: str
    inputs_sha256: str
    policy: str
    policy_sha256: str
    outcome: str
    payments: tuple[tuple[UUID, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ItemLabel:
    """What a person reads of an item beside its amounts."""

    number: str
    issued_on: date
    due_on: date


@dataclass(frozen=True, slots=True)
class NewAllocation:
    """An allocation to be written; its id is that of the journal that applied it."""

    allocation_id: UUID
    payment_id: UUID
    invoice_id: UUID
    amount_minor: int
    proof: str
    decision_id: UUID


@dataclass(frozen=True, slots=True)
class Day:
    """When a settlement happens: the instant, and the date where the seller is."""

    now: datetime
    today: date


class Plan:
    """The settlement of some groups that do not touch, against what is booked of them.

    `outcomes` and `rules` stand beside `groups`: each group is decided by its own policy version.
    """

    def __init__(
        self,
        groups: Sequence[Group],
        outcomes: Sequence[Outcome],
        booked: Booked,
        *,
        rules: Sequence[Rules],
        day: Day,
        new_id: Callable[[], UUID],
    ) -> None:
        self._groups = groups
        self._outcomes = outcomes
        self._booked = booked
        self._rules = rules
        self._day = day
        self._new_id = new_id
        self._outcome = joined(outcomes)
        self._changes: Changes = changes(self._outcome, booked)
        self._home = {fact: place for place, group in enumerate(groups) for fact in _facts(group)}
        self._invoices: dict[UUID, Invoice] = {
            i.invoice_id: i for group in groups for i in group.invoices
        }
        self.resting_items = items_at_rest(self._outcome)
        self.payments = self._payments()
        self._decided = self._decide()
        self.journals = self._post()
        self._allocation_ids = self._live_allocations()
        self.found = [self._find(wanted) for wanted in self._changes.found]
        self.endings = [*self._end()]

    @property
    def decisions(self) -> list[Decision]:
        return list(self._decided.values())

    @property
    def stale_evidence(self) -> list[tuple[UUID, dict[str, object]]]:
        return [(open_.discrepancy_id, ought.evidence) for open_, ought in self._changes.stale]

    def decision_id(self, fact: UUID) -> UUID:
        """The decision about the group of a fact; KeyError where nothing was decided."""
        return self._decided[self._home[fact]].decision_id

    def items(self) -> list[ItemState]:
        """Items that changed, or came to rest, or woke up."""
        moved = {item.item_id for item in self._changes.items}
        return [
            item
            for item in self._outcome.items
            if item.item_id in moved
            or self._booked.items[item.item_id][1] != (item.item_id in self.resting_items)
        ]

    def labels(self) -> dict[UUID, ItemLabel]:
        labels = {
            id_: ItemLabel(i.number, i.issued_on, i.due_on) for id_, i in self._invoices.items()
        }
        for group in self._groups:
            for note in group.credit_notes:
                labels[note.credit_note_id] = ItemLabel(note.number, note.issued_on, note.issued_on)
        return labels

    def ended_allocations(self) -> list[tuple[UUID, UUID]]:
        """Each with the mirror journal that took it back."""
        return [
            (journal.mirror_of, journal.journal_id)
            for journal in self.journals
            if journal.mirror_of is not None and journal.posting.kind == "applied"
        ]

    def new_allocations(self) -> list[NewAllocation]:
        proofs = {
            (a.payment_id, a.invoice_id): a.proof
            for state in self._outcome.payments
            for a in state.allocations
        }
        return [
            NewAllocation(
                allocation_id=journal.journal_id,
                payment_id=journal.posting.subject_id,
                invoice_id=journal.posting.against_id,
                amount_minor=journal.posting.amount_minor,
                proof=proofs[journal.posting.subject_id, journal.posting.against_id],
                decision_id=self.decision_id(journal.posting.subject_id),
            )
            for journal in self.journals
            if journal.mirror_of is None
            and journal.posting.kind == "applied"
            and journal.posting.against_id is not None
        ]

    def ended_credits(self) -> list[tuple[UUID, UUID]]:
        wanted = {(note, invoice) for note, invoice, _ in self._outcome.credit_applications}
        return [pair for pair in self._booked.credits if pair not in wanted]

    def new_credits(self) -> list[tuple[UUID, UUID, int, date]]:
        """Credit note, invoice, amount, and the day from which both existed."""
        issued = {n.credit_note_id: n.issued_on for g in self._groups for n in g.credit_notes}
        return [
            (note, invoice, amount, max(issued[note], self._invoices[invoice].issued_on))
            for note, invoice, amount in self._outcome.credit_applications
            if self._booked.credits.get((note, invoice)) != amount
        ]

    def events(self, actor: str, reason: str) -> Iterator[tuple[UUID, Event]]:
        """What to publish, each with the fact it speaks of."""
        for state in self._changes.payments:
            yield (
                state.payment_id,
                news.payment_allocated(
                    state,
                    self._allocation_ids,
                    self.decision_id(state.payment_id),
                    self.policy_sha256(state.payment_id),
                ),
            )
        causes = news.causes(self._changes.moves, self._outcome, self._booked)
        for item in self._changes.items:
            if item.side == "debit":
                invoice = self._invoices[item.item_id]
                issued = Cause(kind="invoice", id=item.item_id, amount_minor=0)
                cause = causes.get(item.item_id, issued)
                yield item.item_id, news.settlement_changed(item, invoice, cause)
        for new in self.found:
            yield new.wanted.subject_id, news.discrepancy_found(new)
        for end in self.endings:
            yield end.discrepancy.subject_id, news.discrepancy_resolved(end, actor, reason)

    def home(self, fact: UUID) -> int | None:
        """The place of the group a fact is in."""
        return self._home.get(fact)

    def policy_sha256(self, fact: UUID) -> str:
        """The policy version by which a fact's group was decided."""
        return self._rules[self._home[fact]].matching.sha256

    def _payments(self) -> list[PaymentState]:
        """Those whose money moved, and those that another tier answers now."""
        moved = {state.payment_id for state in self._changes.payments}
        return [
            state
            for state in self._outcome.payments
            if state.payment_id in moved or self._booked.payments[state.payment_id][1] != state.tier
        ]

    def _decide(self) -> dict[int, Decision]:
        """One for each group in which anything about money or discrepancies was decided."""
        touched: dict[int, list[PaymentState]] = {}
        for state in self.payments:
            touched.setdefault(self._home[state.payment_id], []).append(state)
        for found in self._changes.found:
            touched.setdefault(self._home[found.subject_id], [])
        for open_ in self._changes.over:
            touched.setdefault(self._home[open_.subject_id], [])
        decided = {}
        for place, states in touched.items():
            inputs = snapshot.encode_group(self._groups[place])
            policy = self._rules[place].matching
            decided[place] = Decision(
                decision_id=self._new_id(),
                inputs=inputs,
                inputs_sha256=hashlib.sha256(inputs.encode()).hexdigest(),
                policy=snapshot.encode_policy(policy),
                policy_sha256=policy.sha256,
                outcome=snapshot.encode_outcome(self._outcomes[place]),
                payments=tuple((state.payment_id, state.tier) for state in states),
            )
        return decided

    def _post(self) -> list[Journal]:
        """Mirrors first, so that their successors find the place free."""
        dates: dict[UUID, date] = {}
        for group in self._groups:
            dates |= posting_dates(group)
        voided = {i.invoice_id: i.voided_on for i in self._invoices.values() if i.voided_on}
        today = self._day.today
        mirrors = [
            Journal(
                self._new_id(),
                live.posting,
                # A correction is dated when it is made, but not before what it corrects.
                max(today, live.posted_on),
                self._decided_in(live.posting.subject_id),
                mirror_of=live.journal_id,
            )
            for live in self._changes.moves.gone
        ]
        fresh = [
            Journal(
                self._new_id(),
                posting,
                posted_on(posting, dates, voided, today),
                self._decided_in(posting.subject_id),
            )
            for posting in self._changes.moves.fresh
        ]
        return [*mirrors, *fresh]

    def _decided_in(self, fact: UUID) -> UUID | None:
        decision = self._decided.get(self._home[fact])
        return decision.decision_id if decision else None

    def _live_allocations(self) -> dict[tuple[UUID, UUID], UUID]:
        """The allocation of each (payment, invoice): the live journal that applies it."""
        gone = {live.journal_id for live in self._changes.moves.gone}
        journals = [
            *((a.posting, a.journal_id) for a in self._booked.live if a.journal_id not in gone),
            *((j.posting, j.journal_id) for j in self.journals if j.mirror_of is None),
        ]
        return {
            (posting.subject_id, posting.against_id): journal_id
            for posting, journal_id in journals
            if posting.kind == "applied" and posting.against_id is not None
        }

    def _find(self, wanted: DiscrepancyWanted) -> NewDiscrepancy:
        action, why = SUGGESTIONS[wanted.code]
        rules = self._rules[self._home[wanted.subject_id]]
        return NewDiscrepancy(
            discrepancy_id=self._new_id(),
            wanted=wanted,
            severity=rules.severity[wanted.code],
            suggested_action=action,
            suggested_reason=why,
            decision_id=self.decision_id(wanted.subject_id),
            due_at=rules.due_at(wanted.code, self._day.now),
        )

    def _end(self) -> Iterator[Ending]:
        successors = {case_of(new.wanted): new.discrepancy_id for new in self.found}
        for open_ in self._changes.over:
            successor = successors.get(case_of(open_))
            place = self._home[open_.subject_id]
            yield Ending(
                discrepancy=open_,
                resolution="superseded"
                if successor
                else ending(open_, self._outcomes[place], self._groups[place], self._booked),
                superseded_by=successor,
                journal_ids=tuple(
                    journal.journal_id
                    for journal in self.journals
                    if open_.subject_id in (journal.posting.subject_id, journal.posting.against_id)
                ),
            )


def _facts(group: Group) -> Iterator[UUID]:
    yield from (i.invoice_id for i in group.invoices)
    yield from (n.credit_note_id for n in group.credit_notes)
    yield from (p.payment_id for p in group.payments)
    yield from (r.reversal_id for r in group.reversals)
