"""The sample month: repeatable, complete and sound, before any service sees it."""

import re
from datetime import date
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from billing_local.month import bank, truth
from billing_local.month.generate import make_month
from billing_local.month.model import (
    CODES,
    ItemTruth,
    Line,
    Paper,
    Quote,
    ReceiptTruth,
    ReturnTruth,
    TenantMonth,
)
from billing_local.month.reckoning import gross_minor
from billing_local.month.remittance import (
    NUMBER_STYLES,
    REFERENCE_STYLES,
    checks,
    creditor_reference,
    lines,
    spell,
)

Papers = dict[str, Paper]


def papers_of(month: TenantMonth) -> Papers:
    return {
        invoice.ref: Paper(f"INV-2026-{at:06d}", creditor_reference(f"{at:010d}"))
        for at, invoice in enumerate(month.invoices, 1)
    }


@pytest.fixture(scope="module")
def months() -> list[TenantMonth]:
    return make_month()


def test_the_same_seed_gives_the_same_month_to_the_byte(tmp_path, months):
    again = make_month()
    assert again == months
    for name, made in (("a", months), ("b", again)):
        truth.write_truth(made, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_another_seed_gives_another_month(months):
    assert make_month(seed=2)[0].receipts != months[0].receipts


def test_three_tenants_two_currencies_about_two_thousand_invoices(months):
    assert len({month.seller.tenant_id for month in months}) == 3
    assert {invoice.currency for month in months for invoice in month.invoices} == {"EUR", "JPY"}
    assert 1_950 <= sum(len(month.invoices) for month in months) <= 2_050


@pytest.mark.parametrize("seed", [1, 2, 20260301])
def test_every_code_is_deserved_at_least_ten_times(seed):
    found = truth.codes(t for month in make_month(seed) for t in month.truths)
    assert {code: found[code] for code in CODES if found[code] < 10} == {}


def test_all_money_has_exactly_one_truth(months):
    for month in months:
        keys = [t.key for t in month.truths if not isinstance(t, ItemTruth)]
        assert sorted(keys) == sorted(m.key for m in (*month.receipts, *month.returns))
        for t in month.truths:
            if isinstance(t, ReceiptTruth):
                assert t.held_minor >= 0
                assert (t.held_minor > 0) == (t.code is not None), t


def test_no_invoice_is_posted_beyond_its_amount_and_shorts_say_the_rest(months):
    for month in months:
        corrected = {c.invoice for c in month.corrections}
        posted = dict.fromkeys((i.ref for i in month.invoices), 0)
        for t in month.truths:
            if isinstance(t, ReceiptTruth):
                for share in t.posts:
                    posted[share.invoice] += share.amount_minor
        shorts = {
            t.invoice: t.amount_minor
            for t in month.truths
            if isinstance(t, ItemTruth) and t.code == "SHORT_PAY"
        }
        for invoice in month.invoices:
            paid = posted[invoice.ref]
            assert paid <= (0 if invoice.ref in corrected else invoice.gross_minor)
            rest = invoice.gross_minor - paid
            assert shorts.get(invoice.ref, 0) == (rest if 0 < paid < invoice.gross_minor else 0)


def test_returns_come_after_their_receipt_and_take_all_of_it(months):
    for month in months:
        receipts = {receipt.key: receipt for receipt in month.receipts}
        for t in month.truths:
            if isinstance(t, ReturnTruth) and t.receipt:
                assert receipts[t.receipt].amount_minor == t.amount_minor
        for returned in month.returns:
            if returned.receipt:
                assert receipts[returned.receipt].value_on <= returned.value_on


def test_statements_chain_and_add_up(months):
    month = months[1]
    papers = papers_of(month)
    for own in month.seller.accounts:
        files = [
            next(f for f in bank.statements(month, papers, day) if f.account == own.account)
            for day in month.days
        ]
        balances = [_read(f.content) for f in files]
        assert all(opening + moved == closing for opening, moved, closing in balances)
        assert all(before[2] == after[0] for before, after in pairwise(balances))


def test_files_and_receipts_come_to_the_money_in(months):
    for month in months:
        papers = papers_of(month)
        files = [f for day in month.days for f in bank.statements(month, papers, day)]
        for currency, expected in truth.money_in(month).items():
            by_file = sum(
                f.credits_minor - f.returns_minor for f in files if f.currency == currency
            )
            by_hand = sum(
                r.amount_minor for r in month.receipts if r.manual and r.currency == currency
            ) - sum(r.amount_minor for r in month.returns if r.by_hand and r.currency == currency)
            assert by_file + by_hand == expected


def test_amounts_of_yen_have_no_decimals(months):
    month = months[1]
    text = b"".join(f.content for f in bank.statements(month, papers_of(month), month.days[9]))
    assert not re.search(rb'Ccy="JPY">\d+\.', text)
    assert re.search(rb'Ccy="JPY">\d+<', text)


def test_every_spelling_of_a_reference_says_the_same():
    papers = {"B": Paper("INV-2026-000123", creditor_reference("0000000123"))}
    for style in REFERENCE_STYLES:
        assert _bare(spell(Quote("B", "reference", style), papers)) == papers["B"].payment_reference
    for style in NUMBER_STYLES:
        assert _bare(spell(Quote("B", "number", style), papers)) == "INV2026000123"


def test_damaged_references_are_what_they_claim():
    papers = {"B": Paper("INV-2026-000123", creditor_reference("0000000123"))}
    for salt in range(50):
        miskeyed = spell(Quote("B", "reference", damage="digit", salt=salt), papers)
        stranger = spell(Quote("B", "reference", damage="stranger", salt=salt), papers)
        assert not checks(miskeyed)
        assert checks(stranger)
        assert stranger != papers["B"].payment_reference
        number = spell(Quote("B", "number", damage="stranger", salt=salt), papers)
        assert re.fullmatch(r"INV-2026-9\d{5}", number)


def test_a_split_reference_stands_on_two_lines():
    papers = {"B": Paper("INV-2026-000123", creditor_reference("0000000123"))}
    assert len(lines(["RE ", Quote("B", "reference", "split"), " danke"], papers)) == 2


@pytest.mark.parametrize(
    ("line", "currency", "gross"),
    [
        (Line("a", "3", "0.335", "19"), "EUR", 120),
        (Line("a", "1", "100.00", "19", "12.5"), "EUR", 10413),
        (Line("a", "0.75", "333", "10"), "JPY", 275),
    ],
)
def test_gross_by_hand(line, currency, gross):
    assert gross_minor([line], currency) == gross


def test_the_month_may_be_any_month():
    february = make_month(first_on=date(2027, 2, 1), scale=0.1)
    assert {day.month for month in february for day in month.days} == {2}


def _read(content: bytes) -> tuple[int, int, int]:
    """Opening, sum of entries and closing of one statement, in whole units of its last decimal."""
    root = ElementTree.fromstring(content)
    space = root.tag.removesuffix("Document")

    def amount(element: ElementTree.Element) -> int:
        value = int(element.findtext(f"{space}Amt", "").replace(".", ""))
        return value if element.findtext(f"{space}CdtDbtInd") == "CRDT" else -value

    opening, closing = (amount(e) for e in root.iter(f"{space}Bal"))
    return opening, sum(amount(e) for e in root.iter(f"{space}Ntry")), closing


def _bare(text: str) -> str:
    import unicodedata

    return re.sub(r"\W", "", unicodedata.normalize("NFKC", text)).upper()
