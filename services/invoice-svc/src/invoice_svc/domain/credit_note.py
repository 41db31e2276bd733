"""Credit notes: a full one takes an issued invoice back with a numbered document of its own."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from billing_shared.contracts.invoice import CreditNoteIssued
from billing_shared.errors import Conflict, invalid
from invoice_svc.domain.document import Corrected, Document, Frozen, freeze
from invoice_svc.domain.invoice import Invoice, move, seller_party
from invoice_svc.domain.numbering import Series, legal_date, take
from invoice_svc.domain.seller import Seller


@dataclass(frozen=True, slots=True)
class CreditNote:
    """A credit note as it stands; every amount is positive."""

    credit_note_id: UUID
    invoice_id: UUID
    customer_id: UUID
    currency: str
    series: str
    series_no: int
    number: str
    issued_on: date
    reason: str
    net_minor: int
    tax_minor: int
    gross_minor: int
    content_sha256: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Credited:
    """A new credit note with its frozen document, its event, and the invoice it takes back."""

    credit_note: CreditNote
    frozen: Frozen
    event: CreditNoteIssued
    invoice: Invoice


@dataclass(frozen=True, slots=True)
class Wish:
    """Why an invoice is to be credited, and from which date if not today."""

    reason: str
    issued_on: date | None = None


def credit(
    credit_note_id: UUID,
    invoice: Invoice,
    original: Document,
    *,
    seller: Seller,
    series: Series,
    wish: Wish,
    now: datetime,
) -> tuple[Credited, Series]:
    """Credit an invoice in full: lines and tax groups are copied, nothing is worked out anew.

    Raises Conflict `wrong-state`, `already-credited`, `nothing-to-credit` or
    `date-before-last-number`, and Invalid for a date before the invoice's.
    """
    move(invoice, "credit")
    if invoice.credit_note_id is not None:
        raise Conflict("already-credited", f"credit note {invoice.credit_note_id} stands")
    if invoice.gross_minor == 0:
        raise Conflict("nothing-to-credit", "an invoice of 0 can only be voided")
    issued_on = legal_date(wish.issued_on, seller.today(now))
    if issued_on < original.issued_on:
        raise invalid("issued_on", f"before the invoice's ({original.issued_on.isoformat()})")
    series, number = take(series, issued_on)
    frozen = freeze(
        Document(
            kind="credit-note",
            origin="issued",
            number=number,
            series=series.name,
            currency=original.currency,
            issued_on=issued_on,
            seller=seller_party(seller),
            buyer=original.buyer,
            lines=original.lines,
            allowances=original.allowances,
            tax_groups=original.tax_groups,
            net_minor=original.net_minor,
            tax_minor=original.tax_minor,
            gross_minor=original.gross_minor,
            purchase_order=original.purchase_order,
            corrects=Corrected(
                invoice_id=invoice.invoice_id,
                number=original.number,
                issued_on=original.issued_on,
            ),
            reason=wish.reason,
        )
    )
    note = CreditNote(
        credit_note_id=credit_note_id,
        invoice_id=invoice.invoice_id,
        customer_id=invoice.customer_id,
        currency=invoice.currency,
        series=series.name,
        series_no=series.last_no,
        number=number,
        issued_on=issued_on,
        reason=wish.reason,
        net_minor=invoice.net_minor,
        tax_minor=invoice.tax_minor,
        gross_minor=invoice.gross_minor,
        content_sha256=frozen.sha256,
        created_at=now,
    )
    credited = replace(
        invoice, credit_note_id=credit_note_id, version=invoice.version + 1, updated_at=now
    )
    return Credited(note, frozen, _told(note, frozen.document), credited), series


def _told(note: CreditNote, document: Document) -> CreditNoteIssued:
    return CreditNoteIssued(
        credit_note_id=note.credit_note_id,
        number=note.number,
        series=note.series,
        invoice_id=note.invoice_id,
        customer_id=note.customer_id,
        currency=note.currency,
        issued_on=note.issued_on,
        reason=note.reason,
        tax_groups=document.tax_groups,
        net_minor=note.net_minor,
        tax_minor=note.tax_minor,
        gross_minor=note.gross_minor,
    )
