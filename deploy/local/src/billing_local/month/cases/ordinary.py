"""What most of a month is: invoices paid as they should be, in every spelling, or not yet paid."""

from collections.abc import Callable

from billing_local.month.cases.wording import (
    by_either,
    by_number,
    by_reference,
    instalments,
    no_reference,
    quote_all,
    several,
    structured,
    whole,
)
from billing_local.month.desk import Desk
from billing_local.month.model import Share


def _unpaid(desk: Desk) -> None:
    desk.bill(desk.customer(), desk.currency(), desk.rng.randint(0, desk.last))


def _free_of_charge(desk: Desk) -> None:
    desk.bill(desk.customer(), desk.currency(), desk.early(), free=True)


def _paid(
    desk: Desk,
    case: str,
    *,
    in_field: bool = False,
    number: bool = False,
    stranger: bool = False,
    manual: bool = False,
) -> None:
    day = desk.early(1)
    invoice = desk.bill(desk.customer(), desk.currency(), day)
    text = by_number(desk, invoice) if number else by_reference(desk, invoice)
    desk.receive(
        case,
        desk.owner(invoice),
        invoice.currency,
        invoice.gross_minor,
        desk.later(day),
        text=() if in_field else text,
        structured=structured(desk, invoice) if in_field else None,
        pays=whole(invoice),
        posts=whole(invoice),
        stranger=stranger,
        manual=manual,
    )


def _reference_in_field(desk: Desk) -> None:
    _paid(desk, "reference in its field", in_field=True)


def _reference_in_text(desk: Desk) -> None:
    _paid(desk, "reference in text")


def _number_in_text(desk: Desk) -> None:
    _paid(desk, "number in text", number=True)


def _third_party(desk: Desk) -> None:
    _paid(desk, "third party with reference", stranger=True)


def _receipt_by_hand(desk: Desk) -> None:
    _paid(desk, "receipt by hand with reference", manual=True, number=desk.rng.random() < 0.5)


def _exact_amount(desk: Desk) -> None:
    _no_reference(desk, "known payer, exact amount", by_hand=False)


def _named_by_hand(desk: Desk) -> None:
    _no_reference(desk, "customer named by hand, exact amount", by_hand=True)


def _no_reference(desk: Desk, case: str, by_hand: bool) -> None:
    day = desk.early(1)
    customer = desk.customer(None if by_hand else True)
    invoice = desk.bill(customer, desk.currency(), day)
    desk.receive(
        case,
        customer,
        invoice.currency,
        invoice.gross_minor,
        desk.later(day),
        text=no_reference(desk),
        pays=whole(invoice),
        posts=whole(invoice),
        not_before=invoice.issued_on,
        manual=by_hand,
        names=by_hand,
    )


def _collective(desk: Desk) -> None:
    invoices = several(desk, desk.rng.randint(2, 4))
    shares = [share for invoice in invoices for share in whole(invoice)]
    day = max(desk.days.index(invoice.issued_on) for invoice in invoices)
    desk.receive(
        "several references, exact sum",
        desk.owner(invoices[0]),
        invoices[0].currency,
        desk.sum_of(invoices),
        desk.later(day),
        text=quote_all(desk, invoices),
        pays=shares,
        posts=shares,
    )


def _instalments(desk: Desk) -> None:
    day = desk.early(7)
    invoice = desk.bill(desk.customer(), desk.currency(), day)
    half = invoice.gross_minor // 2
    if invoice.gross_minor % 2 == 0 and desk.keep(invoice, half):
        first = half
    else:
        first = desk.part(invoice)
    instalments(desk, "two instalments", (first, invoice.gross_minor - first), invoice, day)


def _credited(desk: Desk) -> None:
    day = desk.early()
    desk.correct(desk.bill(desk.customer(), desk.currency(), day), "credit-note", desk.later(day))


def _voided(desk: Desk) -> None:
    day = desk.early()
    desk.correct(desk.bill(desk.customer(), desk.currency(), day), "void", desk.later(day))


def _returned(desk: Desk, *, paid_again: bool = False) -> None:
    day = desk.early(9)
    invoice = desk.bill(desk.customer(), desk.currency(), day)
    case = "returned and paid again" if paid_again else "returned by the bank"
    for again in (False, True)[: 1 + paid_again]:
        day = desk.later(day, 3)
        receipt = desk.receive(
            case,
            desk.owner(invoice),
            invoice.currency,
            invoice.gross_minor,
            day,
            text=by_either(desk, invoice),
            pays=whole(invoice),
            posts=whole(invoice),
            not_before=desk.days[day],
            traceable=True,
        )
        if not again:
            day = desk.later(day, 3)
            desk.take_back(case, receipt, day)


def _returned_and_paid_again(desk: Desk) -> None:
    _returned(desk, paid_again=True)


def _entered_in_error(desk: Desk) -> None:
    day = desk.early(7)
    invoice = desk.bill(desk.customer(), desk.currency(), day)
    day, wrong = desk.later(day, 3), desk.part(invoice)
    text = by_either(desk, invoice)
    for amount in (wrong, invoice.gross_minor):
        share = (Share(invoice.ref, amount),)
        receipt = desk.receive(
            "entered in error, then right",
            desk.owner(invoice),
            invoice.currency,
            amount,
            day,
            text=text,
            pays=share,
            posts=share,
            not_before=desk.days[day],
            manual=True,
        )
        if amount == wrong:
            desk.take_back("entered in error", receipt, day, by_hand=True)


#: How often, of a hundred or so.
ORDINARY: tuple[tuple[int, Callable[[Desk], None]], ...] = (
    (30, _unpaid),
    (24, _reference_in_field),
    (16, _reference_in_text),
    (12, _number_in_text),
    (9, _exact_amount),
    (4, _collective),
    (3, _instalments),
    (3, _third_party),
    (2, _receipt_by_hand),
    (2, _named_by_hand),
    (2, _credited),
    (1, _voided),
    (1, _returned),
    (1, _returned_and_paid_again),
    (1, _entered_in_error),
    (1, _free_of_charge),
)
