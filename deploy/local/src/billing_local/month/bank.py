"""Bank statements as a bank would write them: camt.053, one file per account and business day.

Three dialects (versions 02, 04 and 08). Balances chain: opening + entries = closing = next opening.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, tostring

from billing_local.month.model import (
    Outgoing,
    OwnAccount,
    Paper,
    Receipt,
    Return,
    TenantMonth,
)
from billing_local.month.reckoning import major
from billing_local.month.remittance import lines, spell

Movement = Receipt | Return | Outgoing


@dataclass(frozen=True, slots=True)
class StatementFile:
    """One day of one account; receivables care about its `credits_minor` and `returns_minor`."""

    name: str
    account: str
    currency: str
    day: date
    content: bytes
    credits_minor: int
    returns_minor: int


def statements(month: TenantMonth, papers: Mapping[str, Paper], day: date) -> list[StatementFile]:
    """The files the banks deliver on a day; earlier days are reckoned into the opening balance."""
    files = []
    for own in month.seller.accounts:
        booked = _booked(month, own)
        opening = own.opening_minor + sum(_signed(m) for m in booked if m.booked_on < day)
        today = [m for m in booked if m.booked_on == day]
        made = statement(
            own, day, today, owner=month.seller.name, opening_minor=opening, papers=papers
        )
        files.append(made)
    return files


def statement(
    own: OwnAccount,
    day: date,
    movements: Sequence[Movement],
    *,
    owner: str,
    opening_minor: int,
    papers: Mapping[str, Paper],
) -> StatementFile:
    """One camt.053 file with one statement; movements of one `batch` become one entry."""
    stamp = f"{day.isoformat()}T21:30:00"
    root = Element(
        "Document", xmlns=f"urn:iso:std:iso:20022:tech:xsd:camt.053.001.{own.camt_version}"
    )
    message = SubElement(root, "BkToCstmrStmt")
    header = SubElement(message, "GrpHdr")
    _text(header, "MsgId", f"{own.account[-8:]}{day:%Y%m%d}")
    _text(header, "CreDtTm", stamp)
    body = SubElement(message, "Stmt")
    _text(body, "Id", f"{own.account[-10:]}-{day:%Y%m%d}")
    _text(body, "ElctrncSeqNb", str(day.timetuple().tm_yday))
    _text(body, "CreDtTm", stamp)
    account = SubElement(body, "Acct")
    _text(account, "Id/IBAN", own.account)
    _text(account, "Ccy", own.currency)
    _text(account, "Ownr/Nm", owner)
    closing = opening_minor + sum(_signed(movement) for movement in movements)
    _balance(body, "OPBD", opening_minor, own.currency, day)
    _balance(body, "CLBD", closing, own.currency, day)
    for group in _entries(movements):
        _entry(body, own, group, papers)
    return StatementFile(
        name=f"{own.account}-{day.isoformat()}.xml",
        account=own.account,
        currency=own.currency,
        day=day,
        content=b'<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root),
        credits_minor=sum(m.amount_minor for m in movements if isinstance(m, Receipt)),
        returns_minor=sum(m.amount_minor for m in movements if isinstance(m, Return)),
    )


def _booked(month: TenantMonth, own: OwnAccount) -> list[Movement]:
    movements: list[Movement] = [
        *(r for r in month.receipts if not r.manual),
        *(r for r in month.returns if not r.by_hand),
        *month.outgoings,
    ]
    return [movement for movement in movements if movement.account == own.account]


def _signed(movement: Movement) -> int:
    return movement.amount_minor if isinstance(movement, Receipt) else -movement.amount_minor


def _entries(movements: Iterable[Movement]) -> list[list[Movement]]:
    """Movements in the order of their keys; those of one batch together."""

    def together(movement: Movement) -> str:
        return (isinstance(movement, Receipt) and movement.batch) or movement.key

    ordered = sorted(movements, key=lambda m: (together(m), m.key))
    return [list(group) for _, group in groupby(ordered, key=together)]


def _entry(
    body: Element, own: OwnAccount, group: Sequence[Movement], papers: Mapping[str, Paper]
) -> None:
    first = group[0]
    incoming = isinstance(first, Receipt)
    entry = SubElement(body, "Ntry")
    _amount(entry, sum(movement.amount_minor for movement in group), own.currency)
    _text(entry, "CdtDbtInd", "CRDT" if incoming else "DBIT")
    if isinstance(first, Return):
        _text(entry, "RvslInd", "true")
    _text(entry, "Sts/Cd" if own.camt_version == "08" else "Sts", "BOOK")
    _text(entry, "BookgDt/Dt", first.booked_on.isoformat())
    value_on = first.booked_on if isinstance(first, Outgoing) else first.value_on
    if own.camt_version == "04":
        _text(entry, "ValDt/DtTm", f"{value_on.isoformat()}T09:00:00")
    else:
        _text(entry, "ValDt/Dt", value_on.isoformat())
    if len(group) == 1:
        _text(entry, "AcctSvcrRef", first.key)
    code = SubElement(SubElement(entry, "BkTxCd"), "Domn")
    _text(code, "Cd", "PMNT")
    _text(code, "Fmly/Cd", "RCDT" if incoming else "ICDT")
    _text(code, "Fmly/SubFmlyCd", "ESCT")
    details = SubElement(entry, "NtryDtls")
    if len(group) > 1:
        _text(details, "Btch/NbOfTxs", str(len(group)))
    for movement in group:
        _details(SubElement(details, "TxDtls"), own, movement, papers)


def _details(
    element: Element, own: OwnAccount, movement: Movement, papers: Mapping[str, Paper]
) -> None:
    refs = SubElement(element, "Refs")
    _text(refs, "AcctSvcrRef", movement.key)
    end_to_end = None if isinstance(movement, Outgoing) else movement.end_to_end
    _text(refs, "EndToEndId", end_to_end or "NOTPROVIDED")
    if own.camt_version == "02":
        _amount(
            SubElement(SubElement(element, "AmtDtls"), "TxAmt"), movement.amount_minor, own.currency
        )
    else:
        _amount(element, movement.amount_minor, own.currency)
        _text(element, "CdtDbtInd", "CRDT" if isinstance(movement, Receipt) else "DBIT")
    match movement:
        case Receipt():
            _payer(element, own, movement)
            _remittance(element, movement, papers)
        case Return():
            _text(element, "RtrInf/Rsn/Cd", movement.reason_code)
        case Outgoing():
            _text(element, "RmtInf/Ustrd", movement.text)


def _payer(element: Element, own: OwnAccount, receipt: Receipt) -> None:
    parties = SubElement(element, "RltdPties")
    person = "Dbtr/Pty/Nm" if own.camt_version == "08" else "Dbtr/Nm"
    _text(parties, person, receipt.payer_name)
    if receipt.payer_account:
        _text(parties, "DbtrAcct/Id/IBAN", receipt.payer_account)


def _remittance(element: Element, receipt: Receipt, papers: Mapping[str, Paper]) -> None:
    texts = lines(receipt.remittance, papers)
    if not texts and receipt.creditor_reference is None:
        return
    information = SubElement(element, "RmtInf")
    for text in texts:
        SubElement(information, "Ustrd").text = text
    if receipt.creditor_reference is not None:
        reference = SubElement(SubElement(information, "Strd"), "CdtrRefInf")
        _text(reference, "Tp/CdOrPrtry/Cd", "SCOR")
        _text(reference, "Ref", spell(receipt.creditor_reference, papers))


def _balance(body: Element, kind: str, amount_minor: int, currency: str, day: date) -> None:
    balance = SubElement(body, "Bal")
    _text(balance, "Tp/CdOrPrtry/Cd", kind)
    _amount(balance, abs(amount_minor), currency)
    _text(balance, "CdtDbtInd", "CRDT" if amount_minor >= 0 else "DBIT")
    _text(balance, "Dt/Dt", day.isoformat())


def _amount(parent: Element, amount_minor: int, currency: str) -> None:
    SubElement(parent, "Amt", Ccy=currency).text = major(amount_minor, currency)


def _text(parent: Element, path: str, value: str) -> None:
    """Put `value` at a path of names; a parent that is already the last child is used again."""
    *above, last = path.split("/")
    for name in above:
        parent = parent[-1] if len(parent) and parent[-1].tag == name else SubElement(parent, name)
    SubElement(parent, last).text = value
