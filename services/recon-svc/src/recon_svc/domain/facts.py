"""What recon-svc knows: facts from other services, and what people decided.

Facts are never changed; `settle` derives everything else from them. Amounts are minor units.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Invoice:
    """A debit item. Its original is `due_minor`; gross beyond it was paid before the import."""

    invoice_id: UUID
    number: str
    customer_id: UUID
    currency: str
    issued_on: date
    due_on: date
    gross_minor: int
    due_minor: int
    payment_reference: str
    voided_on: date | None = None


@dataclass(frozen=True, slots=True)
class CreditNote:
    """A credit item of its customer, applied to its invoice as far as that reaches."""

    credit_note_id: UUID
    number: str
    invoice_id: UUID
    customer_id: UUID
    currency: str
    issued_on: date
    gross_minor: int


@dataclass(frozen=True, slots=True)
class BankReference:
    """A structured reference as the bank delivered it; kinds as in `payment-received`."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that came in. `customer_id` only if a person named it."""

    payment_id: UUID
    amount_minor: int
    currency: str
    value_on: date
    payer_account: str | None
    customer_id: UUID | None
    remittance_lines: tuple[str, ...] = ()
    references: tuple[BankReference, ...] = ()


@dataclass(frozen=True, slots=True)
class Reversal:
    """Money that was taken back; `payment_id` where payment-svc could prove it."""

    reversal_id: UUID
    payment_id: UUID | None
    amount_minor: int
    currency: str
    value_on: date
    references: tuple[BankReference, ...] = ()


@dataclass(frozen=True, slots=True)
class Apply:
    """A person assigned part of a payment to an invoice."""

    resolution_id: UUID
    payment_id: UUID
    invoice_id: UUID
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Unapply:
    """A person took a payment off an invoice; the machine does not put it there again."""

    resolution_id: UUID
    payment_id: UUID
    invoice_id: UUID


@dataclass(frozen=True, slots=True)
class KeepOnAccount:
    """A person keeps part of a payment as the customer's credit."""

    resolution_id: UUID
    payment_id: UUID
    customer_id: UUID
    amount_minor: int


@dataclass(frozen=True, slots=True)
class AcceptShort:
    """A person accepts that the rest of an invoice will not be paid."""

    resolution_id: UUID
    invoice_id: UUID
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Dismiss:
    """A person signed off an item discrepancy of exactly this amount."""

    resolution_id: UUID
    code: str
    invoice_id: UUID
    amount_minor: int


Resolution = Apply | Unapply | KeepOnAccount | AcceptShort | Dismiss


@dataclass(frozen=True, slots=True)
class Group:
    """One connected component: everything that may compete for the same money or items.

    `payers` maps a payer's account number to the customers who list it as theirs; `customers` are
    those we have heard of. `resolutions` stand in the order in which people made them.
    `crowded` are payers with so many open items that not all of them were loaded: beyond
    `group_limit` for sure. `posting_stopped` is the set of allocations that stay as they are while
    the books are broken, or None when the machine may decide.
    """

    invoices: tuple[Invoice, ...] = ()
    credit_notes: tuple[CreditNote, ...] = ()
    payments: tuple[Payment, ...] = ()
    reversals: tuple[Reversal, ...] = ()
    resolutions: tuple[Resolution, ...] = ()
    customers: frozenset[UUID] = frozenset()
    payers: Mapping[str, frozenset[UUID]] = field(default_factory=dict)
    crowded: frozenset[UUID] = frozenset()
    posting_stopped: "frozenset[LiveAllocation] | None" = None


@dataclass(frozen=True, slots=True)
class LiveAllocation:
    """An allocation as it is booked now."""

    payment_id: UUID
    invoice_id: UUID
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits that bear on matching, from the tenant's policy; `sha256` names the version.

    `duplicate_window_days`: how long before a payment an equal one makes it suspect.
    `group_limit`: open items of one payer beyond which only references are proof.
    `number_patterns`: regular expressions that our own document numbers match, once normalised.
    """

    sha256: str
    duplicate_window_days: int = 14
    group_limit: int = 500
    number_patterns: tuple[str, ...] = (r"INV\d{4,}",)
