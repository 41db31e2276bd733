"""What the mail for an issued invoice says, in the customer's language."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing_shared.contracts.invoice import CustomerUpdated, Email, InvoiceIssued, SellerUpdated
from billing_shared.money import to_decimal

BILLING_ROLE = "billing"
DEFAULT_LANGUAGE = "en"
#: Header and subject texts longer than this are cut.
MAX_HEADER_TEXT = 200

_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}")
_DOMAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class EarlyPayment:
    """A discount the customer may take, ready to print."""

    percent: str
    until_on: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail without its form: every field is ready to print in `language`."""

    language: str
    title: str
    subject: str
    number: str
    seller_name: str
    seller_lines: tuple[str, ...]
    customer_name: str
    issued_on: str
    due_on: str
    net: str
    tax: str
    gross: str
    due: str
    is_due: bool
    payment_reference: str
    purchase_order: str | None
    early_payments: tuple[EarlyPayment, ...]


def compose(invoice: InvoiceIssued, customer: CustomerUpdated, seller: SellerUpdated) -> Letter:
    """The letter for one invoice."""
    language = language_of(customer.locale)
    to_date = DATES[language]
    title = f"{DOCUMENTS[language][invoice.document]} {one_line(invoice.number)}"

    def money(amount_minor: int) -> str:
        return format_money(amount_minor, invoice.currency, language)

    return Letter(
        language=language,
        title=title,
        subject=one_line(SUBJECTS[language].format(title=title, seller=seller.name)),
        number=invoice.number,
        seller_name=one_line(seller.name),
        seller_lines=_address_lines(seller),
        customer_name=customer.name,
        issued_on=to_date(invoice.issued_on),
        due_on=to_date(invoice.due_on),
        net=money(invoice.net_minor),
        tax=money(invoice.tax_minor),
        gross=money(invoice.gross_minor),
        due=money(invoice.due_minor),
        is_due=invoice.due_minor > 0,
        payment_reference=invoice.payment_reference,
        purchase_order=invoice.purchase_order,
        early_payments=tuple(
            EarlyPayment(_percent(early.percent, language), to_date(early.until_on))
            for early in invoice.terms.early_payment
        ),
    )


def recipients(emails: list[Email]) -> tuple[str, ...]:
    """The addresses an invoice goes to: those for billing, else all; each once.

    An address no mail server would take is left out, as if it were not there.
    """
    usable = [(email.role, deliverable(email.address)) for email in emails]
    billing = [address for role, address in usable if address and role == BILLING_ROLE]
    chosen = billing or [address for _, address in usable if address]
    return tuple({address.lower(): address for address in chosen}.values())


def deliverable(address: str) -> str | None:
    """The address in ASCII as SMTP carries it, or None if it is none.

    Nothing that could end a header or an SMTP command passes.
    """
    local, _, domain = address.strip().rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode()
    except UnicodeError:
        return None
    if "=?" in local:
        return None
    if not (_LOCAL_PART.fullmatch(local) and _DOMAIN.fullmatch(ascii_domain)):
        return None
    return f"{local}@{ascii_domain}"


def masked(address: str) -> str:
    """`jane@example.com` -> `j***@example.com`: enough to recognise, too little to write to."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}***{at}{domain}"


def one_line(text: str) -> str:
    """Text fit for a mail header: no control characters, runs of blanks as one, not endless.

    No encoded words either: Python's email package decodes them in a header it is given and writes
    the line breaks that were hidden inside.
    """
    text = text.replace("=?", "= ?")
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:MAX_HEADER_TEXT]


def language_of(locale: str) -> str:
    """`de-AT` -> `de`; a language we have no words for becomes English."""
    language = locale.replace("_", "-").split("-")[0].lower()
    return language if language in DATES else DEFAULT_LANGUAGE


def format_money(amount_minor: int, currency: str, language: str) -> str:
    """`1,234.50 EUR`, in German `1.234,50 EUR`."""
    text = f"{to_decimal(amount_minor, currency):,f}"
    return f"{_separators(text, language)} {currency}"


def _percent(percent: str, language: str) -> str:
    return f"{_separators(f'{Decimal(percent).normalize():f}', language)} %"


def _separators(text: str, language: str) -> str:
    return text.translate(str.maketrans(",.", ".,")) if language == "de" else text


def _address_lines(seller: SellerUpdated) -> tuple[str, ...]:
    address = seller.address
    town = f"{address.postal_code} {address.city}".strip()
    return tuple(line for line in (*address.lines, town, address.country, *seller.tax_ids) if line)


_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
}


def _english_date(day: date) -> str:
    return f"{day.day} {_MONTHS['en'].split()[day.month - 1]} {day.year}"


def _german_date(day: date) -> str:
    return f"{day.day}. {_MONTHS['de'].split()[day.month - 1]} {day.year}"


#: How each language we write in says a date; its keys are the languages there are.
DATES: Mapping[str, Callable[[date], str]] = {"en": _english_date, "de": _german_date}

#: What a document is called.
DOCUMENTS: Mapping[str, Mapping[str, str]] = {
    "en": {"invoice": "Invoice", "debit-note": "Debit note"},
    "de": {"invoice": "Rechnung", "debit-note": "Belastungsanzeige"},
}
SUBJECTS: Mapping[str, str] = {"en": "{title} from {seller}", "de": "{title} von {seller}"}
