"""Real files: set BILLING_CORPUS to the folder of the sample data (the one with INDEX.md).

Every total that INDEX.md knows of a camt file must come out of the reader, and every file must be
proved, or be quarantined or refused for a reason that is named here.
"""

import gzip
import os
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from payment_svc.domain.bank_file import Balance, Statement
from payment_svc.gateways.camt053 import read_camt053

FOLDER = os.environ.get("BILLING_CORPUS")
pytestmark = pytest.mark.skipif(not FOLDER, reason="BILLING_CORPUS names no sample data")
ROOT = Path(FOLDER or ".")

#: Files that prove nothing, and why. All others of camt.053 must be proved.
QUARANTINED = {
    "camt053.v2.all-balance-types.xml": ["balance"],
    "camt053.v2.five.decimals.xml": ["balance"],
    "camt053.v2.minimal.xml": ["currency"],
    "camt053.v2.with-party-ids.xml": ["currency"],
    "camt053.v4.xml": ["currency"],
    "camt053.v8.xml": ["currency"],
    "camt053_sample.xml": ["opening-missing", "closing-missing"],
}
#: Files that are refused whole.
REFUSED = {"camt053.v2.wrong.xml": "statement-missing"}


@dataclass(frozen=True)
class Listed:
    """One row of the index: a file, or a folder of files."""

    path: str
    totals: str

    def files(self) -> list[Path]:
        path = ROOT / self.path
        return sorted(path.iterdir()) if path.is_dir() else [path]

    def number(self, pattern: str) -> int:
        found = re.search(pattern, self.totals)
        assert found, (self.path, pattern)
        return int(found.group(1))


def listed() -> list[Listed]:
    text = (ROOT / "INDEX.md").read_text()
    section = text.split("\n## camt\n")[1].split("\n## ")[0]
    rows = [
        line.strip("|").split("|") for line in section.splitlines() if line.startswith("| camt")
    ]
    return [Listed(row[0].split(" (")[0].strip(), row[-1].strip()) for row in rows]


def plain(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def shown(balance: Balance | None) -> str:
    return "-" if balance is None else f"{balance.money.amount:,.2f} {balance.money.currency}"


def net(statement: Statement) -> Decimal:
    signs = {"credit": 1, "debit": -1}
    return sum((e.money.amount * signs[e.direction] for e in statement.entries), Decimal(0))


def told(statement: Statement) -> str:
    """A statement in the words of the index."""
    return (
        f"open {shown(statement.opening())}; booked net {net(statement):,.2f}; "
        f"close {shown(statement.closing())}"
    )


def rows(message: str) -> list[Listed]:
    if not FOLDER:
        return []
    return [row for row in listed() if message in row.path]


@pytest.mark.parametrize("row", rows("053") + rows("subite-be"), ids=lambda row: row.path)
def test_every_known_total_of_a_statement_file_agrees(row: Listed) -> None:
    files = [file for file in row.files() if file.name not in REFUSED]
    read = [read_camt053(plain(file)) for file in files]
    statements = [statement for file in read for statement in file.statements]
    entries = [entry for statement in statements for entry in statement.entries]
    details = [detail for entry in entries for detail in entry.details]
    if len(row.files()) == 1:
        assert len(statements) == row.number(r"statements: (\d+)")
        assert len(entries) == row.number(r"entries: (\d+)")
        assert len(details) == row.number(r"tx details: (\d+)")
        told_by_index = re.findall(r"stmt\d+: (open .*?; close [^;]*)", row.totals)
        assert [told(statement) for statement in statements] == told_by_index
    else:
        assert len(statements) == row.number(r"(\d+) statements")
        assert len(entries) == row.number(r"(\d+) entries")
        assert len(details) == row.number(r"(\d+) transaction details")
        first, last = re.findall(r"(open [\d,.]+ EUR; .*?; close [\d,.]+ EUR)", row.totals)
        assert told(read[0].statements[0]) == first
        assert last in [told(statement) for statement in read[-1].statements]


@pytest.mark.parametrize("row", rows("053") + rows("subite-be"), ids=lambda row: row.path)
async def test_every_statement_file_is_proved_or_its_reason_is_named(
    bank: Any, row: Listed
) -> None:
    for file in row.files():
        response = await _upload(bank, file)
        if file.name in REFUSED:
            assert response.json()["code"] == REFUSED[file.name], file.name
            continue
        assert response.status_code == 201, response.text
        statements = response.json()["statements"]
        problems = [[p["code"] for p in statement["problems"]] for statement in statements]
        if file.name in QUARANTINED:
            assert problems == [QUARANTINED[file.name]], file.name
            assert {statement["state"] for statement in statements} == {"quarantined"}
        else:
            assert {statement["state"] for statement in statements} == {"proved"}, problems
            assert {statement["gap_after"] for statement in statements} == {None}, file.name
    await _assert_bank_total_is_table_total(bank)


@pytest.mark.parametrize("row", rows("052") + rows("054"), ids=lambda row: row.path)
async def test_reports_and_notifications_are_refused(bank: Any, row: Listed) -> None:
    for file in row.files():
        response = await bank.upload(plain(file))
        assert (response.status_code, response.json()["code"]) == (422, "message-not-supported")
    assert await bank.events("payment-received") == []


async def _upload(bank: Any, file: Path) -> Any:
    data = plain(file)
    if file.name not in REFUSED:
        for statement in read_camt053(data).statements:
            put = await bank.put_account(statement.account)
            assert put.status_code in (200, 428), put.text
    return await bank.upload(data)


async def _assert_bank_total_is_table_total(bank: Any) -> None:
    """What proved statements say came in is what was published, to the cent."""
    [said] = await bank.fetch(
        "select coalesce(sum(credits_minor), 0)::bigint as amount from statement "
        "where state = 'proved'"
    )
    [kept] = await bank.fetch(
        "select coalesce(sum(amount_minor), 0)::bigint as amount from payment"
    )
    events = await bank.events("payment-received")
    published = sum(event["amount_minor"] for event in events)
    assert said["amount"] == kept["amount"] == published
