"""What ought to stand in the books, as `settle` derives it from a group's facts."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Posting:
    """One journal that ought to be live. `kind` fixes the accounts (see `ledger`).

    `subject_id` is the invoice, credit note, payment or reversal it books; `against_id` the invoice
    of an `applied`, the payment of a `reversed`, the resolution of an `accepted-short`.
    """

    kind: str
    subject_id: UUID
    against_id: UUID | None
    customer_id: UUID | None
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class AllocationWanted:
    """Part of a payment assigned to an invoice, with what proves it."""

    payment_id: UUID
    invoice_id: UUID
    customer_id: UUID
    amount_minor: int
    proof: str


@dataclass(frozen=True, slots=True)
class PaymentState:
    """Where every minor unit of a payment is; the terms add up to `received_minor`."""

    payment_id: UUID
    customer_id: UUID | None
    currency: str
    received_minor: int
    applied_minor: int
    unapplied_minor: int
    on_account_minor: int
    unidentified_minor: int
    refunded_minor: int
    reversed_minor: int
    allocations: tuple[AllocationWanted, ...]
    on_account: tuple[tuple[UUID, int], ...]  # customer, amount
    tier: str
    evidence: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ItemState:
    """A debit item (an invoice) or credit item: original = open + applied + adjusted.

    For an invoice, applied = paid + credited, adjusted = voided + accepted short.
    """

    item_id: UUID
    side: str  # debit | credit
    customer_id: UUID
    currency: str
    original_minor: int
    open_minor: int
    paid_minor: int = 0
    credited_minor: int = 0
    voided_minor: int = 0
    accepted_minor: int = 0

    @property
    def applied_minor(self) -> int:
        return self.paid_minor + self.credited_minor

    @property
    def adjusted_minor(self) -> int:
        return self.voided_minor + self.accepted_minor


@dataclass(frozen=True, slots=True)
class DiscrepancyWanted:
    """Something that does not add up. `subject_id` is the payment or reversal (cash) or invoice."""

    code: str
    family: str  # cash | item
    subject_id: UUID
    customer_id: UUID | None
    payment_id: UUID | None
    invoice_id: UUID | None
    currency: str
    amount_minor: int
    evidence: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that ought to be, for one group."""

    postings: tuple[Posting, ...]
    payments: tuple[PaymentState, ...]
    items: tuple[ItemState, ...]
    credit_applications: tuple[tuple[UUID, UUID, int], ...]  # credit note, invoice, amount
    discrepancies: tuple[DiscrepancyWanted, ...]
