"""Opening + credits - debits = closing, or the reason why not."""

from datetime import date
from decimal import Decimal

import pytest

from payment_svc.domain.bank_file import Balance, Direction, Entry, Money, Statement
from payment_svc.domain.continuity import Earlier, gap_after
from payment_svc.domain.proof import Totals, prove

TODAY = date(2026, 3, 31)


def an_entry(no: int, amount: str, direction: Direction = "credit", currency: str = "EUR") -> Entry:
    money = Money(Decimal(amount), currency)
    return Entry(no, 10 + no, money, direction, False, date(2026, 3, 5), None, None)


def a_balance(code: str, amount: str, currency: str = "EUR", on: int = 5) -> Balance:
    return Balance(code, Money(Decimal(amount), currency), date(2026, 3, on), 3)


def a_statement(
    *entries: Entry, opening: Balance | None, closing: Balance | None, currency: str | None = "EUR"
) -> Statement:
    balances = tuple(balance for balance in (opening, closing) if balance is not None)
    return Statement(1, 2, "S", "ACC", currency, None, None, balances, entries)


def test_a_statement_that_adds_up_is_proved() -> None:
    statement = a_statement(
        an_entry(1, "10.00"),
        an_entry(2, "0.5", "debit"),
        an_entry(3, "2.500"),
        opening=a_balance("OPBD", "-1.00"),
        closing=a_balance("CLBD", "11"),
    )
    proof = prove(statement, "EUR", TODAY)
    assert proof.is_proved
    assert (proof.opening_minor, proof.closing_minor) == (-100, 1100)
    assert (proof.credits, proof.debits) == (Totals(2, 1250), Totals(1, 50))


def test_the_previous_closing_serves_as_opening() -> None:
    statement = a_statement(opening=a_balance("PRCD", "7"), closing=a_balance("CLBD", "7"))
    assert prove(statement, "EUR", TODAY).is_proved


@pytest.mark.parametrize(
    ("statement", "codes"),
    [
        (a_statement(opening=None, closing=a_balance("CLBD", "1")), ["opening-missing"]),
        (a_statement(opening=a_balance("OPBD", "1"), closing=None), ["closing-missing"]),
        (a_statement(opening=a_balance("OPBD", "1"), closing=a_balance("CLBD", "2")), ["balance"]),
        (
            a_statement(opening=a_balance("OPBD", "1"), closing=a_balance("CLBD", "1", "SEK")),
            ["currency"],
        ),
        (
            a_statement(
                an_entry(1, "1", currency="USD"),
                opening=a_balance("OPBD", "0"),
                closing=a_balance("CLBD", "1"),
            ),
            ["currency"],
        ),
        (
            a_statement(
                an_entry(1, "1.001"),
                opening=a_balance("OPBD", "0"),
                closing=a_balance("CLBD", "1"),
            ),
            ["too-many-decimals"],
        ),
        (
            a_statement(
                an_entry(1, "9999999999999999"),
                opening=a_balance("OPBD", "0"),
                closing=a_balance("CLBD", "0"),
            ),
            ["amount-out-of-range"],
        ),
        (
            a_statement(
                an_entry(1, "9999999999999"),
                an_entry(2, "9999999999999"),
                opening=a_balance("OPBD", "0"),
                closing=a_balance("CLBD", "0"),
            ),
            ["amount-out-of-range"],
        ),
        (
            a_statement(
                opening=a_balance("OPBD", "0"), closing=a_balance("CLBD", "0"), currency="USD"
            ),
            ["currency"],
        ),
    ],
)
def test_what_does_not_add_up_says_why(statement: Statement, codes: list[str]) -> None:
    proof = prove(statement, "EUR", TODAY)
    assert [problem.code for problem in proof.problems] == codes
    assert all(problem.line and problem.field.startswith("Stmt[1]") for problem in proof.problems)


def test_a_currency_without_decimals_has_none() -> None:
    statement = a_statement(
        an_entry(1, "100.5", currency="JPY"),
        opening=a_balance("OPBD", "0", "JPY"),
        closing=a_balance("CLBD", "100", "JPY"),
        currency="JPY",
    )
    [problem] = prove(statement, "JPY", TODAY).problems
    assert (problem.code, problem.line) == ("too-many-decimals", 11)


def day(number: int) -> date:
    return date(2026, 3, number)


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        ([], None),
        ([Earlier(day(1), day(4), 500, 0)], None),
        ([Earlier(day(1), day(4), 499, 0)], day(4)),
        ([Earlier(day(1), day(3), 500, 0), Earlier(day(4), day(4), 1, 500)], day(4)),
        ([Earlier(day(5), day(5), 500, 100)], None),
        ([Earlier(day(5), day(5), 600, 500)], None),
        ([Earlier(day(1), day(9), 900, 500)], None),
        ([Earlier(day(1), day(9), 900, 400)], day(1)),
        ([Earlier(day(5), day(6), 500, 300)], None),
        ([Earlier(day(1), day(2), 500, 0), Earlier(day(3), day(3), 77, 0)], day(3)),
    ],
)
def test_a_gap_shows_where_no_balance_leads_to_the_opening(
    earlier: list[Earlier], expected: date | None
) -> None:
    assert gap_after(day(5), 500, earlier) == expected
