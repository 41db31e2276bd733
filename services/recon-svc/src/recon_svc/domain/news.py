"""The events we publish, built from what was decided and booked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from billing_shared.contracts.recon import (
    Allocation,
    Cause,
    DiscrepancyFound,
    DiscrepancyResolved,
    PaymentAllocated,
    SettlementChanged,
    Suggestion,
)
from recon_svc.domain.changes import Booked, OpenDiscrepancy
from recon_svc.domain.facts import Invoice
from recon_svc.domain.ledger import Moves
from recon_svc.domain.outcome import DiscrepancyWanted, ItemState, Outcome, PaymentState, Posting


@dataclass(frozen=True, slots=True)
class NewDiscrepancy:
    """A discrepancy that was found, with what the policy says of its code."""

    discrepancy_id: UUID
    wanted: DiscrepancyWanted
    severity: str
    suggested_action: str
    suggested_reason: str
    decision_id: UUID
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Ending:
    """How an open discrepancy ended."""

    discrepancy: OpenDiscrepancy
    resolution: str
    superseded_by: UUID | None
    journal_ids: tuple[UUID, ...]


def payment_allocated(
    state: PaymentState,
    allocation_ids: Mapping[tuple[UUID, UUID], UUID],
    decision_id: UUID,
    policy_sha256: str,
) -> PaymentAllocated:
    """What became of a payment, whole."""
    return PaymentAllocated(
        payment_id=state.payment_id,
        customer_id=state.customer_id,
        currency=state.currency,
        received_minor=state.received_minor,
        applied_minor=state.applied_minor,
        unapplied_minor=state.unapplied_minor,
        on_account_minor=state.on_account_minor,
        unidentified_minor=state.unidentified_minor,
        refunded_minor=state.refunded_minor,
        reversed_minor=state.reversed_minor,
        allocations=[
            Allocation(
                allocation_id=allocation_ids[a.payment_id, a.invoice_id],
                invoice_id=a.invoice_id,
                amount_minor=a.amount_minor,
            )
            for a in state.allocations
        ],
        decision_id=decision_id,
        policy_sha256=policy_sha256,
    )


def settlement_changed(item: ItemState, invoice: Invoice, cause: Cause) -> SettlementChanged:
    """What is due on an invoice, whole. A void counts as credited, an import's past as paid."""
    if item.open_minor == 0:
        settlement = "settled"
    else:
        settlement = "unpaid" if item.open_minor == invoice.gross_minor else "partial"
    return SettlementChanged(
        invoice_id=item.item_id,
        customer_id=item.customer_id,
        currency=item.currency,
        gross_minor=invoice.gross_minor,
        paid_minor=item.paid_minor + invoice.gross_minor - item.original_minor,
        credited_minor=item.credited_minor + item.voided_minor,
        written_off_minor=item.accepted_minor,
        disputed_minor=0,
        due_minor=item.open_minor,
        settlement=settlement,  # type: ignore[arg-type]
        cause=cause,
    )


def discrepancy_found(new: NewDiscrepancy) -> DiscrepancyFound:
    wanted = new.wanted
    return DiscrepancyFound(
        discrepancy_id=new.discrepancy_id,
        code=wanted.code,
        family=wanted.family,  # type: ignore[arg-type]
        severity=new.severity,  # type: ignore[arg-type]
        amount_minor=wanted.amount_minor,
        currency=wanted.currency,
        customer_id=wanted.customer_id,
        payment_id=wanted.payment_id,
        invoice_id=wanted.invoice_id,
        decision_id=new.decision_id,
        evidence=wanted.evidence,
        suggested=Suggestion(action=new.suggested_action, reason=new.suggested_reason),
        due_at=new.due_at,
    )


def discrepancy_resolved(end: Ending, actor: str, reason: str) -> DiscrepancyResolved:
    return DiscrepancyResolved(
        discrepancy_id=end.discrepancy.discrepancy_id,
        code=end.discrepancy.code,
        resolution=end.resolution,
        journal_ids=list(end.journal_ids),
        superseded_by=end.superseded_by,
        actor=actor,
        reason=reason,
    )


def causes(moves: Moves, outcome: Outcome, booked: Booked) -> dict[UUID, Cause]:
    """What moved the due of each invoice: of several, the largest. Positive amounts reduce it."""
    found: dict[UUID, Cause] = {}
    reversals = {p.against_id: p.subject_id for p in moves.fresh if p.kind == "reversed"}
    for invoice_id, cause in (
        *(_cause(p, 1, reversals) for p in moves.fresh),
        *(_cause(live.posting, -1, reversals) for live in moves.gone),
        *_credited(outcome, booked),
    ):
        known = found.get(invoice_id)
        if known is None or abs(cause.amount_minor) > abs(known.amount_minor):
            found[invoice_id] = cause
    return found


def _cause(
    posting: Posting, sign: int, reversals: Mapping[UUID | None, UUID]
) -> tuple[UUID, Cause]:
    amount = sign * posting.amount_minor
    match posting.kind:
        case "applied":
            assert posting.against_id is not None
            reversal = reversals.get(posting.subject_id) if sign < 0 else None
            kind, id_ = ("reversal", reversal) if reversal else ("payment", posting.subject_id)
            return posting.against_id, Cause(kind=kind, id=id_, amount_minor=amount)
        case "accepted-short":
            assert posting.against_id is not None
            cause = Cause(kind="accept-short", id=posting.against_id, amount_minor=amount)
            return posting.subject_id, cause
        case "issued":
            # Being issued is only a cause where nothing else is.
            return posting.subject_id, Cause(kind="invoice", id=posting.subject_id, amount_minor=0)
        case kind:
            name = "void" if kind == "voided" else kind
            return posting.subject_id, Cause(kind=name, id=posting.subject_id, amount_minor=amount)


def _credited(outcome: Outcome, booked: Booked) -> Iterable[tuple[UUID, Cause]]:
    for note_id, invoice_id, amount in outcome.credit_applications:
        more = amount - booked.credits.get((note_id, invoice_id), 0)
        if more:
            yield invoice_id, Cause(kind="credit-note", id=note_id, amount_minor=more)
