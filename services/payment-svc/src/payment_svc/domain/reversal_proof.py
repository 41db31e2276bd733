"""Which payment was taken back? Only bank ids and the amount prove it; likeness never does."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from payment_svc.domain.payment import BankId, Payment, Reversal


@dataclass
class Candidates:
    """Payments by bank id that have not been taken back: (payment, amount in minor units)."""

    by_id: dict[BankId, dict[UUID, int]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, payment_id: UUID, amount_minor: int, bank_ids: Iterable[BankId]) -> None:
        """One payment that can be taken back."""
        for bank_id in bank_ids:
            self.by_id[bank_id][payment_id] = amount_minor

    def drop(self, payment_id: UUID) -> None:
        """It was taken back; nothing else can prove it again."""
        for payments in self.by_id.values():
            payments.pop(payment_id, None)


def prove_payments(
    reversals: Iterable[Reversal], candidates: Candidates, fresh: Iterable[Payment] = ()
) -> list[Reversal]:
    """Each reversal with the payment it takes back, where exactly one is proved.

    `fresh` are payments of the same file. A mandate names many payments, so it proves none.
    """
    for payment in fresh:
        candidates.add(payment.payment_id, payment.amount_minor, payment.bank_ids)
    proved = []
    for reversal in reversals:
        payment_id = _only_one(reversal, candidates.by_id)
        if payment_id is not None:
            candidates.drop(payment_id)
        proved.append(reversal.of(payment_id))
    return proved


def _only_one(reversal: Reversal, by_id: Mapping[BankId, Mapping[UUID, int]]) -> UUID | None:
    """Every id that finds any payment of the amount must agree on the same single one."""
    agreed: set[UUID] | None = None
    for bank_id in reversal.bank_ids:
        if bank_id[0] == "mandate":
            continue
        payments = by_id.get(bank_id, {})
        found = {key for key, amount in payments.items() if amount == reversal.amount_minor}
        if found:
            agreed = found if agreed is None else agreed & found
    return agreed.pop() if agreed is not None and len(agreed) == 1 else None
