"""Our totals against published EN 16931 invoices, which say what they come to.

BILLING_CORPUS names the folder of sample files; without it these tests are skipped.
"""

import os
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from defusedxml import ElementTree

from billing_shared.errors import Invalid
from invoice_svc.domain.totals import AllowanceDraft, LineDraft, plain, work_out

CORPUS = Path(os.environ.get("BILLING_CORPUS", "/nonexistent")) / "ubl"
FILES = sorted(path for path in CORPUS.rglob("*") if path.suffix.lower() == ".xml")
#: Files we refuse, and with which code: the reason is in the file, not in us.
REFUSED = {
    # An invoice below zero: we want a credit note.
    "BIS3_Invoice_negativ.XML": "negative-total",
    "base-negative-inv-correction.xml": "negative-total",
    # Lines whose net is not quantity x price - discount; EN 16931 does not demand it, we do.
    "guide-example1.xml": "totals-mismatch",
    "guide-example3.xml": "totals-mismatch",
    "ubl-tc434-example2.xml": "totals-mismatch",
    "ubl-tc434-example10.xml": "totals-mismatch",
    "ubl-tc434-test-1.xml": "totals-mismatch",
}

CAC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2}"
CBC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}"


@dataclass
class Published:
    currency: str
    lines: list
    allowances: list
    groups: set
    net: int
    tax: int
    gross: int


def text(node, path):
    found = node.find(path)
    return None if found is None or found.text is None else found.text.strip()


def minor(value):
    return int(Decimal(value).scaleb(2))


def rate(category):
    return category.findtext(f"{CBC}ID"), plain(Decimal(text(category, f"{CBC}Percent") or "0"))


def as_line(category, amount, description):
    """A charge, which we do not know, as a line of its own: it adds up to the same."""
    sign = "-" if Decimal(amount) < 0 else ""
    return LineDraft(description, f"{sign}1", amount.lstrip("-"), *rate(category))


def read(path):
    root = ElementTree.parse(path).getroot()
    tag = root.tag.rpartition("}")[2]
    lines, allowances = [], []
    for line in root.findall(f"{CAC}{tag}Line"):
        quantity = text(line, f"{CBC}InvoicedQuantity") or text(line, f"{CBC}CreditedQuantity")
        price = text(line, f"{CAC}Price/{CBC}PriceAmount")
        base = text(line, f"{CAC}Price/{CBC}BaseQuantity") or "1"
        category = line.find(f"{CAC}Item/{CAC}ClassifiedTaxCategory")
        discount = charged = 0
        for change in line.findall(f"{CAC}AllowanceCharge"):
            amount = text(change, f"{CBC}Amount")
            if text(change, f"{CBC}ChargeIndicator") == "true":
                lines.append(as_line(category, amount, "charge"))
                charged += minor(amount)
            else:
                discount += minor(amount)
        net = minor(text(line, f"{CBC}LineExtensionAmount"))
        unit_price = plain(Decimal(price) / Decimal(base))
        lines.append(
            LineDraft(
                "line", plain(Decimal(quantity)), unit_price, *rate(category),
                discount_minor=discount, claimed_net_minor=net - charged,
            )
        )  # fmt: skip
    for change in root.findall(f"{CAC}AllowanceCharge"):
        category, amount = change.find(f"{CAC}TaxCategory"), text(change, f"{CBC}Amount")
        if text(change, f"{CBC}ChargeIndicator") == "true":
            lines.append(as_line(category, amount, "charge"))
        else:
            allowances.append(AllowanceDraft(*rate(category), "", amount_minor=minor(amount)))
    currency = text(root, f"{CBC}DocumentCurrencyCode")
    totals = next(
        total
        for total in root.findall(f"{CAC}TaxTotal")
        if total.find(f"{CAC}TaxSubtotal") is not None
    )
    groups = {
        (
            *rate(group.find(f"{CAC}TaxCategory")),
            minor(text(group, f"{CBC}TaxableAmount")),
            minor(text(group, f"{CBC}TaxAmount")),
        )
        for group in totals.findall(f"{CAC}TaxSubtotal")
    }
    money = root.find(f"{CAC}LegalMonetaryTotal")
    return Published(
        currency, lines, allowances, groups,
        minor(text(money, f"{CBC}TaxExclusiveAmount")),
        minor(text(totals, f"{CBC}TaxAmount")),
        minor(text(money, f"{CBC}TaxInclusiveAmount")),
    )  # fmt: skip


@pytest.mark.skipif(not FILES, reason="BILLING_CORPUS names no folder with ubl/ in it")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_published_invoice_comes_to_what_it_says(path):
    published = read(path)
    if path.name in REFUSED:
        with pytest.raises(Invalid) as refused:
            work_out(published.currency, published.lines, published.allowances)
        assert refused.value.code == REFUSED[path.name]
        return
    totals = work_out(published.currency, published.lines, published.allowances)
    groups = {
        (group.tax_category, group.tax_rate, group.base_minor, group.tax_minor)
        for group in totals.tax_groups
    }
    assert groups == published.groups
    assert (totals.net_minor, totals.tax_minor, totals.gross_minor) == (
        published.net,
        published.tax,
        published.gross,
    )


@pytest.mark.skipif(not FILES, reason="BILLING_CORPUS names no folder with ubl/ in it")
def test_the_corpus_is_large_enough_to_mean_something():
    assert len(FILES) - len(REFUSED) >= 50
