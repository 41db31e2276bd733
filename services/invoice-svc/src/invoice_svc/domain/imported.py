"""Documents issued elsewhere: they keep number and dates, and say what is still due."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from billing_shared.contracts.envelope import EarlyPayment, TaxGroup, Terms
from billing_shared.errors import FieldError, Invalid, invalid
from billing_shared.money import exponent
from invoice_svc.domain.customer import Customer, require_active
from invoice_svc.domain.document import BuyerParty, Document
from invoice_svc.domain.invoice import Invoice, Issued, Kind, check_due, stand
from invoice_svc.domain.numbering import EXTERNAL_SERIES
from invoice_svc.domain.totals import AllowanceDraft, Claims, LineDraft, Totals, work_out


@dataclass(frozen=True, slots=True)
class Foreign:
    """A document of another system. Lines are optional; where given, they must make the totals."""

    number: str
    currency: str
    issued_on: date
    due_on: date
    gross_minor: int
    due_minor: int
    net_minor: int | None = None
    tax_minor: int | None = None
    kind: Kind = "invoice"
    lines: tuple[LineDraft, ...] = ()
    allowances: tuple[AllowanceDraft, ...] = ()
    tax_groups: tuple[TaxGroup, ...] = ()
    early_payment: tuple[EarlyPayment, ...] = ()
    payment_reference: str | None = None
    external_ref: str | None = None
    purchase_order: str | None = None


def take_over(invoice_id: UUID, customer: Customer, foreign: Foreign, now: datetime) -> Issued:
    """The document as one of ours, in series `external`.

    Its payment reference is the one given, or its number as printed: an RF reference of our own
    is not on the customer's paper. Raises Invalid, `totals-mismatch` among others.
    """
    require_active(customer)
    check_due(foreign.issued_on, foreign.due_on)
    totals = _totals(foreign)
    if not 0 <= foreign.due_minor <= totals.gross_minor:
        raise invalid("due_minor", "must be between 0 and gross_minor")
    document = Document(
        kind=foreign.kind,
        origin="imported",
        number=foreign.number,
        series=EXTERNAL_SERIES,
        currency=foreign.currency,
        issued_on=foreign.issued_on,
        due_on=foreign.due_on,
        buyer=BuyerParty(customer_id=customer.customer_id),
        lines=list(totals.lines),
        allowances=list(totals.allowances),
        tax_groups=list(totals.tax_groups),
        net_minor=totals.net_minor,
        tax_minor=totals.tax_minor,
        gross_minor=totals.gross_minor,
        due_minor=foreign.due_minor,
        terms=Terms(
            net_days=(foreign.due_on - foreign.issued_on).days,
            early_payment=list(foreign.early_payment),
        ),
        payment_reference=foreign.payment_reference or foreign.number,
        external_ref=foreign.external_ref,
        purchase_order=foreign.purchase_order,
    )
    return stand(_invoice(invoice_id, customer, document, now), document, foreign.due_minor, now)


def _invoice(invoice_id: UUID, customer: Customer, document: Document, now: datetime) -> Invoice:
    return Invoice(
        invoice_id=invoice_id,
        customer_id=customer.customer_id,
        external_ref=document.external_ref,
        kind="debit-note" if document.kind == "debit-note" else "invoice",
        origin="imported",
        currency=document.currency,
        series=EXTERNAL_SERIES,
        net_minor=document.net_minor,
        tax_minor=document.tax_minor,
        gross_minor=document.gross_minor,
        created_at=now,
        updated_at=now,
        version=0,
    )


def _totals(foreign: Foreign) -> Totals:
    if foreign.lines:
        claims = Claims(foreign.net_minor, foreign.tax_minor, foreign.gross_minor)
        return work_out(foreign.currency, foreign.lines, foreign.allowances, claims)
    exponent(foreign.currency)
    if foreign.allowances:
        raise invalid("allowances", "need lines to be taken off")
    groups = foreign.tax_groups
    tax = foreign.tax_minor
    if tax is None:
        tax = sum(group.tax_minor for group in groups)
    net = foreign.gross_minor - tax if foreign.net_minor is None else foreign.net_minor
    _check_sums(foreign, net, tax)
    return Totals((), (), groups, net, tax, foreign.gross_minor)


def _check_sums(foreign: Foreign, net_minor: int, tax_minor: int) -> None:
    """Without lines nobody can say how tax was rounded elsewhere; the sums must hold still."""
    errors = []
    if min(net_minor, tax_minor) < 0 or net_minor + tax_minor != foreign.gross_minor:
        errors.append(FieldError("gross_minor", "net_minor and tax_minor must add up to it"))
    if foreign.tax_groups:
        if sum(group.base_minor for group in foreign.tax_groups) != net_minor:
            errors.append(FieldError("net_minor", "the bases of the tax groups make another sum"))
        if sum(group.tax_minor for group in foreign.tax_groups) != tax_minor:
            errors.append(FieldError("tax_minor", "the taxes of the tax groups make another sum"))
    if errors:
        raise Invalid("totals-mismatch", f"{errors[0].field}: {errors[0].reason}", errors)
