"""Payments whose words do not say what they are for, or say it wrongly."""

from billing_local.month.cases.wording import (
    bill,
    by_either,
    by_number,
    by_reference,
    no_reference,
    structured,
    whole,
)
from billing_local.month.desk import Desk
from billing_local.month.model import Code

# BAD_REFERENCE and UNKNOWN_REFERENCE


def _ill_quoted(
    desk: Desk, code: Code, damage: str, *, in_field: bool = False, number: bool = False
) -> None:
    """The payer means the invoice, but what it wrote does not say so."""
    invoice, day = bill(desk, 1)
    wording = by_number if number else by_reference
    desk.receive(
        "digit miskeyed" if damage == "digit" else "reference of nobody",
        desk.owner(invoice),
        invoice.currency,
        invoice.gross_minor,
        desk.later(day),
        text=() if in_field else wording(desk, invoice, damage),
        structured=structured(desk, invoice, damage) if in_field else None,
        pays=whole(invoice),
        code=code,
    )


def miskeyed(desk: Desk) -> None:
    _ill_quoted(desk, "BAD_REFERENCE", "digit")


def miskeyed_in_field(desk: Desk) -> None:
    _ill_quoted(desk, "BAD_REFERENCE", "digit", in_field=True)


def strange(desk: Desk) -> None:
    _ill_quoted(desk, "UNKNOWN_REFERENCE", "stranger")


def strange_in_field(desk: Desk) -> None:
    _ill_quoted(desk, "UNKNOWN_REFERENCE", "stranger", in_field=True)


def strange_number(desk: Desk) -> None:
    _ill_quoted(desk, "UNKNOWN_REFERENCE", "stranger", number=True)


def one_known_one_strange(desk: Desk) -> None:
    invoice, day = bill(desk, 1)
    customer = desk.owner(invoice)
    more = desk.fresh(customer, invoice.currency, 100, 20_000)
    text = [*by_number(desk, invoice), "\n", *by_reference(desk, invoice, "stranger")]
    desk.receive(
        "one reference of ours, one of nobody",
        customer,
        invoice.currency,
        invoice.gross_minor + more,
        desk.later(day),
        text=text,
        pays=whole(invoice),
        code="UNKNOWN_REFERENCE",
    )


# UNKNOWN_PAYER and MISSING_REMITTANCE


def _nameless(desk: Desk, case: str, *, known: bool, stranger: bool) -> None:
    invoice, day = bill(desk, 1, known=known)
    desk.receive(
        case,
        desk.owner(invoice),
        invoice.currency,
        invoice.gross_minor,
        desk.later(day),
        text=no_reference(desk),
        pays=whole(invoice),
        code="UNKNOWN_PAYER",
        stranger=stranger,
        not_before=invoice.issued_on,
    )


def name_only(desk: Desk) -> None:
    _nameless(desk, "only a name, or an account two share", known=False, stranger=False)


def new_account(desk: Desk) -> None:
    _nameless(desk, "paid from an account not on file", known=True, stranger=True)


def sum_without_words(desk: Desk) -> None:
    customer, currency, day = desk.customer(True), desk.currency(), desk.early(2)
    invoices = [desk.bill(customer, currency, day) for _ in range(2)]
    desk.receive(
        "two invoices in one sum, no words",
        customer,
        currency,
        desk.sum_of(invoices),
        desk.later(day),
        text=no_reference(desk),
        pays=[share for invoice in invoices for share in whole(invoice)],
        code="MISSING_REMITTANCE",
    )


def paid_in_advance(desk: Desk) -> None:
    day = desk.early(3)
    customer, currency = desk.customer(True), desk.currency()
    invoice = desk.bill(customer, currency, desk.later(day + 1, 5))
    desk.receive(
        "paid before the invoice was written",
        customer,
        currency,
        invoice.gross_minor,
        day,
        text=no_reference(desk),
        pays=whole(invoice),
        code="MISSING_REMITTANCE",
    )


def named_by_hand(desk: Desk) -> None:
    customer, currency = desk.customer(), desk.currency()
    amount = desk.fresh(customer, currency, 1_000, 90_000)
    desk.receive(
        "customer named by hand, fits nothing",
        customer,
        currency,
        amount,
        desk.early(0),
        text=no_reference(desk),
        code="MISSING_REMITTANCE",
        manual=True,
        names=True,
    )


# CURRENCY_MISMATCH


def other_currency(desk: Desk) -> None:
    invoice, day = bill(desk, 1)
    customer = desk.owner(invoice)
    currency = {"EUR": "JPY", "JPY": "EUR"}[invoice.currency]
    rate = desk.rng.uniform(155, 170)
    euro_cents_per_yen = 100 / rate
    factor = 1 / euro_cents_per_yen if currency == "JPY" else euro_cents_per_yen
    desk.receive(
        "paid in another currency",
        customer,
        currency,
        max(round(invoice.gross_minor * factor), 1),
        desk.later(day),
        text=by_either(desk, invoice),
        pays=(),
        code="CURRENCY_MISMATCH",
    )
