"""One entry or balance of a camt message, any version from 2 on, as dataclasses.

Source: ISO 20022 camt.053.001.02 to .14 (ReportEntry, EntryTransaction, CashBalance). The versions
differ in small ways that are read side by side: `Sts` is text or a code, parties stand directly or
in `Pty`, a bank is `BIC` or `BICFI`, charges are one amount or records.
"""

from datetime import date
from decimal import Decimal
from typing import get_args

from billing_shared.errors import Invalid
from billing_shared.money import parse_decimal
from payment_svc.domain.bank_file import Balance, Detail, Direction, Entry, IdKind, Money, Party
from payment_svc.gateways.bank_xml import Element, find, find_all, line_of, text

MAX_TEXT = 500
MAX_REMITTANCE_LINES = 50
#: What banks write where they have no reference.
_NOTHING = frozenset({"NOTPROVIDED", "NOT PROVIDED", "NONREF", "NOREF", "N/A", "-"})
_DIRECTIONS: dict[str, Direction] = {"CRDT": "credit", "DBIT": "debit"}
_TRUE = frozenset({"true", "1"})
_RECALL_REASON = "FOCR"
_RECALL_SUBFAMILY = "RPCR"
_PAYER_ACCOUNTS = ("DbtrAcct/Id/IBAN", "DbtrAcct/Id/Othr/Id", "DbtrAcct/Id/PrtryAcct/Id")
_PAYEE_ACCOUNTS = ("CdtrAcct/Id/IBAN", "CdtrAcct/Id/Othr/Id", "CdtrAcct/Id/PrtryAcct/Id")
_ID_PATHS: dict[IdKind, str] = {
    "end-to-end": "Refs/EndToEndId",
    "instruction": "Refs/InstrId",
    "transaction": "Refs/TxId",
    "bank": "Refs/AcctSvcrRef",
    "mandate": "Refs/MndtId",
}
assert set(_ID_PATHS) == set(get_args(IdKind))


class Unreadable(Exception):
    """A part of the file that does not follow the format: `path` below the element, and why."""

    def __init__(self, path: str, reason: str, line: int | None = None) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason
        self.line = line


def is_booked(entry: Element) -> bool:
    """A statement lists booked entries unless it says otherwise; some banks leave it out."""
    return text(entry, "Sts/Cd", "Sts/Prtry", "Sts") in (None, "BOOK")


def read_entry(element: Element, entry_no: int) -> Entry:
    """An `Ntry`; Unreadable where amount, direction or a date cannot be told."""
    money = _required_money(element)
    if money.amount < 0:
        raise Unreadable("Amt", "an entry's amount is not negative", line_of(element))
    direction = _direction(element)
    if direction is None:
        raise Unreadable("CdtDbtInd", "is missing", line_of(element))
    return Entry(
        entry_no=entry_no,
        line=line_of(element),
        money=money,
        direction=direction,
        is_reversal=text(element, "RvslInd") in _TRUE,
        booked_on=read_date(element, "BookgDt"),
        value_on=read_date(element, "ValDt"),
        bank_ref=_reference(element, "AcctSvcrRef"),
        details=tuple(_read_detail(detail) for detail in find_all(element, "NtryDtls/TxDtls")),
        note=_clip(text(element, "AddtlNtryInf")),
    )


def read_balance(element: Element) -> Balance:
    """A `Bal`; without a direction the amount's own sign counts."""
    money = _required_money(element)
    if _direction(element) == "debit":
        money = Money(-money.amount, money.currency)
    code = text(element, "Tp/CdOrPrtry/Cd", "Tp/CdOrPrtry/Prtry") or ""
    return Balance(code, money, read_date(element, "Dt"), line_of(element))


def read_date(element: Element, path: str) -> date | None:
    """A date, or the day of an instant as the bank wrote it; None where there is none."""
    written = text(element, f"{path}/Dt", f"{path}/DtTm")
    if written is None:
        return None
    return parse_day(written, path, line_of(element))


def parse_day(written: str, path: str, line: int | None) -> date:
    """The day of an ISO date or instant, in the zone it is written in."""
    try:
        return date.fromisoformat(written[:10])
    except ValueError:
        raise Unreadable(path, f"{written[:40]!r} is not a date", line) from None


def _read_detail(element: Element) -> Detail:
    return_code = text(element, "RtrInf/Rsn/Cd", "RtrInf/Rsn/Prtry")
    subfamily = text(element, "BkTxCd/Domn/Fmly/SubFmlyCd")
    return Detail(
        money=_money(element, "Amt", "AmtDtls/TxAmt/Amt"),
        direction=_direction(element),
        ids=tuple(
            (kind, value)
            for kind, path in _ID_PATHS.items()
            if (value := _reference(element, path)) is not None
        ),
        creditor_references=_creditor_references(element),
        remittance_lines=_remittance_lines(element),
        debtor=_party(element, "Dbtr", _PAYER_ACCOUNTS),
        creditor=_party(element, "Cdtr", _PAYEE_ACCOUNTS),
        instructed=_money(element, "AmtDtls/InstdAmt/Amt"),
        rate=_rate(element),
        charges=_charges(element),
        is_return=find(element, "RtrInf") is not None,
        return_reason=return_code,
        is_recall=return_code == _RECALL_REASON or subfamily == _RECALL_SUBFAMILY,
    )


def _creditor_references(element: Element) -> tuple[str, ...]:
    found = [
        text(structured, "CdtrRefInf/Ref", "CdtrRefInf/CdtrRef")
        for structured in find_all(element, "RmtInf/Strd")
    ]
    return tuple(value[:MAX_TEXT] for value in found if value)


def _remittance_lines(element: Element) -> tuple[str, ...]:
    lines = [(line.text or "").strip() for line in find_all(element, "RmtInf/Ustrd")]
    lines += [
        text(structured, "AddtlRmtInf") or "" for structured in find_all(element, "RmtInf/Strd")
    ]
    kept = [line[:MAX_TEXT] for line in lines if line and line.upper() not in _NOTHING]
    return tuple(kept[:MAX_REMITTANCE_LINES])


def _party(element: Element, role: str, accounts: tuple[str, ...]) -> Party:
    parties, agent = find(element, "RltdPties"), find(element, f"RltdAgts/{role}Agt/FinInstnId")
    name = account = bank = None
    if parties is not None:
        name = text(parties, f"{role}/Pty/Nm", f"{role}/Nm")
        account = text(parties, *accounts)
    if agent is not None:
        bank = text(agent, "BICFI", "BIC", "Nm")
    return Party(_clip(name), _clip(account), _clip(bank))


def _rate(element: Element) -> Decimal | None:
    for path in ("InstdAmt", "TxAmt", "CntrValAmt"):
        written = text(element, f"AmtDtls/{path}/CcyXchg/XchgRate")
        if written is not None:
            return _decimal(written, f"AmtDtls/{path}/CcyXchg/XchgRate", line_of(element))
    return None


def _charges(element: Element) -> tuple[Money, ...]:
    total = _money(element, "Chrgs/TtlChrgsAndTaxAmt")
    if total is not None:
        return (total,)
    records = [*find_all(element, "Chrgs/Rcrd"), *find_all(element, "Chrgs")]
    amounts = [_money(record, "Amt") for record in records if _direction(record) in (None, "debit")]
    return tuple(amount for amount in amounts if amount is not None)


def _direction(element: Element) -> Direction | None:
    written = text(element, "CdtDbtInd")
    if written is None:
        return None
    if written not in _DIRECTIONS:
        reason = f"{written[:20]!r} is neither CRDT nor DBIT"
        raise Unreadable("CdtDbtInd", reason, line_of(element))
    return _DIRECTIONS[written]


def _required_money(element: Element) -> Money:
    money = _money(element, "Amt")
    if money is None:
        raise Unreadable("Amt", "is missing", line_of(element))
    return money


def _money(element: Element, *paths: str) -> Money | None:
    for path in paths:
        found = find(element, path)
        if found is not None and found.text and found.text.strip():
            amount = _decimal(found.text.strip(), path, line_of(found))
            return Money(amount, str(found.get("Ccy", "")))
    return None


def _decimal(written: str, path: str, line: int | None) -> Decimal:
    try:
        return parse_decimal(written, path)
    except Invalid as error:
        raise Unreadable(path, error.errors[0].reason, line) from None


def _reference(element: Element, path: str) -> str | None:
    value = _clip(text(element, path))
    return None if value is None or value.upper() in _NOTHING else value


def _clip(value: str | None) -> str | None:
    return value[:MAX_TEXT] if value else None
