"""What a caller sends about documents that another system issued."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from billing_shared.contracts.envelope import EarlyPayment, TaxGroup
from invoice_svc.api.invoice_requests import MAX_ALLOWANCES, AllowanceBody, LineBody
from invoice_svc.api.wire import (
    CurrencyCode,
    ForCustomer,
    LegalDate,
    Minor,
    Percentage,
    Ref,
    Request,
    Says,
    SignedMinor,
    TaxCategory,
)
from invoice_svc.domain.imported import Foreign
from invoice_svc.domain.totals import MAX_LINES


class TaxGroupBody(Request):
    """One tax category and rate of the document, as it was taxed elsewhere."""

    tax_category: TaxCategory
    tax_rate: Percentage
    base_minor: SignedMinor
    tax_minor: SignedMinor


class DatedDiscountBody(Request):
    """`percent` of the gross off, if paid on or before `until_on`."""

    until_on: LegalDate
    percent: Percentage


class ImportLine(ForCustomer):
    """One document. Without lines, its totals are taken as they are, if they add up."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "customer_external_ref": "crm-4711",
                    "number": "R-2025/1234",
                    "currency": "EUR",
                    "issued_on": "2025-11-30",
                    "due_on": "2025-12-30",
                    "tax_minor": 1900,
                    "gross_minor": 11900,
                    "due_minor": 5000,
                }
            ]
        }
    )

    number: Annotated[
        str,
        StringConstraints(max_length=50, pattern=r"^[!-~]([ -~]*[!-~])?$"),
        Says("must be 1 to 50 printable ASCII characters"),
    ]
    currency: CurrencyCode
    issued_on: LegalDate
    due_on: LegalDate
    gross_minor: Minor
    due_minor: Minor
    net_minor: Minor | None = None
    tax_minor: Minor | None = None
    document: Literal["invoice", "debit-note"] = "invoice"
    lines: Annotated[tuple[LineBody, ...], Field(max_length=MAX_LINES)] = ()
    allowances: Annotated[tuple[AllowanceBody, ...], Field(max_length=MAX_ALLOWANCES)] = ()
    tax_groups: Annotated[tuple[TaxGroupBody, ...], Field(max_length=20)] = ()
    early_payment: Annotated[tuple[DatedDiscountBody, ...], Field(max_length=5)] = ()
    payment_reference: Ref | None = None
    external_ref: Ref | None = None
    purchase_order: Ref | None = None

    def foreign(self) -> Foreign:
        return Foreign(
            number=self.number,
            currency=self.currency,
            issued_on=self.issued_on,
            due_on=self.due_on,
            gross_minor=self.gross_minor,
            due_minor=self.due_minor,
            net_minor=self.net_minor,
            tax_minor=self.tax_minor,
            kind=self.document,
            lines=tuple(line.line() for line in self.lines),
            allowances=tuple(one.allowance() for one in self.allowances),
            tax_groups=tuple(
                TaxGroup(
                    tax_category=group.tax_category,
                    tax_rate=group.tax_rate,
                    base_minor=group.base_minor,
                    tax_minor=group.tax_minor,
                )
                for group in self.tax_groups
            ),
            early_payment=tuple(
                EarlyPayment(until_on=one.until_on, percent=one.percent)
                for one in self.early_payment
            ),
            payment_reference=self.payment_reference,
            external_ref=self.external_ref,
            purchase_order=self.purchase_order,
        )
