"""Does a statement add up? Opening + credits - debits = closing, in one currency."""

from dataclasses import dataclass
from datetime import date
from typing import get_args

from billing_shared.contracts.envelope import MAX_MINOR
from billing_shared.errors import BillingError
from billing_shared.money import to_minor
from payment_svc.domain.bank_file import Balance, Direction, Money, Problem, Statement


class Unfit(Exception):
    """An amount that does not fit our account."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.reason)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Totals:
    """How many entries of one direction, and their sum in minor units."""

    count: int
    sum_minor: int


@dataclass(frozen=True, slots=True)
class Proof:
    """What a statement comes to. It is proved when nothing stands in `problems`.

    `amounts` maps the entry numbers that could be read to minor units. A balance that is missing or
    unreadable is None.
    """

    opening_minor: int | None
    closing_minor: int | None
    credits: Totals
    debits: Totals
    amounts: dict[int, int]
    opened_on: date
    closed_on: date
    problems: tuple[Problem, ...]

    @property
    def is_proved(self) -> bool:
        return not self.problems


def prove(statement: Statement, currency: str, today: date) -> Proof:
    """Check a statement against itself and the currency of our account.

    `today` dates a statement that carries no date at all.
    """
    where = f"Stmt[{statement.statement_no}]"
    problems = list(statement.problems)
    if statement.currency not in (None, currency):
        reason = f"the statement is in {statement.currency}, our account in {currency}"
        problems.append(Problem("currency", f"{where}.Acct.Ccy", reason, statement.line))
    opening, closing = (
        _balance(balance, name, statement, currency, problems)
        for name, balance in (("opening", statement.opening()), ("closing", statement.closing()))
    )
    amounts: dict[int, int] = {}
    for entry in statement.entries:
        field = f"{where}.Ntry[{entry.entry_no}].Amt"
        try:
            amounts[entry.entry_no] = minor(entry.money, currency, field, entry.line)
        except Unfit as unfit:
            problems.append(unfit.problem)
    credits, debits = (
        _totals(statement, amounts, direction, problems) for direction in get_args(Direction)
    )
    if opening is not None and closing is not None and not problems:
        expected = opening + credits.sum_minor - debits.sum_minor
        if expected != closing:
            reason = f"opening and entries come to {expected}, closing says {closing} (minor units)"
            problems.append(Problem("balance", f"{where}.Bal", reason, statement.line))
    opened_on, closed_on = period(statement, today)
    return Proof(opening, closing, credits, debits, amounts, opened_on, closed_on, tuple(problems))


def period(statement: Statement, today: date) -> tuple[date, date]:
    """The days of opening and closing balance; else the stated period; else the bookings."""
    booked = [entry.booked_on for entry in statement.entries if entry.booked_on is not None]
    opening, closing = statement.opening(), statement.closing()
    closed_on = (
        (closing.on if closing else None)
        or statement.closed_on
        or max(booked, default=None)
        or (opening.on if opening else None)
        or today
    )
    opened_on = (
        (opening.on if opening else None)
        or statement.opened_on
        or min(booked, default=None)
        or closed_on
    )
    return min(opened_on, closed_on), closed_on


def minor(money: Money, currency: str, field: str, line: int) -> int:
    """Minor units of our account's currency; Unfit with the reason if it cannot be."""
    if money.currency != currency:
        reason = f"is in {money.currency or 'no currency'}, our account in {currency}"
        raise Unfit(Problem("currency", field, reason, line))
    try:
        return to_minor(money.amount, currency, field)
    except BillingError as error:
        raise Unfit(Problem(error.code, field, error.errors[0].reason, line)) from error


def _balance(
    balance: Balance | None, name: str, statement: Statement, currency: str, problems: list[Problem]
) -> int | None:
    where = f"Stmt[{statement.statement_no}].Bal"
    if balance is None:
        reason = f"the statement has no booked {name} balance"
        problems.append(Problem(f"{name}-missing", where, reason, statement.line))
        return None
    try:
        return minor(balance.money, currency, f"{where}[{balance.code}].Amt", balance.line)
    except Unfit as unfit:
        problems.append(unfit.problem)
        return None


def _totals(
    statement: Statement, amounts: dict[int, int], direction: Direction, problems: list[Problem]
) -> Totals:
    found = [
        amounts[entry.entry_no]
        for entry in statement.entries
        if entry.direction == direction and entry.entry_no in amounts
    ]
    total = sum(found)
    if total > MAX_MINOR:
        where = f"Stmt[{statement.statement_no}].Ntry"
        reason = f"the {direction}s come to more than 15 digits"
        problems.append(Problem("amount-out-of-range", where, reason, statement.line))
    return Totals(len(found), min(total, MAX_MINOR))
