"""A decision in plain sentences, for people who ask why."""

from collections.abc import Iterator
from uuid import UUID

from billing_shared.money import to_decimal
from recon_svc.domain.codes import SUGGESTIONS
from recon_svc.domain.facts import Group
from recon_svc.domain.outcome import AllocationWanted, DiscrepancyWanted, Outcome, PaymentState

_TIERS = {
    "reference": "It was decided by the references it carries.",
    "amount": "It carries no reference, so only its payer and amount could decide.",
    "stopped": "The books were broken, so nothing was matched by machine.",
}
_PROOFS = {
    "reference": "its reference names it to the letter",
    "payer-and-amount": "the payer is known, and it is the payer's only open item of this amount",
    "person": "a person decided it",
    "kept": "it lay there before posting stopped",
}


def sentences(group: Group, outcome: Outcome, payment_id: UUID | None = None) -> list[str]:
    """Why each payment of a decision was treated as it was; of one payment, if it is given."""
    numbers = {invoice.invoice_id: invoice.number for invoice in group.invoices}
    told: list[str] = []
    for state in outcome.payments:
        if payment_id in (None, state.payment_id):
            told += _of_payment(state, numbers)
    for found in outcome.discrepancies:
        if payment_id in (None, found.payment_id):
            told.append(_of_discrepancy(found, numbers))
    return told


def _of_payment(state: PaymentState, numbers: dict[UUID, str]) -> Iterator[str]:
    amount = money(state.received_minor, state.currency)
    yield f"Payment {state.payment_id} brought {amount}. {_TIERS.get(state.tier, '')}".strip()
    for name, what in (
        ("bad", "fails its check digits"),
        ("unknown", "names nothing we know"),
        ("ambiguous", "names more than one invoice"),
    ):
        for reference in state.evidence.get(name, ()):
            yield f"The reference {reference} {what}."
    for allocation in state.allocations:
        yield _of_allocation(allocation, state.currency, numbers)
    for minor, what in (
        (state.reversed_minor, "was taken back by the bank"),
        (state.on_account_minor, "is kept on account, as a person decided"),
        (state.unapplied_minor, "is unapplied: the payer is known, its purpose is not proven"),
        (state.unidentified_minor, "is unidentified: it is not proven whose it is"),
    ):
        if minor:
            yield f"{money(minor, state.currency)} of it {what}."


def _of_allocation(allocation: AllocationWanted, currency: str, numbers: dict[UUID, str]) -> str:
    number = numbers.get(allocation.invoice_id, str(allocation.invoice_id))
    why = _PROOFS.get(allocation.proof, allocation.proof)
    return f"{money(allocation.amount_minor, currency)} went to invoice {number}: {why}."


def _of_discrepancy(found: DiscrepancyWanted, numbers: dict[UUID, str]) -> str:
    amount = money(found.amount_minor, found.currency)
    at = f" on invoice {numbers[found.invoice_id]}" if found.invoice_id in numbers else ""
    return f"{found.code} over {amount}{at}: {SUGGESTIONS[found.code][1]}."


def money(amount_minor: int, currency: str) -> str:
    """`1234.50 EUR`."""
    return f"{to_decimal(amount_minor, currency)} {currency}"
