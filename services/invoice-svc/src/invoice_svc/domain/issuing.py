"""Issuing: a draft takes the next number of its series and stands for good."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing_shared.errors import BillingError
from invoice_svc.domain.customer import Customer, require_active
from invoice_svc.domain.document import BuyerParty, Document
from invoice_svc.domain.invoice import (
    Dates,
    Draft,
    Issued,
    check_due,
    move,
    seller_party,
    stand,
)
from invoice_svc.domain.numbering import Series, creditor_reference, legal_date, take
from invoice_svc.domain.seller import Seller
from invoice_svc.domain.terms import dated


@dataclass(frozen=True, slots=True)
class Ready:
    """A draft that is to be issued, for whom, and with which dates."""

    draft: Draft
    customer: Customer
    dates: Dates


def issue(
    draft: Draft,
    customer: Customer,
    series: Series,
    *,
    seller: Seller,
    dates: Dates,
    now: datetime,
) -> tuple[Issued, Series]:
    """Take the next number, freeze the document, work out reference and due date.

    Raises Conflict `wrong-state`, `customer-anonymised`, `date-before-last-number`, or Invalid
    for a date. The number is taken last, so that nothing refused ever takes one.
    """
    move(draft.invoice, "issue")
    require_active(customer)
    issued_on = legal_date(dates.issued_on, seller.today(now))
    terms = dated(draft.content.terms or customer.details.terms, issued_on)
    due_on = dates.due_on or issued_on + timedelta(days=terms.net_days)
    check_due(issued_on, due_on)
    series, number = take(series, issued_on)
    totals = draft.totals
    document = Document(
        kind=draft.invoice.kind,
        origin="issued",
        number=number,
        series=series.name,
        currency=draft.invoice.currency,
        issued_on=issued_on,
        due_on=due_on,
        seller=seller_party(seller),
        buyer=_buyer_party(customer),
        lines=list(totals.lines),
        allowances=list(totals.allowances),
        tax_groups=list(totals.tax_groups),
        net_minor=totals.net_minor,
        tax_minor=totals.tax_minor,
        gross_minor=totals.gross_minor,
        terms=terms,
        payment_reference=creditor_reference(number),
        external_ref=draft.content.external_ref,
        purchase_order=draft.content.purchase_order,
    )
    issued = stand(draft.invoice, document, totals.gross_minor, now, series_no=series.last_no)
    return issued, series


def issue_all(
    ready: Sequence[Ready], seller: Seller, series: Mapping[str, Series], now: datetime
) -> tuple[list[Issued | BillingError], dict[str, Series]]:
    """Issue a list, each with its own outcome, and say how far the series have moved.

    Numbers are taken in the order of the legal dates, so that a list may come in any order.
    """
    moved = dict(series)
    outcomes: dict[int, Issued | BillingError] = {}
    today = seller.today(now)
    for at in sorted(range(len(ready)), key=lambda at: ready[at].dates.issued_on or today):
        one = ready[at]
        name = one.draft.invoice.series
        try:
            outcomes[at], moved[name] = issue(
                one.draft, one.customer, moved[name], seller=seller, dates=one.dates, now=now
            )
        except BillingError as error:
            outcomes[at] = error
    return [outcomes[at] for at in range(len(ready))], moved


def _buyer_party(customer: Customer) -> BuyerParty:
    details = customer.details
    return BuyerParty(
        customer_id=customer.customer_id,
        name=details.name,
        country=details.country,
        tax_ids=details.tax_ids,
        address=details.address,
    )
