"""Events published by payment-svc."""

from datetime import date
from typing import Annotated, ClassVar, Literal
from uuid import UUID

import msgspec

from billing_shared.contracts.envelope import (
    AmountMinor,
    Currency,
    Event,
    Part,
    Sha256,
    SignedMinor,
)
from billing_shared.contracts.growing import growing

PRODUCER = "payment-svc"

ReferenceKind = Annotated[
    str, growing("^[a-z][a-z-]*$", "creditor-reference", "end-to-end", "mandate", "bank")
]
PositiveMinor = Annotated[int, msgspec.Meta(ge=1, le=10**15 - 1)]


class Payer(Part, frozen=True, kw_only=True):
    """Who sent the money, as the bank tells it. `account` is an IBAN or a local number."""

    name: str | None = None
    account: str | None = None
    bank: str | None = None


class Reference(Part, frozen=True, kw_only=True):
    """A structured reference, as the bank delivered it (not cleaned)."""

    kind: ReferenceKind
    value: str


class Original(Part, frozen=True, kw_only=True):
    """The instructed amount before conversion; `rate` is a decimal string."""

    amount_minor: AmountMinor
    currency: Currency
    rate: str


class PaymentReceived(Event, frozen=True, kw_only=True):
    """Money came onto our account. `customer_id` only if a person named it."""

    type: ClassVar[str] = "payment-received"
    producer: ClassVar[str] = PRODUCER
    aggregate_type: ClassVar[str] = "payment"
    key_field: ClassVar[str] = "payment_id"

    payment_id: UUID
    source: Literal["bank-file", "manual", "processor"]
    account: str
    amount_minor: PositiveMinor
    currency: Currency
    booked_on: date
    value_on: date
    payer: Payer
    customer_id: UUID | None = None
    remittance_lines: list[str]
    references: list[Reference]
    statement_id: UUID | None = None
    entry_no: int | None = None
    original: Original | None = None
    charges_minor: AmountMinor | None = None


class PaymentReversed(Event, frozen=True, kw_only=True):
    """Money was taken back. `payment_id` only where bank ids or a person prove it."""

    type: ClassVar[str] = "payment-reversed"
    producer: ClassVar[str] = PRODUCER
    aggregate_type: ClassVar[str] = "reversal"
    key_field: ClassVar[str] = "reversal_id"

    reversal_id: UUID
    payment_id: UUID | None = None
    amount_minor: PositiveMinor
    currency: Currency
    booked_on: date
    value_on: date
    kind: Literal["return", "chargeback", "recall", "entered-in-error"]
    reason_code: str | None = None
    references: list[Reference]


class Movements(Part, frozen=True, kw_only=True):
    """How many entries of one direction a statement has, and their sum."""

    count: int
    sum_minor: AmountMinor


class StatementImported(Event, frozen=True, kw_only=True):
    """A bank statement was proved, or quarantined because it does not add up."""

    type: ClassVar[str] = "statement-imported"
    producer: ClassVar[str] = PRODUCER
    aggregate_type: ClassVar[str] = "statement"
    key_field: ClassVar[str] = "statement_id"

    statement_id: UUID
    account: str
    currency: Currency
    opened_on: date
    closed_on: date
    opening_minor: SignedMinor
    closing_minor: SignedMinor
    credits: Movements
    debits: Movements
    state: Literal["proved", "quarantined"]
    gap_after: date | None = None
    file_sha256: Sha256
