"""Events published by recon-svc."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from billing_shared.contracts.envelope import (
    AmountMinor,
    Currency,
    Event,
    Part,
    Sha256,
    SignedMinor,
)
from billing_shared.contracts.growing import growing

PRODUCER = "recon-svc"

Code = Annotated[
    str,
    growing(
        "^[A-Z][A-Z0-9_]*$",
        "ORPHAN_REVERSAL",
        "CURRENCY_MISMATCH",
        "DUPLICATE_PAYMENT",
        "CLOSED_REFERENCE",
        "BAD_REFERENCE",
        "UNKNOWN_REFERENCE",
        "AMBIGUOUS_MATCH",
        "OVER_PAY",
        "UNKNOWN_PAYER",
        "MISSING_REMITTANCE",
        "SHORT_PAY",
        "INVOICE_CHANGED_AFTER_PAY",
    ),
]
Resolution = Annotated[
    str,
    growing(
        "^[a-z][a-z-]*$",
        "applied",
        "on-account",
        "refunded",
        "accepted",
        "dismissed",
        "superseded",
    ),
]


class Allocation(Part, frozen=True, kw_only=True):
    """Part of a payment assigned to one invoice."""

    allocation_id: UUID
    invoice_id: UUID
    amount_minor: AmountMinor


class PaymentAllocated(Event, frozen=True, kw_only=True):
    """What became of a payment, whole: the terms add up to `received_minor`."""

    type: ClassVar[str] = "payment-allocated"
    producer: ClassVar[str] = PRODUCER
    aggregate_type: ClassVar[str] = "payment"
    key_field: ClassVar[str] = "payment_id"

    payment_id: UUID
    customer_id: UUID | None = None
    currency: Currency
    received_minor: AmountMinor
    applied_minor: AmountMinor
    unapplied_minor: AmountMinor
    on_account_minor: AmountMinor
    unidentified_minor: AmountMinor
    refunded_minor: AmountMinor
    reversed_minor: AmountMinor
    allocations: list[Allocation]
    decision_id: UUID
    policy_sha256: Sha256


class Cause(Part, frozen=True, kw_only=True):
    """What moved the amount due, of kind `payment`, `credit-note`, `void`, `accept-short`, ..."""

    kind: str
    id: UUID
    amount_minor: SignedMinor


class SettlementChanged(Event, frozen=True, kw_only=True):
    """What is due on an invoice, whole: gross = paid + credited + written off + due."""

    type: ClassVar[str] = "settlement-changed"
    producer: ClassVar[str] = PRODUCER
    aggregate_type: ClassVar[str] = "invoice"
    key_field: ClassVar[str] = "invoice_id"

    invoice_id: UUID
    customer_id: UUID
    currency: Currency
    gross_minor: AmountMinor
    paid_minor: AmountMinor
    credited_minor: AmountMinor
    written_off_minor: AmountMinor
    disputed_minor: AmountMinor
    due_minor: AmountMinor
    settlement: Literal["unpaid", "partial", "settled"]
    cause: Cause


class Suggestion(Part, frozen=True, kw_only=True):
    """What we would do about a discrepancy, and why."""

    action: str
    reason: str


class DiscrepancyFound(Event, frozen=True, kw_only=True):
    """Something does not add up. `cash` owns unapplied money, `item` speaks of an open item."""

    type: ClassVar[str] = "discrepancy-found"
    producer: ClassVar[str] = PRODUCER
    aggregate_type: ClassVar[str] = "discrepancy"
    key_field: ClassVar[str] = "discrepancy_id"

    discrepancy_id: UUID
    code: Code
    family: Literal["cash", "item"]
    severity: Literal["S1", "S2", "S3", "S4"]
    amount_minor: AmountMinor
    currency: Currency
    customer_id: UUID | None = None
    payment_id: UUID | None = None
    invoice_id: UUID | None = None
    decision_id: UUID
    evidence: dict[str, Any]
    suggested: Suggestion
    due_at: datetime


class DiscrepancyResolved(Event, frozen=True, kw_only=True):
    """A discrepancy was cleared, by a journal, a signed acceptance or a better answer."""

    type: ClassVar[str] = "discrepancy-resolved"
    producer: ClassVar[str] = PRODUCER
    aggregate_type: ClassVar[str] = "discrepancy"
    key_field: ClassVar[str] = "discrepancy_id"

    discrepancy_id: UUID
    code: Code
    resolution: Resolution
    journal_ids: list[UUID]
    superseded_by: UUID | None = None
    actor: str
    reason: str


class BooksProved(Event, frozen=True, kw_only=True):
    """The books of a tenant were re-added and agree. The aggregate id is the tenant's id."""

    type: ClassVar[str] = "books-proved"
    producer: ClassVar[str] = PRODUCER
    aggregate_type: ClassVar[str] = "books"
    key_field: ClassVar[str] = "books_id"

    books_id: UUID
    proof_id: UUID
    kind: Literal["incremental", "full"]
    journals: int
    entries: int


class Difference(Part, frozen=True, kw_only=True):
    """One sum that does not agree: what the books say, and what they ought to."""

    check: str
    customer_id: UUID | None = None
    account: str | None = None
    currency: Currency
    expected_minor: int
    found_minor: int
    difference_minor: int


class BooksBroken(Event, frozen=True, kw_only=True):
    """The books of a tenant do not agree; automatic posting has stopped."""

    type: ClassVar[str] = "books-broken"
    producer: ClassVar[str] = PRODUCER
    aggregate_type: ClassVar[str] = "books"
    key_field: ClassVar[str] = "books_id"

    books_id: UUID
    proof_id: UUID
    kind: Literal["incremental", "full"]
    differences: list[Difference]
