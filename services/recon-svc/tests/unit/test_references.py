"""What a payer may have meant: structured and free text, clean and spoiled."""

from datetime import date
from uuid import UUID

import pytest

from recon_svc.domain.facts import BankReference, Invoice, Payment
from recon_svc.domain.references import Read, is_rf, item_keys, normalise, payment_tokens, read

ITEM = UUID(int=1)
OTHER = UUID(int=2)
RF = "RF18INV000123"
KEYS = {"INV000123": frozenset({ITEM}), RF: frozenset({ITEM}), "611365": frozenset({OTHER})}
PATTERNS = (r"INV\d{4,}",)


def payment(*lines: str, structured: str | None = None, end_to_end: str | None = None) -> Payment:
    references = [("creditor-reference", structured), ("end-to-end", end_to_end)]
    return Payment(
        payment_id=UUID(int=9),
        amount_minor=100,
        currency="EUR",
        value_on=date(2026, 1, 5),
        payer_account=None,
        customer_id=None,
        remittance_lines=lines,
        references=tuple(BankReference(kind, value) for kind, value in references if value),
    )


def valid_rf(body: str) -> str:
    return next(f"RF{n:02}{body}" for n in range(100) if is_rf(f"RF{n:02}{body}"))


RIGHT = valid_rf("INV000123")
KEYS = KEYS | {RIGHT: frozenset({ITEM})}
WRONG = f"RF{(int(RIGHT[2:4]) + 1) % 100:02}INV000123"
STRANGE = valid_rf("INV999999")


@pytest.mark.parametrize(
    "lines",
    [
        (RIGHT,),
        (f"payment {RIGHT.lower()} thanks",),
        (" ".join(RIGHT[i : i + 4] for i in range(0, len(RIGHT), 4)),),
        (RIGHT[:9], RIGHT[9:]),
        ("INV-000123",),
        ("Rechnung INV 000123 vom 01.02.",),
        ("inv/000123, 120.00 EUR",),
        ("\uff29\uff2e\uff36000123",),
    ],
)
def test_a_reference_is_read_however_it_is_spaced(lines: tuple[str, ...]) -> None:
    assert read(payment(*lines), KEYS, PATTERNS) == Read(items=frozenset({ITEM}))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (payment(structured=RIGHT), Read(items=frozenset({ITEM}))),
        (payment(end_to_end="INV000123"), Read(items=frozenset({ITEM}))),
        (payment("611365"), Read(items=frozenset({OTHER}))),
        (payment(WRONG), Read(bad=(WRONG,))),
        (payment(structured=WRONG), Read(bad=(WRONG,))),
        (payment(STRANGE), Read(unknown=(STRANGE,))),
        (payment(structured=STRANGE), Read(unknown=(STRANGE,))),
        (payment("INV-777777"), Read(unknown=("INV777777",))),
        (payment("thank you for the music"), Read()),
        (payment("paid 61 1365"), Read()),
        (payment(RIGHT, "611365"), Read(items=frozenset({ITEM, OTHER}))),
    ],
)
def test_what_a_payment_names(given: Payment, expected: Read) -> None:
    assert read(given, KEYS, PATTERNS) == expected


def test_the_number_inside_a_miskeyed_reference_names_nobody() -> None:
    miskeyed = RIGHT[:-1] + "4"
    spaced = " ".join(miskeyed[i : i + 4] for i in range(0, len(miskeyed), 4))
    keys = {**KEYS, "INV000124": frozenset({OTHER})}
    for text in (spaced, spaced.replace(" ", "-"), f"{miskeyed[:4]} {miskeyed[4:]}"):
        assert read(payment(text), keys, PATTERNS) == Read(bad=(miskeyed,)), text


def test_a_key_of_two_items_is_ambiguous() -> None:
    keys = {"611365": frozenset({ITEM, OTHER})}
    assert read(payment("611365"), keys, ()) == Read(ambiguous=("611365",))


def test_tokens_are_bounded_and_keep_the_structured_reference() -> None:
    tokens = payment_tokens(payment(*(f"word{i} {i:05}" for i in range(500)), structured=RIGHT))
    assert RIGHT in tokens
    assert len(tokens) <= 128


def test_an_invoice_is_found_by_number_and_by_reference() -> None:
    invoice = Invoice(
        invoice_id=ITEM,
        number="INV-000123",
        customer_id=OTHER,
        currency="EUR",
        issued_on=date(2026, 1, 1),
        due_on=date(2026, 2, 1),
        gross_minor=1,
        due_minor=1,
        payment_reference=RIGHT,
    )
    assert item_keys(invoice) == {"INV000123", RIGHT}
    assert normalise("r\u00e9f. 12-ab") == "RF12AB"
