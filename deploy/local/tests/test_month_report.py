"""The comparison must be able to fail: a perfect answer passes, and each kind of lie is found."""

from collections import Counter
from dataclasses import replace

import pytest
from rich.console import Console

from billing_local.month import truth
from billing_local.month.compare import Found, FoundReceipt, FoundReturn, Report, compare
from billing_local.month.generate import make_month
from billing_local.month.model import (
    ItemTruth,
    ReceiptTruth,
    ReturnTruth,
    Share,
    TenantMonth,
)
from billing_local.month.report import show

MONTHS = make_month(scale=0.3)


def perfect(month: TenantMonth) -> Found:
    receipts = [t for t in month.truths if isinstance(t, ReceiptTruth)]
    held: Counter[str] = Counter()
    for t in receipts:
        held[t.currency] += t.held_minor
    money = truth.money_in(month)
    return Found(
        gross={invoice.ref: invoice.gross_minor for invoice in month.invoices},
        receipts={
            t.key: FoundReceipt(
                t.currency,
                t.amount_minor,
                t.customer,
                t.posts,
                t.held_minor,
                t.reversed_minor,
                t.code,
                t.held_minor,
            )
            for t in receipts
        },
        returns={
            t.key: FoundReturn(t.currency, t.amount_minor, t.receipt, t.code)
            for t in month.truths
            if isinstance(t, ReturnTruth)
        },
        items={
            (t.invoice, t.code): t.amount_minor for t in month.truths if isinstance(t, ItemTruth)
        },
        bank=money,
        table=money,
        books=money,
        receivables=truth.receivables(month),
        held=dict(held),
    )


def report_with(**changes: object) -> Report:
    found = [perfect(month) for month in MONTHS]
    return compare(MONTHS, [replace(found[0], **changes), *found[1:]])


def test_a_perfect_answer_is_fine():
    report = report_with()
    assert report.faults == []
    assert report.ok
    assert sum(tenant.posted_wrong for tenant in report.tenants) == 0


def first_receipt(posted: bool) -> tuple[str, FoundReceipt]:
    receipts = perfect(MONTHS[0]).receipts
    return next((k, r) for k, r in receipts.items() if bool(r.posts) is posted)


def changed(key: str, receipt: FoundReceipt) -> dict[str, FoundReceipt]:
    return {**perfect(MONTHS[0]).receipts, key: receipt}


def test_money_on_another_invoice_is_posted_wrong():
    key, receipt = first_receipt(posted=True)
    other = Share("NOR-B99999", receipt.posts[0].amount_minor)
    report = report_with(receipts=changed(key, replace(receipt, posts=(other,))))
    assert report.tenants[0].posted_wrong == 1
    assert not report.ok


def test_a_guess_that_meant_well_is_posted_wrong():
    held = next(
        t
        for t in MONTHS[0].truths
        if isinstance(t, ReceiptTruth) and t.code == "AMBIGUOUS_MATCH" and t.pays
    )
    receipt = replace(perfect(MONTHS[0]).receipts[held.key], posts=held.pays)
    assert report_with(receipts=changed(held.key, receipt)).tenants[0].posted_wrong == 1


def test_a_clear_payment_that_is_held_is_a_fault():
    key, receipt = first_receipt(posted=True)
    report = report_with(receipts=changed(key, replace(receipt, posts=())))
    assert (report.tenants[0].posted_wrong, report.tenants[0].held_back) == (0, 1)
    assert not report.ok


def test_another_code_is_a_fault():
    key, receipt = first_receipt(posted=False)
    report = report_with(receipts=changed(key, replace(receipt, code="OVER_PAY")))
    assert any("and deserves" in fault for fault in report.faults)


def test_a_wrong_customer_is_a_fault():
    key, receipt = first_receipt(posted=True)
    report = report_with(receipts=changed(key, replace(receipt, customer="K-9999")))
    assert any("is laid to" in fault for fault in report.faults)


def test_a_missing_and_an_invented_payment_are_faults():
    key, _ = first_receipt(posted=True)
    receipts = dict(perfect(MONTHS[0]).receipts)
    receipts["INVENTED"] = receipts.pop(key)
    faults = report_with(receipts=receipts).faults
    assert any("is missing" in fault for fault in faults)
    assert any("was never sent" in fault for fault in faults)


@pytest.mark.parametrize("side", ["bank", "table", "books", "receivables", "held"])
def test_one_cent_off_on_any_side_is_a_fault(side):
    sums = dict(getattr(perfect(MONTHS[0]), side))
    sums["EUR"] += 1
    assert [f for f in report_with(**{side: sums}).faults if "totals do not agree" in f]


def test_an_item_code_nobody_deserves_is_a_fault():
    items = {**perfect(MONTHS[0]).items, ("NOR-B00001", "SHORT_PAY"): 5}
    assert any("deserves none" in fault for fault in report_with(items=items).faults)


def test_an_invoice_that_comes_to_another_sum_is_a_fault():
    gross = dict(perfect(MONTHS[0]).gross)
    gross[MONTHS[0].invoices[0].ref] += 1
    assert any("comes to" in fault for fault in report_with(gross=gross).faults)


def test_the_tables_say_whether_it_agrees():
    console = Console(record=True, width=160, file=None, quiet=False)
    show(report_with(), console)
    assert "every line agrees with the truth" in console.export_text()
