"""The working state of one settlement: what is left of each payment, and open on each item."""

from dataclasses import dataclass, field
from uuid import UUID

from recon_svc.domain.facts import Group, Invoice, Payment


@dataclass(slots=True)
class Desk:
    """Amounts in minor units. `put` is the only way money reaches an item."""

    invoices: dict[UUID, Invoice]
    payments: dict[UUID, Payment]
    left: dict[UUID, int]
    remaining: dict[UUID, int]
    allocations: dict[tuple[UUID, UUID], int] = field(default_factory=dict)
    proofs: dict[tuple[UUID, UUID], str] = field(default_factory=dict)
    pinned: dict[tuple[UUID, UUID], int] = field(default_factory=dict)
    on_account: dict[tuple[UUID, UUID], int] = field(default_factory=dict)
    forbidden: set[tuple[UUID, UUID]] = field(default_factory=set)

    @classmethod
    def of(cls, group: Group) -> "Desk":
        return cls(
            invoices={invoice.invoice_id: invoice for invoice in group.invoices},
            payments={payment.payment_id: payment for payment in group.payments},
            left={payment.payment_id: payment.amount_minor for payment in group.payments},
            remaining={invoice.invoice_id: invoice.due_minor for invoice in group.invoices},
        )

    def in_order(self) -> list[Payment]:
        """Payments by value date, then id: the order in which they are served."""
        return sorted(self.payments.values(), key=lambda p: (p.value_on, p.payment_id))

    def put(self, payment_id: UUID, invoice_id: UUID, amount_minor: int, proof: str) -> int:
        """Assign up to `amount_minor`, as far as payment and item reach; returns what was put."""
        amount = min(amount_minor, self.left[payment_id], self.remaining[invoice_id])
        if amount <= 0:
            return 0
        pair = (payment_id, invoice_id)
        self.allocations[pair] = self.allocations.get(pair, 0) + amount
        self.proofs.setdefault(pair, proof)
        self.left[payment_id] -= amount
        self.remaining[invoice_id] -= amount
        return amount

    def open_for(self, payment_id: UUID, invoice_id: UUID) -> int:
        """What was open on an item before a person put any of this same payment on it."""
        return self.remaining[invoice_id] + self.pinned.get((payment_id, invoice_id), 0)

    def kept(self, payment_id: UUID) -> int:
        return sum(amount for (paid, _), amount in self.on_account.items() if paid == payment_id)
