"""What the running system made of the month, held against the truth. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from billing_local.month import truth
from billing_local.month.model import (
    CODES,
    ItemTruth,
    ReceiptTruth,
    ReturnTruth,
    Share,
    TenantMonth,
)


@dataclass(frozen=True, slots=True)
class FoundReceipt:
    """A payment with recon-svc's answer, and the code of its open discrepancy."""

    currency: str
    amount_minor: int
    customer: str | None
    posts: tuple[Share, ...]
    held_minor: int
    reversed_minor: int
    code: str | None
    code_minor: int = 0


@dataclass(frozen=True, slots=True)
class FoundReturn:
    """A reversal: the receipt it took back, or the code of its open discrepancy."""

    currency: str
    amount_minor: int
    receipt: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """One tenant as seen through the public doors. Sums are by currency, in minor units.

    `bank` is what the files and receipts by hand said, `table` the list of payments less reversals,
    `books` account 1010; `receivables` and `held` are the books' accounts for these.
    """

    gross: Mapping[str, int]
    receipts: Mapping[str, FoundReceipt]
    returns: Mapping[str, FoundReturn]
    items: Mapping[tuple[str, str], int]
    bank: Mapping[str, int]
    table: Mapping[str, int]
    books: Mapping[str, int]
    receivables: Mapping[str, int]
    held: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Totals:
    """Money of one currency seen from three sides, and what the truth says of the rest."""

    currency: str
    bank_minor: int
    books_minor: int
    table_minor: int
    receivables_minor: int
    receivables_meant_minor: int
    held_minor: int
    held_meant_minor: int

    @property
    def agree(self) -> bool:
        return (
            self.bank_minor == self.books_minor == self.table_minor
            and self.receivables_minor == self.receivables_meant_minor
            and self.held_minor == self.held_meant_minor
        )


@dataclass(slots=True)
class TenantReport:
    """One tenant's figures. A receipt counts once: posted right or wrong, held, or taken back."""

    name: str
    invoices: int
    receipts: int = 0
    posted_right: int = 0
    posted_wrong: int = 0
    held: int = 0
    taken_back: int = 0
    held_back: int = 0
    expected: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    totals: list[Totals] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Report:
    """The whole month. `ok` is what decides the exit code."""

    tenants: tuple[TenantReport, ...]

    @property
    def faults(self) -> list[str]:
        return [f"{tenant.name}: {fault}" for tenant in self.tenants for fault in tenant.faults]

    @property
    def ok(self) -> bool:
        return not self.faults


def compare(months: Iterable[TenantMonth], found: Sequence[Found]) -> Report:
    """Every disagreement becomes a fault; nothing is excused."""
    return Report(tuple(_tenant(m, f) for m, f in zip(months, found, strict=True)))


def _tenant(month: TenantMonth, found: Found) -> TenantReport:
    report = TenantReport(month.seller.name, len(month.invoices))
    for invoice in month.invoices:
        gross = found.gross.get(invoice.ref)
        if gross != invoice.gross_minor:
            report.faults.append(f"{invoice.ref} comes to {gross}, not {invoice.gross_minor}")
    items = dict(found.items)
    for meant in month.truths:
        if meant.code is not None:
            report.expected[meant.code] += 1
        match meant:
            case ReceiptTruth():
                _receipt(report, meant, found.receipts.get(meant.key))
            case ReturnTruth():
                _return(report, meant, found.returns.get(meant.key))
            case ItemTruth():
                _item(report, meant, items.pop((meant.invoice, meant.code), None))
    for (invoice_ref, code), amount in items.items():
        report.found[code] += 1
        report.faults.append(f"{invoice_ref} has {code} of {amount} and deserves none")
    _strangers(report, month, found)
    _totals(report, month, found)
    return report


def _receipt(report: TenantReport, meant: ReceiptTruth, found: FoundReceipt | None) -> None:
    report.receipts += 1
    where = f"{meant.key} ({meant.case})"
    if found is None:
        report.faults.append(f"{where} is missing")
        return
    posted = {share.invoice: share.amount_minor for share in found.posts}
    right = {share.invoice: share.amount_minor for share in meant.posts}
    if any(amount > right.get(invoice, 0) for invoice, amount in posted.items()):
        report.posted_wrong += 1
        report.faults.append(f"{where} is posted wrong: {posted}, not {right}")
    elif posted != right:
        report.held_back += 1
        report.faults.append(f"{where} is held back ({found.code}): {posted}, not {right}")
    elif posted:
        report.posted_right += 1
    elif meant.reversed_minor == meant.amount_minor:
        report.taken_back += 1
    else:
        report.held += 1
    if (found.currency, found.amount_minor, found.reversed_minor) != (
        meant.currency,
        meant.amount_minor,
        meant.reversed_minor,
    ):
        report.faults.append(f"{where} is another amount: {found}")
    if found.customer is not None and found.customer != meant.customer:
        report.faults.append(f"{where} is laid to {found.customer}, not {meant.customer}")
    _code(report, where, (meant.code, meant.held_minor), (found.code, found.code_minor))


def _return(report: TenantReport, meant: ReturnTruth, found: FoundReturn | None) -> None:
    where = f"{meant.key} ({meant.case})"
    if found is None:
        report.faults.append(f"{where} is missing")
        return
    if (found.currency, found.amount_minor) != (meant.currency, meant.amount_minor):
        report.faults.append(f"{where} is another amount: {found}")
    _code(report, where, (meant.code, 0), (found.code, 0))


def _item(report: TenantReport, meant: ItemTruth, amount: int | None) -> None:
    where = f"{meant.invoice} ({meant.case})"
    found = (None, 0) if amount is None else (meant.code, amount)
    _code(report, where, (meant.code, meant.amount_minor), found)


def _code(
    report: TenantReport, where: str, meant: tuple[str | None, int], found: tuple[str | None, int]
) -> None:
    if found[0] is not None:
        report.found[found[0]] += 1
    if meant == found:
        if found[0] is not None:
            report.right[found[0]] += 1
    else:
        report.faults.append(f"{where} has {_said(found)}, and deserves {_said(meant)}")


def _said(code: tuple[str | None, int]) -> str:
    return "no code" if code[0] is None else f"{code[0]} of {code[1]}"


def _strangers(report: TenantReport, month: TenantMonth, found: Found) -> None:
    known = {r.key for r in month.receipts} | {r.key for r in month.returns}
    for key in [*found.receipts, *found.returns]:
        if key not in known:
            report.faults.append(f"{key} is in the books and was never sent")


def _totals(report: TenantReport, month: TenantMonth, found: Found) -> None:
    meant = truth.receivables(month)
    for currency in sorted(found.bank):
        held = sum(
            t.held_minor
            for t in month.truths
            if isinstance(t, ReceiptTruth) and t.currency == currency
        )
        totals = Totals(
            currency,
            found.bank[currency],
            found.books.get(currency, 0),
            found.table.get(currency, 0),
            found.receivables.get(currency, 0),
            meant[currency],
            found.held.get(currency, 0),
            held,
        )
        report.totals.append(totals)
        if not totals.agree:
            report.faults.append(f"totals do not agree: {totals}")


def code_rows(report: Report) -> list[tuple[str, int, int, int]]:
    """Code, expected, found, found right; over all tenants, in the order of precedence."""

    def over(name: str, code: str) -> int:
        return sum(getattr(tenant, name)[code] for tenant in report.tenants)

    return [
        (code, over("expected", code), over("found", code), over("right", code)) for code in CODES
    ]
