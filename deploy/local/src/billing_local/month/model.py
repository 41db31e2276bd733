"""What a generated month is made of: sellers, customers, documents, money, and the truth about it.

Numbers and payment references are taken by invoice-svc, so the month does not know them: a
remittance text holds a `Quote` of an invoice, filled in once it is printed (`remittance.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal
from uuid import UUID

Code = Literal[
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
]
CODES: tuple[Code, ...] = Code.__args__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """A bank account of the seller; `camt_version` is the dialect its bank writes."""

    account: str
    currency: str
    bank: str
    camt_version: Literal["02", "04", "08"]
    opening_minor: int


@dataclass(frozen=True, slots=True)
class Seller:
    """One tenant."""

    key: str
    tenant_id: UUID
    name: str
    street: str
    postal_code: str
    city: str
    country: str
    tax_id: str
    time_zone: str
    base_currency: str
    tax_rates: tuple[str, ...]
    accounts: tuple[OwnAccount, ...]

    def account(self, currency: str) -> OwnAccount:
        return next(own for own in self.accounts if own.currency == currency)


@dataclass(frozen=True, slots=True)
class Customer:
    """`bank_accounts` are the master data as a clerk typed them; `pays_from` is what banks print.

    `known` says that `pays_from` stands in exactly this customer's master data and in no other's.
    """

    ref: str
    name: str
    aliases: tuple[str, ...]
    country: str
    email: str
    bank_accounts: tuple[str, ...]
    pays_from: str
    known: bool
    net_days: int


@dataclass(frozen=True, slots=True)
class Line:
    """Decimal strings, as on the wire; the discount is a percentage of the line."""

    description: str
    quantity: str
    unit_price: str
    tax_rate: str
    discount_percent: str | None = None


@dataclass(frozen=True, slots=True)
class Invoice:
    """`gross_minor` is reckoned here on its own, and compared with what invoice-svc makes of it."""

    ref: str
    customer: str
    currency: str
    issued_on: date
    net_days: int
    lines: tuple[Line, ...]
    gross_minor: int


@dataclass(frozen=True, slots=True)
class Correction:
    """A void, or a credit note over the whole invoice.

    A void bears the date of the day it is made, which in a month of the past is later than `on`; so
    no case rests on money that comes in after a void.
    """

    ref: str
    kind: Literal["void", "credit-note"]
    invoice: str
    on: date
    reason: str


@dataclass(frozen=True, slots=True)
class Quote:
    """An invoice as a payer quotes it: its number or its payment reference, in some spelling.

    `damage` makes the reference one that fails its check digits (`digit`), or a well-formed one
    of a document that does not exist (`stranger`).
    """

    invoice: str
    what: Literal["number", "reference"]
    style: str = "plain"
    damage: Literal["digit", "stranger"] | None = None
    salt: int = 0


Part = str | Quote


@dataclass(frozen=True, slots=True)
class Receipt:
    """Money that came in: by bank file, or by hand (`manual`), then perhaps naming a customer.

    `key` is the bank's own reference; receipts of one `batch` share an entry.
    """

    key: str
    account: str
    currency: str
    amount_minor: int
    booked_on: date
    value_on: date
    payer_name: str
    payer_account: str | None
    end_to_end: str | None
    remittance: tuple[Part, ...] = ()
    creditor_reference: Quote | None = None
    batch: str | None = None
    manual: bool = False
    names_customer: str | None = None


@dataclass(frozen=True, slots=True)
class Return:
    """Money taken back: a bank's debit with a reason, or a receipt `entered-in-error`.

    `end_to_end` is what the bank prints; `receipt` is the receipt it belongs to, if there is one.
    """

    key: str
    account: str
    currency: str
    amount_minor: int
    booked_on: date
    value_on: date
    reason_code: str
    end_to_end: str
    receipt: str | None
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A debit that is no concern of receivables: fees, wages, suppliers."""

    key: str
    account: str
    currency: str
    amount_minor: int
    booked_on: date
    text: str


@dataclass(frozen=True, slots=True)
class Share:
    """An amount of a receipt for one invoice."""

    invoice: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class ReceiptTruth:
    """Whose the money is, what it was sent for, and what a careful clerk could post (`posts`).

    What is neither posted nor taken back is held, and deserves `code`.
    """

    key: str
    case: str
    currency: str
    amount_minor: int
    customer: str | None
    pays: tuple[Share, ...]
    posts: tuple[Share, ...]
    reversed_minor: int
    code: Code | None

    @property
    def held_minor(self) -> int:
        return self.amount_minor - self.reversed_minor - sum(s.amount_minor for s in self.posts)


@dataclass(frozen=True, slots=True)
class ReturnTruth:
    """The receipt it takes back, or the code it deserves."""

    key: str
    case: str
    currency: str
    amount_minor: int
    receipt: str | None
    code: Code | None


@dataclass(frozen=True, slots=True)
class ItemTruth:
    """A code an invoice deserves, and the amount at stake."""

    invoice: str
    case: str
    currency: str
    code: Code
    amount_minor: int


Truth = ReceiptTruth | ReturnTruth | ItemTruth


@dataclass(frozen=True, slots=True)
class Paper:
    """What invoice-svc printed on an issued invoice."""

    number: str
    payment_reference: str


@dataclass(frozen=True, slots=True)
class TenantMonth:
    """Everything one tenant does in the month, in no particular order within a day."""

    seller: Seller
    days: tuple[date, ...]
    customers: tuple[Customer, ...]
    invoices: tuple[Invoice, ...]
    corrections: tuple[Correction, ...]
    receipts: tuple[Receipt, ...]
    returns: tuple[Return, ...]
    outgoings: tuple[Outgoing, ...]
    truths: tuple[Truth, ...]
    cases: Mapping[str, int] = field(default_factory=dict)
