"""Events published by invoice-svc."""

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from billing_shared.contracts.envelope import (
    AmountMinor,
    Country,
    Currency,
    Event,
    Part,
    Sha256,
    SignedMinor,
    TaxGroup,
    Terms,
)

PRODUCER = "invoice-svc"


class InvoiceLine(Part, frozen=True, kw_only=True):
    """`quantity`, `unit_price` and `tax_rate` are decimal strings; discount and net are rounded."""

    line_no: int
    description: str
    quantity: str
    unit_price: str
    discount_minor: AmountMinor
    net_minor: SignedMinor
    tax_category: str
    tax_rate: str


class Allowance(Part, frozen=True, kw_only=True):
    """A discount on the whole document, within one tax category and rate."""

    tax_category: str
    tax_rate: str
    amount_minor: AmountMinor
    reason: str


class InvoiceIssued(Event, frozen=True, kw_only=True):
    """A number is taken, the document frozen. `due_minor` is below gross only if imported."""

    type: ClassVar[str] = "invoice-issued"
    producer: ClassVar[str] = PRODUCER
    aggregate_type: ClassVar[str] = "invoice"
    key_field: ClassVar[str] = "invoice_id"

    invoice_id: UUID
    number: str
    series: str
    document: Literal["invoice", "debit-note"]
    origin: Literal["issued", "imported"]
    customer_id: UUID
    currency: Currency
    issued_on: date
    due_on: date
    lines: list[InvoiceLine]
    allowances: list[Allowance]
    tax_groups: list[TaxGroup]
    net_minor: AmountMinor
    tax_minor: AmountMinor
    gross_minor: AmountMinor
    due_minor: AmountMinor
    terms: Terms
    payment_reference: str
    external_ref: str | None = None
    purchase_order: str | None = None
    content_sha256: Sha256


class CreditNoteIssued(Event, frozen=True, kw_only=True):
    """A numbered document that reduces a receivable; every amount is positive."""

    type: ClassVar[str] = "credit-note-issued"
    producer: ClassVar[str] = PRODUCER
    aggregate_type: ClassVar[str] = "credit-note"
    key_field: ClassVar[str] = "credit_note_id"

    credit_note_id: UUID
    number: str
    series: str
    invoice_id: UUID
    customer_id: UUID
    currency: Currency
    issued_on: date
    reason: str
    tax_groups: list[TaxGroup]
    net_minor: AmountMinor
    tax_minor: AmountMinor
    gross_minor: AmountMinor


class InvoiceVoided(Event, frozen=True, kw_only=True):
    """An issued invoice is taken back whole; its number stays taken."""

    type: ClassVar[str] = "invoice-voided"
    producer: ClassVar[str] = PRODUCER
    aggregate_type: ClassVar[str] = "invoice"
    key_field: ClassVar[str] = "invoice_id"

    invoice_id: UUID
    number: str
    customer_id: UUID
    voided_on: date
    reason: str
    replaced_by: UUID | None = None


class Email(Part, frozen=True, kw_only=True):
    """Where a customer's mail goes; `role` is for example `billing` or `dunning`."""

    role: str
    address: str


class CustomerUpdated(Event, frozen=True, kw_only=True):
    """The whole state of a customer. Anonymised: names, mails and accounts are empty."""

    type: ClassVar[str] = "customer-updated"
    producer: ClassVar[str] = PRODUCER
    aggregate_type: ClassVar[str] = "customer"
    key_field: ClassVar[str] = "customer_id"

    customer_id: UUID
    external_ref: str | None = None
    status: Literal["active", "anonymised"]
    name: str
    aliases: list[str]
    tax_ids: list[str]
    country: Country
    locale: str
    emails: list[Email]
    bank_accounts: list[str]
    terms: Terms


class Address(Part, frozen=True, kw_only=True):
    """A postal address; `lines` from most to least specific."""

    lines: list[str]
    postal_code: str
    city: str
    country: Country


class SellerUpdated(Event, frozen=True, kw_only=True):
    """The whole state of the tenant as seller. Its aggregate id is the tenant's id."""

    type: ClassVar[str] = "seller-updated"
    producer: ClassVar[str] = PRODUCER
    aggregate_type: ClassVar[str] = "seller"
    key_field: ClassVar[str] = "seller_id"

    seller_id: UUID
    name: str
    address: Address
    country: Country
    tax_ids: list[str]
    time_zone: str
    base_currency: Currency
    logo_sha256: Sha256 | None = None
