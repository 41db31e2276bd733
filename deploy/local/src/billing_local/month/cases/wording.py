"""How a payer words a payment, and the bills and payments nearly all cases start with."""

from collections.abc import Sequence

from billing_local.month.desk import Desk
from billing_local.month.model import Invoice, Part, Quote, Receipt, Share
from billing_local.month.remittance import NUMBER_STYLES, REFERENCE_STYLES

_REFERENCE_TEXTS = (
    ("Rechnung ", " danke"),
    ("/RF/", ""),
    ("Zahlung zu Ref. ", ", Kd-Nr 10234"),
    ("ref: ", ""),
    ("", ""),
    ("Votre facture réf. ", " du mois"),
    ("ｵｼﾊﾗｲ ", ""),
)
_NUMBER_TEXTS = (
    ("Rechnung ", " vom 3. d. M."),
    ("RE-NR ", " KD-NR 10234"),
    ("Invoice no. ", ""),
    ("inv. ", " / goods as ordered"),
    ("facture ", ", merci"),
    ("", ""),
)
_EMPTY_TEXTS = ("", "ZAHLUNG", "Danke und Gruss", "payment as agreed", "lfd. Rechnungen", "ﾌﾘｺﾐ")


def by_reference(desk: Desk, invoice: Invoice, damage: str | None = None) -> list[Part]:
    """A line of text quoting the payment reference."""
    before, after = desk.rng.choice(_REFERENCE_TEXTS)
    return [
        before,
        quote(desk, invoice, "reference", desk.rng.choice(REFERENCE_STYLES), damage),
        after,
    ]


def by_number(desk: Desk, invoice: Invoice, damage: str | None = None) -> list[Part]:
    """A line of text quoting the invoice number."""
    before, after = desk.rng.choice(_NUMBER_TEXTS)
    return [before, quote(desk, invoice, "number", desk.rng.choice(NUMBER_STYLES), damage), after]


def by_either(desk: Desk, invoice: Invoice) -> list[Part]:
    return desk.rng.choice((by_reference, by_number))(desk, invoice)


def structured(desk: Desk, invoice: Invoice, damage: str | None = None) -> Quote:
    """The reference in its own field, as most banks keep it clean and some do not."""
    return quote(desk, invoice, "reference", desk.rng.choice(("plain", "plain", "fours")), damage)


def quote(desk: Desk, invoice: Invoice, what: str, style: str, damage: str | None = None) -> Quote:
    return Quote(
        invoice.ref,
        "number" if what == "number" else "reference",
        style,
        "digit" if damage == "digit" else "stranger" if damage == "stranger" else None,
        desk.rng.randrange(10**5),
    )


def no_reference(desk: Desk) -> list[Part]:
    return [desk.rng.choice(_EMPTY_TEXTS)]


def whole(invoice: Invoice) -> tuple[Share, ...]:
    return (Share(invoice.ref, invoice.gross_minor),)


def bill(desk: Desk, room: int = 6, known: bool | None = None) -> tuple[Invoice, int]:
    """An invoice with `room` business days after it, and its day."""
    day = desk.early(room)
    return desk.bill(desk.customer(known), desk.currency(), day), day


def pay_whole(desk: Desk, case: str, invoice: Invoice, day: int) -> Receipt:
    """A faultless payment by reference, valued on its booking day and fit to be returned."""
    return desk.receive(
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


def several(desk: Desk, count: int, room: int = 2) -> list[Invoice]:
    """A few invoices of one customer in one currency."""
    customer, currency = desk.customer(), desk.currency()
    return [desk.bill(customer, currency, desk.early(room)) for _ in range(count)]


def quote_all(desk: Desk, invoices: Sequence[Invoice]) -> list[Part]:
    """Several numbers in one text, each on its own line or parted by commas."""
    between = desk.rng.choice((", ", "\n", " + ", " und "))
    parts: list[Part] = [desk.rng.choice(("Rechnungen ", "Sammelzahlung ", "Inv "))]
    for invoice in invoices:
        style = desk.rng.choice(("plain", "lower", "squeezed"))
        parts += [quote(desk, invoice, "number", style), between]
    return parts[:-1]


def instalments(desk: Desk, case: str, shares: Sequence[int], invoice: Invoice, day: int) -> int:
    """The invoice paid in parts on rising days; answers the day of the last."""
    for amount in shares:
        day = desk.later(day, 3)
        share = (Share(invoice.ref, amount),)
        desk.receive(
            case,
            desk.owner(invoice),
            invoice.currency,
            amount,
            day,
            text=by_either(desk, invoice),
            pays=share,
            posts=share,
            not_before=desk.days[day],
            traceable=True,
        )
    return day
