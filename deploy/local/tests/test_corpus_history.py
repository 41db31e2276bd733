"""Reading a receivables history: good lines in, every bad one refused by line, field and reason."""

import gzip
import os
from datetime import date
from pathlib import Path

import pytest

from billing_local.corpus.history import OtherLayoutError, read_history

HEADER = (
    "countryCode,customerID,PaperlessDate,invoiceNumber,InvoiceDate,DueDate,InvoiceAmount,"
    "Disputed,SettledDate,PaperlessBill,DaysToSettle,DaysLate"
)
GOOD = "391,0379-NEVHP,4/6/2013,611365,1/2/2013,2/1/2013,55.94,No,1/15/2013,Paper,13,0"


def written(tmp_path: Path, *lines: str, packed: bool = False) -> Path:
    path = tmp_path / "history.csv"
    data = "\r\n".join([HEADER, *lines]).encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_a_good_line_is_an_invoice(tmp_path, packed):
    [invoice] = read_history(written(tmp_path, GOOD, packed=packed)).invoices
    assert (invoice.number, invoice.customer) == ("611365", "0379-NEVHP")
    assert (invoice.issued_on, invoice.due_on) == (date(2013, 1, 2), date(2013, 2, 1))
    assert (invoice.amount_minor, invoice.settled_on) == (5594, date(2013, 1, 15))


def test_an_open_invoice_has_no_settled_date(tmp_path):
    [invoice] = read_history(written(tmp_path, GOOD.replace("1/15/2013", ""))).invoices
    assert invoice.settled_on is None


def test_blank_fields_that_do_not_matter_are_let_through(tmp_path):
    history = read_history(written(tmp_path, GOOD.replace("4/6/2013", "").replace("Paper", "")))
    assert history.refused == ()


@pytest.mark.parametrize(
    ("was", "becomes", "field"),
    [
        ("55.94", "55.945", "InvoiceAmount"),
        ("55.94", '"55,94"', "InvoiceAmount"),
        ("55.94", "-55.94", "InvoiceAmount"),
        ("55.94", "$55.94", "InvoiceAmount"),
        ("55.94", "0.00", "InvoiceAmount"),
        ("55.94", "", "InvoiceAmount"),
        ("1/2/2013", "2013-01-02", "InvoiceDate"),
        ("1/2/2013", "13/2/2013", "InvoiceDate"),
        ("2/1/2013", "1/1/2013", "DueDate"),
        ("1/15/2013", "1/1/2013", "SettledDate"),
        ("0379-NEVHP", "", "customerID"),
        ("611365", " ", "invoiceNumber"),
        (",No,", ",Maybe,", "Disputed"),
    ],
)
def test_a_bad_field_is_named_with_its_line(tmp_path, was, becomes, field):
    history = read_history(
        written(tmp_path, GOOD.replace("611365", "611366"), GOOD.replace(was, becomes, 1))
    )
    assert len(history.invoices) == 1
    [refused] = history.refused
    assert (refused.line, refused.field) == (3, field)


def test_a_number_that_stands_twice_is_refused_the_second_time(tmp_path):
    history = read_history(written(tmp_path, GOOD, GOOD))
    assert len(history.invoices) == 1
    assert "line 2" in history.refused[0].reason


def test_a_short_line_is_refused(tmp_path):
    assert len(read_history(written(tmp_path, "391,0379-NEVHP")).refused) == 1


def test_another_layout_is_said_to_be_one(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("a,b,c\n1,2,3\n")
    with pytest.raises(OtherLayoutError, match="invoiceNumber"):
        read_history(path)


@pytest.mark.skipif("BILLING_CORPUS" not in os.environ, reason="needs the real sample files")
@pytest.mark.parametrize(
    ("name", "count", "sum_minor"),
    [
        ("ibm-late-payment-histories.dev.csv.gz", 1511, 94_641_74),
        ("ibm-late-payment-dirty-variant.dev.csv.gz", 1584, 99_537_19),
    ],
)
def test_the_real_histories_come_to_their_known_totals(name, count, sum_minor):
    history = read_history(Path(os.environ["BILLING_CORPUS"]) / "ar-datasets" / name)
    assert (len(history.invoices), history.refused) == (count, ())
    assert sum(invoice.amount_minor for invoice in history.invoices) == sum_minor
