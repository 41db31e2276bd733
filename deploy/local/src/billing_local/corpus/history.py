"""A receivables history in the IBM layout: one settled or open invoice per line.

Source: IBM "late payment histories" sample. Dates are month/day/year, amounts have a point and at
most two decimals, and no currency is stated.
"""

import csv
import gzip
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

COLUMNS = (
    "countryCode", "customerID", "invoiceNumber", "InvoiceDate", "DueDate", "InvoiceAmount",
    "Disputed", "SettledDate",
)  # fmt: skip
_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,2})?")
_DATE = re.compile(r"\d{1,2}/\d{1,2}/\d{4}")


@dataclass(frozen=True, slots=True)
class HistoryInvoice:
    """One invoice; `settled_on` is when all of it was paid, or None."""

    number: str
    customer: str
    issued_on: date
    due_on: date
    amount_minor: int
    is_disputed: bool
    settled_on: date | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that cannot be an invoice, and why. Lines count from 1, the header among them."""

    line: int
    field: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.field} {self.reason}"


@dataclass(frozen=True, slots=True)
class History:
    """A file read: its invoices in the order of the file, and its refused lines."""

    path: Path
    invoices: tuple[HistoryInvoice, ...]
    refused: tuple[Refused, ...]

    @property
    def lines(self) -> int:
        return len(self.invoices) + len(self.refused)


class OtherLayoutError(ValueError):
    """The file has not the columns of this layout."""


class _BadField(ValueError):
    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


def read_history(path: Path) -> History:
    """Read a CSV, plain or gzip. OtherLayoutError when a column of the layout is missing."""
    invoices: list[HistoryInvoice] = []
    refused: list[Refused] = []
    first_line: dict[str, int] = {}
    for line, row in _rows(path):
        try:
            invoice = _invoice(row)
            if invoice.number in first_line:
                raise _BadField("invoiceNumber", f"stands on line {first_line[invoice.number]} too")
        except _BadField as error:
            refused.append(Refused(line, error.field, str(error)))
        else:
            first_line[invoice.number] = line
            invoices.append(invoice)
    return History(path, tuple(invoices), tuple(refused))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str | None]]]:
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig", errors="replace")))
    missing = set(COLUMNS) - set(reader.fieldnames or ())
    if missing:
        raise OtherLayoutError(f"no column {', '.join(sorted(missing))}")
    for row in reader:
        yield reader.line_num, row


def _invoice(row: dict[str, str | None]) -> HistoryInvoice:
    issued_on, due_on = _date(row, "InvoiceDate"), _date(row, "DueDate")
    settled_on = _date(row, "SettledDate") if _text(row, "SettledDate", blank=True) else None
    if due_on < issued_on:
        raise _BadField("DueDate", f"{due_on} is before the invoice of {issued_on}")
    if settled_on is not None and settled_on < issued_on:
        raise _BadField("SettledDate", f"{settled_on} is before the invoice of {issued_on}")
    disputed = _text(row, "Disputed")
    if disputed not in {"Yes", "No"}:
        raise _BadField("Disputed", f"{disputed!r} is neither Yes nor No")
    return HistoryInvoice(
        number=_text(row, "invoiceNumber"),
        customer=_text(row, "customerID"),
        issued_on=issued_on,
        due_on=due_on,
        amount_minor=_amount(row),
        is_disputed=disputed == "Yes",
        settled_on=settled_on,
    )


def _text(row: dict[str, str | None], field: str, *, blank: bool = False) -> str:
    value = (row.get(field) or "").strip()
    if not value and not blank:
        raise _BadField(field, "is blank")
    return value


def _date(row: dict[str, str | None], field: str) -> date:
    text = _text(row, field)
    if not _DATE.fullmatch(text):
        raise _BadField(field, f"{text!r} is not month/day/year")
    try:
        return datetime.strptime(text, "%m/%d/%Y").date()  # noqa: DTZ007  (a legal date has no zone)
    except ValueError as error:
        raise _BadField(field, f"{text!r} is no day of the calendar") from error


def _amount(row: dict[str, str | None]) -> int:
    text = _text(row, "InvoiceAmount")
    if not _AMOUNT.fullmatch(text):
        raise _BadField("InvoiceAmount", f"{text!r} is not an amount with at most two decimals")
    amount_minor = int(Decimal(text).scaleb(2))
    if amount_minor == 0:
        raise _BadField("InvoiceAmount", "is nothing")
    return amount_minor
