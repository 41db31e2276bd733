"""What a camt.053 file says of itself, read on our own: the figures payment-svc is held against."""

import gzip
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring

_OPENING = ("OPBD", "PRCD")
_CLOSING = ("CLBD",)


@dataclass(frozen=True, slots=True)
class StatementOutline:
    """One statement: its account, balances, and the sums of its booked entries, in major units."""

    account: str
    currency: str
    opening: Decimal | None
    closing: Decimal | None
    credits: Decimal
    debits: Decimal
    entries: int


@dataclass(frozen=True, slots=True)
class FileOutline:
    """One file: the message it claims to be (`camt.053.001.08`), and its statements."""

    path: Path
    content: bytes
    message: str
    statements: tuple[StatementOutline, ...]


def outline(path: Path) -> FileOutline:
    """Read a file, plain or gzip; a file that is not XML has no message and no statements."""
    content = path.read_bytes()
    plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    try:
        root = fromstring(plain)
    except ValueError:
        # defusedxml refuses entities and the like with a ValueError of its own.
        return FileOutline(path, content, "hostile", ())
    except SyntaxError:
        return FileOutline(path, content, "not XML", ())
    message = root.tag.partition("}")[0].rpartition(":")[2]
    found = [element for element in root.iter() if _name(element) == "Stmt"]
    return FileOutline(path, content, message, tuple(_statement(element) for element in found))


def _statement(statement: Element) -> StatementOutline:
    credits, debits, entries = Decimal(0), Decimal(0), 0
    currencies: list[str] = []
    for entry in _all(statement, "Ntry"):
        amount = _amount(entry, currencies)
        status = _first(entry, "Sts")
        if status is None or "BOOK" in "".join(status.itertext()):
            entries += 1
            credits += max(amount, Decimal(0))
            debits += max(-amount, Decimal(0))
    stated = _text(_first(_first(statement, "Acct"), "Ccy"))
    balance_currencies: list[str] = []
    opening = _balance(statement, _OPENING, balance_currencies)
    closing = _balance(statement, _CLOSING, balance_currencies)
    return StatementOutline(
        account=_account(statement),
        currency=stated or (balance_currencies + currencies + ["EUR"])[0],
        opening=opening,
        closing=closing,
        credits=credits,
        debits=debits,
        entries=entries,
    )


def _account(statement: Element) -> str:
    identity = _first(_first(statement, "Acct"), "Id")
    iban, other = _first(identity, "IBAN"), _first(_first(identity, "Othr"), "Id")
    return "".join((_text(iban) or _text(other)).split())


def _balance(statement: Element, codes: tuple[str, ...], currencies: list[str]) -> Decimal | None:
    for balance in _all(statement, "Bal"):
        code = _text(_first(_first(_first(balance, "Tp"), "CdOrPrtry"), "Cd"))
        if code in codes:
            return _amount(balance, currencies)
    return None


def _amount(element: Element, currencies: list[str]) -> Decimal:
    amount = _first(element, "Amt")
    if amount is None:
        return Decimal(0)
    currencies.append(amount.get("Ccy", "EUR"))
    value = Decimal(_text(amount) or "0")
    return -value if _text(_first(element, "CdtDbtInd")) == "DBIT" else value


def _all(parent: Element | None, name: str) -> list[Element]:
    return [] if parent is None else [child for child in parent if _name(child) == name]


def _first(parent: Element | None, name: str) -> Element | None:
    return next(iter(_all(parent, name)), None)


def _text(element: Element | None) -> str:
    return "" if element is None or element.text is None else element.text.strip()


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
