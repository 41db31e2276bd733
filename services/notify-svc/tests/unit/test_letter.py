"""What a mail says, and that nothing in it can break out of its place."""

from dataclasses import replace
from datetime import UTC, date, datetime
from email import message_from_bytes, policy

import msgspec
import pytest

from billing_shared.contracts.envelope import EarlyPayment, Terms
from billing_shared.contracts.invoice import (
    Address,
    CustomerUpdated,
    Email,
    InvoiceIssued,
    SellerUpdated,
)
from billing_shared.ids import new_id
from notify_svc.domain.letter import (
    Letter,
    compose,
    deliverable,
    format_money,
    language_of,
    masked,
    one_line,
    recipients,
)
from notify_svc.domain.route import mail_step
from notify_svc.gateways.letters import render

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
TERMS = Terms(net_days=30, early_payment=[])

SELLER = SellerUpdated(
    seller_id=new_id(),
    name="Hansen & Söhne GmbH",
    address=Address(lines=["Kai 7"], postal_code="20457", city="Hamburg", country="DE"),
    country="DE",
    tax_ids=["DE123456789"],
    time_zone="Europe/Berlin",
    base_currency="EUR",
)
CUSTOMER = CustomerUpdated(
    customer_id=new_id(),
    status="active",
    name="Ada Ltd",
    aliases=[],
    tax_ids=[],
    country="GB",
    locale="en-GB",
    emails=[Email(role="billing", address="ap@ada.example")],
    bank_accounts=[],
    terms=TERMS,
)
INVOICE = InvoiceIssued(
    invoice_id=new_id(),
    number="2026-000042",
    series="2026",
    document="invoice",
    origin="issued",
    customer_id=CUSTOMER.customer_id,
    currency="EUR",
    issued_on=date(2026, 3, 2),
    due_on=date(2026, 4, 1),
    lines=[],
    allowances=[],
    tax_groups=[],
    net_minor=100_000,
    tax_minor=23_450,
    gross_minor=123_450,
    due_minor=123_450,
    terms=TERMS,
    payment_reference="RF18539007547034",
    purchase_order="PO-7",
    content_sha256="0" * 64,
)


def letter(invoice: InvoiceIssued = INVOICE, **customer: object) -> Letter:
    return compose(invoice, msgspec.structs.replace(CUSTOMER, **customer), SELLER)


def texts(letter: Letter, *to: str) -> tuple[str, str, str]:
    """Headers, plain and HTML text of the mail as a receiver reads it."""
    message = render(letter, new_id(), "billing@seller.example", to or ("ap@ada.example",), NOW)
    read = message_from_bytes(message.as_bytes(policy=policy.SMTP), policy=policy.default)
    plain, html = read.get_body(("plain",)), read.get_body(("html",))
    assert plain is not None
    assert html is not None
    headers = "\n".join(f"{name}: {value}" for name, value in read.items())
    return headers, plain.get_content(), html.get_content()


def test_an_english_mail_says_all_that_is_needed_to_pay() -> None:
    headers, plain, html = texts(letter())
    assert "Subject: Invoice 2026-000042 from Hansen & Söhne GmbH" in headers
    assert "From: Hansen & Söhne GmbH <billing@seller.example>" in headers
    for said in ("2026-000042", "1,234.50 EUR", "234.50 EUR", "1 April 2026", "RF18539007547034"):
        assert said in plain
        assert said in html
    assert "PO-7" in plain
    assert "Hamburg" in plain
    assert "Hansen & Söhne" in plain
    assert "Hansen &amp; Söhne" in html


def test_a_german_mail_is_german() -> None:
    headers, plain, html = texts(letter(locale="de_AT"))
    assert "Subject: Rechnung 2026-000042 von Hansen & Söhne GmbH" in headers
    assert "Content-Language: de" in headers
    for said in ("1.234,50 EUR", "1. April 2026", "Zahlungsreferenz", "Fällig am"):
        assert said in plain
        assert said in html


def test_an_early_payment_is_offered_and_a_settled_invoice_asks_for_nothing() -> None:
    early = Terms(
        net_days=30, early_payment=[EarlyPayment(until_on=date(2026, 3, 12), percent="2.50")]
    )
    _, plain, _ = texts(letter(msgspec.structs.replace(INVOICE, terms=early)))
    assert "If you pay by 12 March 2026, you may deduct 2.5 %." in plain
    _, plain, html = texts(letter(msgspec.structs.replace(INVOICE, due_minor=0)))
    assert "Nothing is left to pay." in plain
    assert "RF18539007547034" not in plain + html


def test_a_debit_note_is_called_so() -> None:
    assert letter(msgspec.structs.replace(INVOICE, document="debit-note")).title.startswith("Debit")


@pytest.mark.parametrize(
    "name",
    [
        "Evil\r\nBcc: victim@example.com",
        "Evil\nSubject: other",
        'Quote" <x@y.example>, "',
        "\x00\x1b[31mEvil",
        "=?utf-8?q?Evil=0ABcc=3A_victim=40example.com?=",
        "\u2028Bcc: victim@example.com",
    ],
)
def test_a_name_cannot_add_a_header_or_a_recipient(name: str) -> None:
    hostile = compose(
        msgspec.structs.replace(INVOICE, number=name),
        msgspec.structs.replace(CUSTOMER, name=name),
        msgspec.structs.replace(SELLER, name=name),
    )
    message = render(hostile, new_id(), "billing@seller.example", ["ap@ada.example"], NOW)
    read = message_from_bytes(message.as_bytes(policy=policy.SMTP), policy=policy.default)
    assert read["Bcc"] is None
    assert [a.addr_spec for a in read["To"].addresses] == ["ap@ada.example"]
    assert [a.addr_spec for a in read["From"].addresses] == ["billing@seller.example"]
    expected = "From To Subject Date Message-ID Auto-Submitted MIME-Version Content-Type"
    assert sorted(read.keys()) == sorted([*expected.split(), "Content-Language"])


def test_a_name_cannot_add_markup() -> None:
    _, plain, html = texts(letter(name="<script>alert(1)</script>"))
    assert "<script>" not in html
    assert "<script>" in plain


def test_the_message_id_is_the_same_each_time() -> None:
    delivery_id = new_id()
    ids = {
        render(letter(), delivery_id, "billing@seller.example", ["a@b.example"], NOW)["Message-ID"]
        for _ in range(2)
    }
    assert ids == {f"<{delivery_id}@seller.example>"}


def test_mail_goes_to_billing_addresses_or_else_to_all() -> None:
    other, billing = Email(role="dunning", address="d@x.example"), CUSTOMER.emails[0]
    assert recipients([other, billing]) == ("ap@ada.example",)
    assert recipients([other]) == ("d@x.example",)
    assert recipients([billing, Email(role="billing", address="AP@ada.example")]) == (
        "AP@ada.example",
    )
    assert recipients([]) == ()


@pytest.mark.parametrize(
    ("address", "sent_to"),
    [
        ("ap@ada.example", "ap@ada.example"),
        (" ap@ada.example ", "ap@ada.example"),
        ("ap@müller.example", "ap@xn--mller-kva.example"),
        ("first.last+x@sub.ada.example", "first.last+x@sub.ada.example"),
        ("a@b\r\nRCPT TO:<c@d>", None),
        ("a\r\nDATA@b.example", None),
        ("a b@c.example", None),
        ("a@b>,<c@d.example", None),
        ("@b.example", None),
        ("a@", None),
        ("nobody", None),
        ("=?utf-8?q?a=0ABcc=3A_v=40x.example?=@b.example", None),
        ("müller@x.example", None),
        ("a@" + "x" * 300 + ".example", None),
    ],
)
def test_only_an_address_that_smtp_can_carry_is_written_to(
    address: str, sent_to: str | None
) -> None:
    assert deliverable(address) == sent_to


@pytest.mark.parametrize(
    ("amount_minor", "currency", "language", "text"),
    [
        (123_450, "EUR", "en", "1,234.50 EUR"),
        (123_450, "EUR", "de", "1.234,50 EUR"),
        (1_000_000, "JPY", "en", "1,000,000 JPY"),
        (1_234_567, "KWD", "de", "1.234,567 KWD"),
        (0, "EUR", "en", "0.00 EUR"),
        (5, "EUR", "de", "0,05 EUR"),
    ],
)
def test_amounts_are_written_as_people_write_them(
    amount_minor: int, currency: str, language: str, text: str
) -> None:
    assert format_money(amount_minor, currency, language) == text


def test_a_language_we_have_no_words_for_becomes_english() -> None:
    languages = [language_of(each) for each in ("fr-FR", "", "DE", "en_US")]
    assert languages == ["en", "en", "de", "en"]


def test_header_text_is_one_line_and_not_endless() -> None:
    assert one_line("a\r\n b\tc") == "a b c"
    assert len(one_line("x" * 1000)) == 200


def test_a_masked_address_is_no_address() -> None:
    assert masked("jane.doe@example.com") == "j***@example.com"


def test_whether_a_mail_can_go() -> None:
    def step(**changes: object) -> str:
        return mail_step(
            msgspec.structs.replace(CUSTOMER, **changes), SELLER, is_voided=False
        ).state

    assert step() == "pending"
    assert step(emails=[]) == "waiting"
    assert step(status="anonymised", emails=[]) == "cancelled"
    assert mail_step(None, SELLER, is_voided=False).state == "waiting"
    assert mail_step(CUSTOMER, None, is_voided=False).state == "waiting"
    assert mail_step(CUSTOMER, SELLER, is_voided=True).state == "cancelled"


def test_a_letter_can_be_kept_apart_from_its_form() -> None:
    assert replace(letter(), language="en") == letter()
