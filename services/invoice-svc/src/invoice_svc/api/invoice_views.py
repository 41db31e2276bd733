"""Invoices as callers see them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from billing_shared.contracts.envelope import TaxGroup, Terms
from billing_shared.contracts.invoice import Allowance, InvoiceLine
from invoice_svc.api.customers import TermsView
from invoice_svc.domain.document import Document
from invoice_svc.domain.invoice import Draft, Invoice
from invoice_svc.domain.settlement import Attention, Settlement


class LineView(BaseModel):
    """One line worked out: net = quantity x unit price - discount, rounded once."""

    line_no: int
    description: str
    quantity: str
    unit_price: str
    discount_minor: int
    net_minor: int
    tax_category: str
    tax_rate: str

    @classmethod
    def of(cls, line: InvoiceLine) -> "LineView":
        return cls(**{name: getattr(line, name) for name in line.__struct_fields__})


class AllowanceView(BaseModel):
    """A discount on the document."""

    tax_category: str
    tax_rate: str
    amount_minor: int
    reason: str

    @classmethod
    def of(cls, allowance: Allowance) -> "AllowanceView":
        return cls(**{name: getattr(allowance, name) for name in allowance.__struct_fields__})


class TaxGroupView(BaseModel):
    """One tax category and rate of the document, taxed once."""

    tax_category: str
    tax_rate: str
    base_minor: int
    tax_minor: int

    @classmethod
    def of(cls, group: TaxGroup) -> "TaxGroupView":
        return cls(**{name: getattr(group, name) for name in group.__struct_fields__})


class DatedDiscountView(BaseModel):
    """`percent` of the gross off, if paid on or before `until_on`."""

    until_on: date
    percent: str


class DatedTermsView(BaseModel):
    """Payment terms of an issued document."""

    net_days: int
    early_payment: list[DatedDiscountView]

    @classmethod
    def of(cls, terms: Terms) -> "DatedTermsView":
        steps = [
            DatedDiscountView(until_on=one.until_on, percent=one.percent)
            for one in terms.early_payment
        ]
        return cls(net_days=terms.net_days, early_payment=steps)


class SettlementView(BaseModel):
    """What recon-svc last said is due; gross = paid + credited + written off + due."""

    settlement: Literal["unpaid", "partial", "settled"]
    paid_minor: int
    credited_minor: int
    written_off_minor: int
    disputed_minor: int
    due_minor: int
    as_of: datetime

    @classmethod
    def of(cls, settlement: Settlement) -> "SettlementView":
        return cls(
            settlement=settlement.standing,
            paid_minor=settlement.paid_minor,
            credited_minor=settlement.credited_minor,
            written_off_minor=settlement.written_off_minor,
            disputed_minor=settlement.disputed_minor,
            due_minor=settlement.due_minor,
            as_of=settlement.as_of,
        )


class AttentionView(BaseModel):
    """An open discrepancy that speaks of this invoice."""

    discrepancy_id: UUID
    code: str
    amount_minor: int
    as_of: datetime

    @classmethod
    def of(cls, attention: Attention) -> "AttentionView":
        return cls(
            discrepancy_id=attention.discrepancy_id,
            code=attention.code,
            amount_minor=attention.amount_minor,
            as_of=attention.as_of,
        )


class VoidView(BaseModel):
    """When and why it was taken back, and what stands in its place."""

    voided_on: date
    reason: str
    replaced_by: UUID | None


class InvoiceSummary(BaseModel):
    """An invoice as lists show it. A draft has no number, dates, reference or settlement yet."""

    invoice_id: UUID
    external_ref: str | None
    customer_id: UUID
    state: Literal["draft", "issued", "void"]
    document: Literal["invoice", "debit-note"]
    origin: Literal["issued", "imported"]
    currency: str
    series: str
    number: str | None
    issued_on: date | None
    due_on: date | None
    net_minor: int
    tax_minor: int
    gross_minor: int
    payment_reference: str | None
    content_sha256: str | None
    settlement: SettlementView | None
    void: VoidView | None
    credit_note_id: UUID | None
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, invoice: Invoice) -> "InvoiceSummary":
        return cls.model_validate(_summary(invoice))


class InvoiceView(InvoiceSummary):
    """An invoice whole: what stands on the document, and what has become of it."""

    purchase_order: str | None
    lines: list[LineView]
    allowances: list[AllowanceView]
    tax_groups: list[TaxGroupView]
    terms: DatedTermsView | TermsView | None
    attention: list[AttentionView]

    @classmethod
    def of_draft(cls, draft: Draft) -> "InvoiceView":
        content, totals = draft.content, draft.totals
        return cls.model_validate(
            {
                **_summary(draft.invoice),
                "purchase_order": content.purchase_order,
                "lines": [LineView.of(line) for line in totals.lines],
                "allowances": [AllowanceView.of(one) for one in totals.allowances],
                "tax_groups": [TaxGroupView.of(group) for group in totals.tax_groups],
                "terms": TermsView.of(content.terms) if content.terms else None,
                "attention": [],
            }
        )

    @classmethod
    def of_document(
        cls, invoice: Invoice, document: Document, attention: Sequence[Attention] = ()
    ) -> "InvoiceView":
        return cls.model_validate(
            {
                **_summary(invoice),
                "purchase_order": document.purchase_order,
                "lines": [LineView.of(line) for line in document.lines],
                "allowances": [AllowanceView.of(one) for one in document.allowances],
                "tax_groups": [TaxGroupView.of(group) for group in document.tax_groups],
                "terms": DatedTermsView.of(document.terms) if document.terms else None,
                "attention": [AttentionView.of(one) for one in attention],
            }
        )


def _summary(invoice: Invoice) -> dict[str, object]:
    voided = invoice.voided
    return {
        "invoice_id": invoice.invoice_id,
        "external_ref": invoice.external_ref,
        "customer_id": invoice.customer_id,
        "state": invoice.state,
        "document": invoice.kind,
        "origin": invoice.origin,
        "currency": invoice.currency,
        "series": invoice.series,
        "number": invoice.number,
        "issued_on": invoice.issued_on,
        "due_on": invoice.due_on,
        "net_minor": invoice.net_minor,
        "tax_minor": invoice.tax_minor,
        "gross_minor": invoice.gross_minor,
        "payment_reference": invoice.payment_reference,
        "content_sha256": invoice.content_sha256,
        "settlement": SettlementView.of(invoice.settlement) if invoice.settlement else None,
        "void": None
        if voided is None
        else VoidView(
            voided_on=voided.voided_on, reason=voided.reason, replaced_by=voided.replaced_by
        ),
        "credit_note_id": invoice.credit_note_id,
        "version": invoice.version,
        "created_at": invoice.created_at,
        "updated_at": invoice.updated_at,
    }
