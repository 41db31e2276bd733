"""What does not add up: one cash discrepancy per held payment or orphan, and those of items."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from recon_svc.domain.facts import Dismiss, Group, Reversal
from recon_svc.domain.matching import Verdict
from recon_svc.domain.outcome import DiscrepancyWanted, ItemState, PaymentState


def cash_discrepancies(
    payments: Iterable[PaymentState], verdicts: Mapping[UUID, Verdict], orphans: Iterable[Reversal]
) -> list[DiscrepancyWanted]:
    """Each unapplied or unidentified minor unit, and each orphan reversal, has exactly one."""
    found = [
        DiscrepancyWanted(
            code="ORPHAN_REVERSAL",
            family="cash",
            subject_id=orphan.reversal_id,
            customer_id=None,
            payment_id=orphan.payment_id,
            invoice_id=None,
            currency=orphan.currency,
            amount_minor=orphan.amount_minor,
            evidence={"names_payment": orphan.payment_id is not None},
        )
        for orphan in orphans
    ]
    for state in payments:
        held = state.unapplied_minor + state.unidentified_minor
        if held:
            verdict = verdicts[state.payment_id]
            found.append(
                DiscrepancyWanted(
                    code=verdict.code or _fallback(state),
                    family="cash",
                    subject_id=state.payment_id,
                    customer_id=state.customer_id,
                    payment_id=state.payment_id,
                    invoice_id=_only_invoice(state, verdict.evidence),
                    currency=state.currency,
                    amount_minor=held,
                    evidence=verdict.evidence,
                )
            )
    return found


def _fallback(state: PaymentState) -> str:
    """The machine put all it was offered; what is left over is more than the items took."""
    if state.applied_minor:
        return "OVER_PAY"
    return "MISSING_REMITTANCE" if state.customer_id else "UNKNOWN_PAYER"


def _only_invoice(state: PaymentState, evidence: Mapping[str, Any]) -> UUID | None:
    named = evidence.get("invoices", ())
    if len(named) == 1:
        return UUID(named[0])
    return state.allocations[0].invoice_id if len(state.allocations) == 1 else None


def item_discrepancies(
    group: Group,
    items: Iterable[ItemState],
    payments: Iterable[PaymentState],
    money_before: Mapping[UUID, int],
) -> list[DiscrepancyWanted]:
    """SHORT_PAY and INVOICE_CHANGED_AFTER_PAY, but for those a person dismissed at this amount."""
    dismissed = {
        (decision.code, decision.invoice_id, decision.amount_minor)
        for decision in group.resolutions
        if isinstance(decision, Dismiss)
    }
    payers: dict[UUID, list[str]] = {}
    for state in payments:
        for allocation in state.allocations:
            payers.setdefault(allocation.invoice_id, []).append(str(state.payment_id))
    found = []
    for item in items:
        if item.side != "debit":
            continue
        if item.paid_minor and item.open_minor:
            evidence = {"paid_minor": item.paid_minor, "payments": payers.get(item.item_id, [])}
            found.append(_of_item("SHORT_PAY", item, item.open_minor, evidence))
        moved = money_before.get(item.item_id, 0) - item.paid_minor
        if moved > 0:
            evidence = {"voided_minor": item.voided_minor, "credited_minor": item.credited_minor}
            found.append(_of_item("INVOICE_CHANGED_AFTER_PAY", item, moved, evidence))
    return [d for d in found if (d.code, d.subject_id, d.amount_minor) not in dismissed]


def _of_item(
    code: str, item: ItemState, amount_minor: int, evidence: dict[str, Any]
) -> DiscrepancyWanted:
    return DiscrepancyWanted(
        code=code,
        family="item",
        subject_id=item.item_id,
        customer_id=item.customer_id,
        payment_id=None,
        invoice_id=item.item_id,
        currency=item.currency,
        amount_minor=amount_minor,
        evidence=evidence,
    )
