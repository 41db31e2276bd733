"""Invoices and debit notes: from draft to issued to void. Settlement is recon-svc's to say."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from billing_shared.contracts.invoice import InvoiceIssued, InvoiceVoided
from billing_shared.errors import Conflict, invalid
from invoice_svc.domain.customer import Customer, require_active
from invoice_svc.domain.document import Document, Frozen, SellerParty, freeze
from invoice_svc.domain.numbering import CREDIT_NOTE_SERIES, DEBIT_NOTE_SERIES, INVOICE_SERIES
from invoice_svc.domain.seller import Seller
from invoice_svc.domain.settlement import Settlement, opening
from invoice_svc.domain.terms import TermsRule, check_terms
from invoice_svc.domain.totals import NO_CLAIMS, AllowanceDraft, Claims, LineDraft, Totals, work_out

#: `deleted` is never stored: the row is gone.
State = Literal["draft", "issued", "void", "deleted"]
Kind = Literal["invoice", "debit-note"]
Origin = Literal["issued", "imported"]
Move = Literal["replace", "delete", "issue", "credit", "void"]

#: What may be done in which state, and what state that leads to. Anything else is refused.
MOVES: dict[tuple[State, Move], State] = {
    ("draft", "replace"): "draft",
    ("draft", "delete"): "deleted",
    ("draft", "issue"): "issued",
    ("issued", "credit"): "issued",
    ("issued", "void"): "void",
}
MAX_DUE_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Content:
    """What a caller asks to be billed. Without terms, the customer's hold when it is issued."""

    currency: str
    lines: tuple[LineDraft, ...]
    allowances: tuple[AllowanceDraft, ...] = ()
    kind: Kind = "invoice"
    series: str | None = None
    terms: TermsRule | None = None
    external_ref: str | None = None
    purchase_order: str | None = None
    claims: Claims = NO_CLAIMS


@dataclass(frozen=True, slots=True)
class Voided:
    """When and why an issued invoice was taken back whole, and what stands in its place."""

    voided_on: date
    reason: str
    replaced_by: UUID | None


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice or debit note. A draft has content, but no number, dates, hash or settlement."""

    invoice_id: UUID
    customer_id: UUID
    external_ref: str | None
    kind: Kind
    origin: Origin
    currency: str
    series: str
    net_minor: int
    tax_minor: int
    gross_minor: int
    created_at: datetime
    updated_at: datetime
    state: State = "draft"
    version: int = 1
    series_no: int | None = None
    number: str | None = None
    issued_on: date | None = None
    due_on: date | None = None
    payment_reference: str | None = None
    content_sha256: str | None = None
    settlement: Settlement | None = None
    voided: Voided | None = None
    credit_note_id: UUID | None = None
    content: Content | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """An invoice that may still change: what was asked for, and what it comes to."""

    invoice: Invoice
    content: Content
    totals: Totals


@dataclass(frozen=True, slots=True)
class Issued:
    """An invoice with its frozen document and the event that tells of it."""

    invoice: Invoice
    frozen: Frozen
    event: InvoiceIssued


@dataclass(frozen=True, slots=True)
class Dates:
    """The dates a caller may ask for; None means today, and the terms."""

    issued_on: date | None = None
    due_on: date | None = None


NO_DATES = Dates()


def move(invoice: Invoice, what: Move) -> State:
    """The state a move leads to; Conflict `wrong-state` where MOVES has none."""
    if (invoice.state, what) not in MOVES:
        raise Conflict("wrong-state", f"cannot {what} an invoice that is {invoice.state}")
    return MOVES[invoice.state, what]


def draft(invoice_id: UUID, customer: Customer, content: Content, now: datetime) -> Draft:
    """A new draft with its totals. Raises what `work_out` raises, and `customer-anonymised`."""
    require_active(customer)
    totals = _totals(content)
    invoice = Invoice(
        invoice_id=invoice_id,
        customer_id=customer.customer_id,
        external_ref=content.external_ref,
        kind=content.kind,
        origin="issued",
        currency=content.currency,
        series=content.series or default_series(content.kind),
        net_minor=totals.net_minor,
        tax_minor=totals.tax_minor,
        gross_minor=totals.gross_minor,
        created_at=now,
        updated_at=now,
        content=content,
    )
    return Draft(invoice, content, totals)


def redraft(old: Invoice, customer: Customer, content: Content, now: datetime) -> Draft:
    """The same draft with other content; id, birth and version go on."""
    move(old, "replace")
    new = draft(old.invoice_id, customer, content, now)
    invoice = replace(new.invoice, created_at=old.created_at, version=old.version + 1)
    return replace(new, invoice=invoice)


def reopen(invoice: Invoice) -> Draft:
    """A stored draft, worked out again; Conflict `wrong-state` for anything else."""
    if invoice.content is None:
        raise Conflict("wrong-state", f"an invoice that is {invoice.state} is no draft")
    return Draft(invoice, invoice.content, _totals(invoice.content))


def default_series(kind: Kind) -> str:
    """Where a document is numbered unless the caller says otherwise."""
    return INVOICE_SERIES if kind == "invoice" else DEBIT_NOTE_SERIES


def stand(
    invoice: Invoice,
    document: Document,
    due_minor: int,
    now: datetime,
    *,
    series_no: int | None = None,
) -> Issued:
    """Freeze a complete document and let the invoice stand with what is due on it."""
    frozen = freeze(document)
    issued = replace(
        invoice,
        state="issued",
        series_no=series_no,
        number=document.number,
        issued_on=document.issued_on,
        due_on=document.due_on,
        payment_reference=document.payment_reference,
        content_sha256=frozen.sha256,
        settlement=opening(document.gross_minor, due_minor, now),
        content=None,
        version=invoice.version + 1,
        updated_at=now,
    )
    return Issued(issued, frozen, _told(issued, document, due_minor))


def void(
    invoice: Invoice, reason: str, replaced_by: UUID | None, today: date, now: datetime
) -> tuple[Invoice, InvoiceVoided]:
    """Take an issued invoice back whole; its number stays taken.

    Raises Conflict `wrong-state`, or `invoice-settled` when, as far as we have heard, money, credit
    or a write-off is on it: then a credit note is the way.
    """
    state = move(invoice, "void")
    if invoice.credit_note_id is not None or (invoice.settlement and invoice.settlement.is_touched):
        raise Conflict("invoice-settled", "money or credit is on this invoice: issue a credit note")
    if replaced_by == invoice.invoice_id:
        raise invalid("replaced_by", "an invoice cannot replace itself")
    gone = replace(
        invoice,
        state=state,
        voided=Voided(today, reason, replaced_by),
        version=invoice.version + 1,
        updated_at=now,
    )
    event = InvoiceVoided(
        invoice_id=invoice.invoice_id,
        number=invoice.number or "",
        customer_id=invoice.customer_id,
        voided_on=today,
        reason=reason,
        replaced_by=replaced_by,
    )
    return gone, event


def check_due(issued_on: date, due_on: date) -> None:
    """Raises Invalid for a due date before the issue, or absurdly far off."""
    if not 0 <= (due_on - issued_on).days <= MAX_DUE_DAYS:
        raise invalid("due_on", f"must lie 0 to {MAX_DUE_DAYS} days after {issued_on.isoformat()}")


def seller_party(seller: Seller) -> SellerParty:
    """The seller as he goes onto a document."""
    details = seller.details
    return SellerParty(name=details.name, address=details.address, tax_ids=list(details.tax_ids))


def _totals(content: Content) -> Totals:
    if content.series == CREDIT_NOTE_SERIES:
        raise invalid("series", f"{CREDIT_NOTE_SERIES} is kept for credit notes")
    if content.terms is not None:
        check_terms(content.terms)
    return work_out(content.currency, content.lines, content.allowances, content.claims)


def _told(invoice: Invoice, document: Document, due_minor: int) -> InvoiceIssued:
    assert document.due_on is not None
    assert document.terms is not None
    return InvoiceIssued(
        invoice_id=invoice.invoice_id,
        number=document.number,
        series=document.series,
        document=invoice.kind,
        origin=invoice.origin,
        customer_id=invoice.customer_id,
        currency=document.currency,
        issued_on=document.issued_on,
        due_on=document.due_on,
        lines=document.lines,
        allowances=document.allowances,
        tax_groups=document.tax_groups,
        net_minor=document.net_minor,
        tax_minor=document.tax_minor,
        gross_minor=document.gross_minor,
        due_minor=due_minor,
        terms=document.terms,
        payment_reference=document.payment_reference or document.number,
        external_ref=document.external_ref,
        purchase_order=document.purchase_order,
        content_sha256=invoice.content_sha256 or "",
    )
