"""What a caller sends about invoices, and how it becomes what the domain knows."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from invoice_svc.api.wire import (
    CurrencyCode,
    ForCustomer,
    LegalDate,
    Minor,
    Percentage,
    Price,
    Quantity,
    Reason,
    Ref,
    Request,
    SeriesName,
    SignedMinor,
    TaxCategory,
    TermsBody,
    Text,
)
from invoice_svc.domain.invoice import Content, Dates
from invoice_svc.domain.totals import MAX_LINES, AllowanceDraft, Claims, LineDraft

MAX_ALLOWANCES = 50
_LINES: JsonDict = {"minItems": 1, "maxItems": MAX_LINES}


def _example(**fields: str) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [{**fields}]})


class LineBody(Request):
    """One line. `net_minor` is what the caller makes of it: checked, not trusted."""

    description: Text
    quantity: Quantity
    unit_price: Price
    tax_category: TaxCategory
    tax_rate: Percentage
    discount_percent: Percentage | None = None
    discount_minor: Minor | None = None
    net_minor: SignedMinor | None = None

    def line(self) -> LineDraft:
        return LineDraft(
            description=self.description,
            quantity=self.quantity,
            unit_price=self.unit_price,
            tax_category=self.tax_category,
            tax_rate=self.tax_rate,
            discount_percent=self.discount_percent,
            discount_minor=self.discount_minor,
            claimed_net_minor=self.net_minor,
        )


class AllowanceBody(Request):
    """A discount on the document within one tax category and rate: a percentage or an amount."""

    tax_category: TaxCategory
    tax_rate: Percentage
    reason: Reason
    percent: Percentage | None = None
    amount_minor: Minor | None = None

    def allowance(self) -> AllowanceDraft:
        return AllowanceDraft(
            self.tax_category, self.tax_rate, self.reason, self.percent, self.amount_minor
        )


class InvoiceBody(ForCustomer):
    """An invoice to draft. Totals may be given to be checked; ours are what counts."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "customer_external_ref": "crm-4711",
                    "external_ref": "order-2026-0815",
                    "currency": "EUR",
                    "lines": [
                        {
                            "description": "Consulting, hours",
                            "quantity": "7.5",
                            "unit_price": "96.00",
                            "tax_category": "S",
                            "tax_rate": "19",
                            "discount_percent": "10",
                        }
                    ],
                    "gross_minor": 77112,
                }
            ]
        }
    )

    currency: CurrencyCode
    document: Literal["invoice", "debit-note"] = "invoice"
    series: SeriesName | None = None
    # How many there may be is said by work_out, in words.
    lines: Annotated[tuple[LineBody, ...], Field(json_schema_extra=_LINES)]
    allowances: Annotated[tuple[AllowanceBody, ...], Field(max_length=MAX_ALLOWANCES)] = ()
    terms: TermsBody | None = None
    external_ref: Ref | None = None
    purchase_order: Ref | None = None
    net_minor: Minor | None = None
    tax_minor: Minor | None = None
    gross_minor: Minor | None = None

    def content(self) -> Content:
        return Content(
            currency=self.currency,
            lines=tuple(line.line() for line in self.lines),
            allowances=tuple(allowance.allowance() for allowance in self.allowances),
            kind=self.document,
            series=self.series,
            terms=self.terms.rule() if self.terms else None,
            external_ref=self.external_ref,
            purchase_order=self.purchase_order,
            claims=Claims(self.net_minor, self.tax_minor, self.gross_minor),
        )


class IssueBody(Request):
    """Dates for the document; without them today in the seller's zone, and the terms."""

    model_config = _example(issued_on="2026-03-31")

    issued_on: LegalDate | None = None
    due_on: LegalDate | None = None

    def dates(self) -> Dates:
        return Dates(self.issued_on, self.due_on)


class BulkLine(InvoiceBody):
    """One line of a bulk request: an invoice to draft and issue at once."""

    issued_on: LegalDate | None = None
    due_on: LegalDate | None = None

    def dates(self) -> Dates:
        return Dates(self.issued_on, self.due_on)


class VoidBody(Request):
    """Why an invoice is taken back, and which other one stands in its place."""

    model_config = _example(reason="billed to the wrong company")

    reason: Reason
    replaced_by: UUID | None = None


class CreditBody(Request):
    """Why an invoice is credited in full."""

    model_config = _example(reason="goods returned")

    reason: Reason
    issued_on: LegalDate | None = None
