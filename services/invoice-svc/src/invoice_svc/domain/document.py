"""The frozen document: what stands on the paper, as canonical JSON with its SHA-256."""

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

import msgspec

from billing_shared.contracts.envelope import Part, TaxGroup, Terms
from billing_shared.contracts.invoice import Address, Allowance, InvoiceLine

_encoder = msgspec.json.Encoder(order="sorted")


class SellerParty(Part, frozen=True, kw_only=True):
    """The seller as he was when the document was issued."""

    name: str
    address: Address
    tax_ids: list[str]


class BuyerParty(Part, frozen=True, kw_only=True):
    """The buyer as he was when the document was issued; an imported document names only the id."""

    customer_id: UUID
    name: str = ""
    country: str = ""
    tax_ids: tuple[str, ...] = ()
    address: Address | None = None


class Corrected(Part, frozen=True, kw_only=True):
    """The invoice that a credit note takes back."""

    invoice_id: UUID
    number: str
    issued_on: date


class Document(Part, frozen=True, kw_only=True):
    """An invoice, debit note or credit note, whole. It never changes once it stands."""

    kind: Literal["invoice", "debit-note", "credit-note"]
    origin: Literal["issued", "imported"]
    number: str
    series: str
    currency: str
    issued_on: date
    seller: SellerParty | None = None
    buyer: BuyerParty
    lines: list[InvoiceLine]
    allowances: list[Allowance]
    tax_groups: list[TaxGroup]
    net_minor: int
    tax_minor: int
    gross_minor: int
    due_minor: int | None = None
    due_on: date | None = None
    terms: Terms | None = None
    payment_reference: str | None = None
    external_ref: str | None = None
    purchase_order: str | None = None
    corrects: Corrected | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Frozen:
    """Canonical JSON (sorted names, no blanks, UTF-8) and the hash of exactly these bytes."""

    document: Document
    text: str
    sha256: str


def freeze(document: Document) -> Frozen:
    """The document as it is stored for good."""
    data = _encoder.encode(document)
    return Frozen(document, data.decode(), hashlib.sha256(data).hexdigest())


def thaw(text: str) -> Document:
    """Read a stored document back."""
    return msgspec.json.decode(text, type=Document)
