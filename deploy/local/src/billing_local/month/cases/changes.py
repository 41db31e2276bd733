"""Things that changed under way: closed invoices paid, money returned, documents corrected."""

from billing_local.month.cases.wording import bill, by_either, pay_whole, quote_all, several, whole
from billing_local.month.desk import Desk
from billing_local.month.model import Invoice

# CLOSED_REFERENCE


def _pay_nothing_due(
    desk: Desk, case: str, invoice: Invoice, day: int, amount: int | None = None
) -> None:
    desk.receive(
        case,
        desk.owner(invoice),
        invoice.currency,
        amount or invoice.gross_minor,
        day,
        text=by_either(desk, invoice),
        code="CLOSED_REFERENCE",
        not_before=desk.days[day],
    )


def paid_after_credit_note(desk: Desk) -> None:
    case = "paid after its credit note"
    invoice, day = bill(desk)
    day = desk.later(day, 3)
    desk.correct(invoice, "credit-note", day)
    _pay_nothing_due(desk, case, invoice, desk.later(day))


def paid_then_more(desk: Desk) -> None:
    invoice, day = bill(desk)
    day = desk.later(day, 3)
    pay_whole(desk, "paid, then a part once more", invoice, day)
    more = desk.part(invoice)
    _pay_nothing_due(desk, "paid, then a part once more", invoice, desk.later(day), more)


def collective_with_a_closed_one(desk: Desk) -> None:
    invoices = several(desk, 2, room=6)
    case = "collective payment, one already paid"
    day = desk.later(max(desk.days.index(invoice.issued_on) for invoice in invoices), 3)
    pay_whole(desk, case, invoices[0], day)
    later = desk.later(day)
    desk.receive(
        case,
        desk.owner(invoices[0]),
        invoices[0].currency,
        desk.sum_of(invoices),
        later,
        text=quote_all(desk, invoices),
        pays=whole(invoices[1]),
        code="CLOSED_REFERENCE",
        not_before=desk.days[later],
    )


# ORPHAN_REVERSAL


def return_of_nothing(desk: Desk) -> None:
    amount = desk.rng.randint(1_000, 90_000)
    desk.orphan("return of nothing we know", desk.currency(), amount, desk.early(0), None)


def returned_twice(desk: Desk) -> None:
    invoice, day = bill(desk, 12)
    case = "returned twice"
    day = desk.later(day, 3)
    receipt = pay_whole(desk, case, invoice, day)
    day = desk.later(day, 3)
    desk.take_back(case, receipt, day)
    desk.orphan(case, receipt.currency, receipt.amount_minor, desk.later(day, 3), receipt)


# INVOICE_CHANGED_AFTER_PAY


def credited_after_payment(desk: Desk) -> None:
    invoice, day = bill(desk)
    day = desk.later(day, 3)
    _changed(
        desk,
        "credited after payment",
        invoice,
        kind="credit-note",
        paid=day,
        changed=desk.later(day),
    )


def voided_while_money_was_under_way(desk: Desk) -> None:
    """The clerk voids in good faith; the bank then tells of money valued before."""
    invoice, day = bill(desk)
    paid = desk.later(day + 1, 4)
    _changed(
        desk, "voided while money was under way", invoice, kind="void", paid=paid, changed=paid - 1
    )


def _changed(
    desk: Desk, case: str, invoice: Invoice, *, kind: str, paid: int, changed: int
) -> None:
    desk.correct(invoice, kind, changed)
    valued = desk.days[changed - 1] if changed < paid else desk.days[paid]
    desk.receive(
        case,
        desk.owner(invoice),
        invoice.currency,
        invoice.gross_minor,
        paid,
        text=by_either(desk, invoice),
        pays=whole(invoice),
        code="CLOSED_REFERENCE",
        valued=valued,
    )
    desk.deserves(case, invoice, "INVOICE_CHANGED_AFTER_PAY", invoice.gross_minor)
