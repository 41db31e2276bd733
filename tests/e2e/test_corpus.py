"""Real files instead of the month: what is good goes in, what is bad is named, the sums agree."""

from datetime import date
from pathlib import Path

import pytest
from rich.console import Console

from billing_local.corpus.run import run_corpus
from billing_local.month.bank import statement
from billing_local.month.model import OwnAccount, Receipt
from billing_local.stack import Stack
from e2e.company import all_holds

HISTORY = """\
countryCode,customerID,PaperlessDate,invoiceNumber,InvoiceDate,DueDate,InvoiceAmount,Disputed,SettledDate
391,A,,611365,1/2/2013,2/1/2013,55.94,No,1/15/2013
391,A,,611366,1/2/2013,2/1/2013,55.94,Yes,1/15/2013
406,B,,611367,1/3/2013,2/2/2013,"1,055.94",No,1/16/2013
406,B,,611368,1/3/2013,2/2/2013,12,No,
406,B,,611365,1/3/2013,2/2/2013,13.00,No,1/20/2013
"""
OWN = OwnAccount("DE89370400440532013000", "EUR", "HAFEDEFFXXX", "02", 0)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A history with two bad lines; a good bank file, one that does not add up, and one cut off."""
    (tmp_path / "history.csv").write_text(HISTORY)
    folder = tmp_path / "camt" / "bank"
    folder.mkdir(parents=True)
    day = date(2026, 3, 2)
    money = Receipt("B1", OWN.account, "EUR", 12_34, day, day, "Somebody", None, None)
    good = statement(OWN, day, [money], owner="Us", opening_minor=0, papers={}).content
    (folder / "1-good.xml").write_bytes(good)
    (folder / "2-off.xml").write_bytes(good.replace(b">12.34<", b">12.43<", 1))
    (folder / "3-cut.xml").write_bytes(good[: len(good) // 2])
    return tmp_path


async def test_a_corpus_goes_in_and_its_bad_parts_are_named(stack: Stack, corpus: Path) -> None:
    console = Console(record=True, width=200)
    assert await run_corpus(stack, corpus, console)
    said = console.export_text()
    assert "line 4: InvoiceAmount" in said
    assert "line 6: invoiceNumber stands on line 2 too" in said
    for outcome in ("proved", "quarantined", "refused"):
        assert outcome in said
    await all_holds(stack)


async def test_an_empty_folder_is_no_corpus(stack: Stack, tmp_path: Path) -> None:
    assert not await run_corpus(stack, tmp_path, Console(quiet=True))
