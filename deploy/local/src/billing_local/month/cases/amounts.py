"""Payments whose amount does not fit: short, over, sent twice, or fitting more than one way."""

from billing_local.month.cases.wording import (
    bill,
    by_either,
    instalments,
    no_reference,
    pay_whole,
    quote_all,
    several,
    structured,
    whole,
)
from billing_local.month.desk import Desk
from billing_local.month.model import Share

# SHORT_PAY


def short(desk: Desk, *, manual: bool = False, in_field: bool = False) -> None:
    invoice, day = bill(desk, 1)
    amount = desk.part(invoice, 0.5, 0.98)
    share = (Share(invoice.ref, amount),)
    desk.receive(
        "paid short",
        desk.owner(invoice),
        invoice.currency,
        amount,
        desk.later(day),
        text=() if in_field else by_either(desk, invoice),
        structured=structured(desk, invoice) if in_field else None,
        pays=share,
        posts=share,
        manual=manual,
    )
    desk.deserves("paid short", invoice, "SHORT_PAY", invoice.gross_minor - amount)


def short_by_hand(desk: Desk) -> None:
    short(desk, manual=True)


def short_in_field(desk: Desk) -> None:
    short(desk, in_field=True)


def instalment_returned(desk: Desk) -> None:
    invoice, day = bill(desk, 9)
    first = desk.part(invoice)
    rest = invoice.gross_minor - first
    case = "second instalment returned"
    day = instalments(desk, case, (first, rest), invoice, day)
    desk.take_back(case, desk.receipts[-1], desk.later(day, 3))
    desk.deserves(case, invoice, "SHORT_PAY", rest)


# OVER_PAY


def over(desk: Desk, *, in_field: bool = False) -> None:
    invoice, day = bill(desk, 1)
    customer = desk.owner(invoice)
    more = desk.fresh(customer, invoice.currency, 100, 20_000)
    desk.receive(
        "paid over",
        customer,
        invoice.currency,
        invoice.gross_minor + more,
        desk.later(day),
        text=() if in_field else by_either(desk, invoice),
        structured=structured(desk, invoice) if in_field else None,
        pays=whole(invoice),
        posts=whole(invoice),
        code="OVER_PAY",
    )


def over_in_field(desk: Desk) -> None:
    over(desk, in_field=True)


# DUPLICATE_PAYMENT


def twice_by_reference(desk: Desk) -> None:
    invoice, day = bill(desk)
    case = "paid twice with reference"
    day = desk.later(day, 3)
    pay_whole(desk, case, invoice, day)
    again = desk.later(day)
    desk.receive(
        case,
        desk.owner(invoice),
        invoice.currency,
        invoice.gross_minor,
        again,
        text=by_either(desk, invoice),
        code="DUPLICATE_PAYMENT",
        not_before=desk.days[again],
    )


def twice_without_reference(desk: Desk) -> None:
    invoice, day = bill(desk, known=True)
    day = desk.later(day, 3)
    for again in (False, True):
        day = day if not again else desk.later(day, 5)
        desk.receive(
            "paid twice without reference",
            desk.owner(invoice),
            invoice.currency,
            invoice.gross_minor,
            day,
            text=no_reference(desk),
            pays=() if again else whole(invoice),
            posts=() if again else whole(invoice),
            code="DUPLICATE_PAYMENT" if again else None,
            not_before=desk.days[day],
        )


def twice_collective(desk: Desk) -> None:
    invoices = several(desk, 2, room=6)
    shares = [share for invoice in invoices for share in whole(invoice)]
    day = max(desk.days.index(invoice.issued_on) for invoice in invoices)
    total, text = desk.sum_of(invoices), quote_all(desk, invoices)
    for again in (False, True):
        day = desk.later(day, 3)
        desk.receive(
            "collective payment sent twice",
            desk.owner(invoices[0]),
            invoices[0].currency,
            total,
            day,
            text=text,
            pays=() if again else shares,
            posts=() if again else shares,
            code="DUPLICATE_PAYMENT" if again else None,
            not_before=desk.days[day],
        )


# AMBIGUOUS_MATCH


def twins(desk: Desk) -> None:
    first, day = bill(desk, 2, known=True)
    customer = desk.owner(first)
    desk.bill(customer, first.currency, day, like=first)
    desk.receive(
        "two invoices of one amount, no reference",
        customer,
        first.currency,
        first.gross_minor,
        desk.later(day),
        text=no_reference(desk),
        pays=whole(first),
        code="AMBIGUOUS_MATCH",
        not_before=first.issued_on,
    )


def _collective_off(desk: Desk, sign: int) -> None:
    invoices = several(desk, desk.rng.randint(2, 3))
    customer, currency = desk.owner(invoices[0]), invoices[0].currency
    day = max(desk.days.index(invoice.issued_on) for invoice in invoices)
    smallest = min(invoice.gross_minor for invoice in invoices)
    off = desk.fresh(customer, currency, 1, max(smallest // 2, 9))
    shares = [share for invoice in invoices for share in whole(invoice)]
    if sign < 0:
        shares[-1] = Share(shares[-1].invoice, shares[-1].amount_minor - off)
    desk.receive(
        "several references, sum does not fit",
        customer,
        currency,
        desk.sum_of(invoices) + sign * off,
        desk.later(day),
        text=quote_all(desk, invoices),
        pays=shares,
        code="AMBIGUOUS_MATCH",
    )


def collective_short(desk: Desk) -> None:
    _collective_off(desk, -1)


def collective_over(desk: Desk) -> None:
    _collective_off(desk, 1)
