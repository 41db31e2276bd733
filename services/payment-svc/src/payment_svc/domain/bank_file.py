"""A bank's statement as its file tells it: read, not yet believed.

Amounts are decimals in major units, as written; nothing here has been checked against anything.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

Direction = Literal["credit", "debit"]

#: The ids by which a bank names one movement of money.
IdKind = Literal["end-to-end", "instruction", "transaction", "bank", "mandate"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a statement cannot be taken: where (`Stmt[1].Ntry[3].Amt`, the file's line), and why."""

    code: str
    field: str
    reason: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Money:
    """An amount as written, with its currency."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Balance:
    """One balance; `code` is the bank's (OPBD, PRCD, CLBD, ...), an overdraft is negative."""

    code: str
    money: Money
    on: date | None
    line: int


@dataclass(frozen=True, slots=True)
class Party:
    """The other side: name, account (IBAN or local number) and bank (BIC or name)."""

    name: str | None = None
    account: str | None = None
    bank: str | None = None


@dataclass(frozen=True, slots=True)
class Detail:
    """One transaction inside an entry. `direction` only where the bank states it."""

    money: Money | None = None
    direction: Direction | None = None
    ids: tuple[tuple[IdKind, str], ...] = ()
    creditor_references: tuple[str, ...] = ()
    remittance_lines: tuple[str, ...] = ()
    debtor: Party = Party()
    creditor: Party = Party()
    instructed: Money | None = None
    rate: Decimal | None = None
    charges: tuple[Money, ...] = ()
    is_return: bool = False
    return_reason: str | None = None
    is_recall: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One booked movement. `entry_no` counts from 1 in its statement."""

    entry_no: int
    line: int
    money: Money
    direction: Direction
    is_reversal: bool
    booked_on: date | None
    value_on: date | None
    bank_ref: str | None
    details: tuple[Detail, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of one account; `problems` are what the reader could not read."""

    statement_no: int
    line: int
    bank_id: str
    account: str
    currency: str | None
    opened_on: date | None
    closed_on: date | None
    balances: tuple[Balance, ...]
    entries: tuple[Entry, ...]
    not_booked: int = 0
    problems: tuple[Problem, ...] = ()

    def opening(self) -> Balance | None:
        """The booked opening balance, else the previous closing one."""
        return self._first("OPBD") or self._first("PRCD")

    def closing(self) -> Balance | None:
        """The booked closing balance."""
        return self._first("CLBD")

    def _first(self, code: str) -> Balance | None:
        return next((balance for balance in self.balances if balance.code == code), None)


@dataclass(frozen=True, slots=True)
class BankFile:
    """A file as received: `version` is the message name, for example `camt.053.001.08`."""

    message_id: str | None
    version: str
    sha256: str
    size: int
    statements: tuple[Statement, ...]
