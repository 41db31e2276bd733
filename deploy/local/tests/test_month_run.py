"""Running the month: what a second run of a folder does, and which month it is."""

from datetime import date
from types import SimpleNamespace

import pytest
from rich.console import Console

from billing_local.month import run
from billing_local.month.run import _month_before, run_month


@pytest.mark.parametrize(
    ("today", "first_on"),
    [
        (date(2026, 11, 24), date(2026, 10, 1)),
        (date(2026, 3, 31), date(2026, 2, 1)),
        (date(2027, 1, 1), date(2026, 12, 1)),
    ],
)
def test_the_month_is_the_one_before_the_first_run(today, first_on):
    assert _month_before(today) == first_on


async def test_a_month_that_is_in_is_not_sent_again(tmp_path):
    (tmp_path / "month").mkdir()
    (tmp_path / "month" / "tables.txt").write_text("the tables of the first run")
    console = Console(record=True, width=100)
    # A stack that answers nothing: no door may be tried.
    stack = SimpleNamespace(home=SimpleNamespace(folder=tmp_path))
    report = await run_month(stack, console)
    assert report.ok
    assert "the tables of the first run" in console.export_text()


async def test_the_tables_of_the_first_run_are_kept(tmp_path, monkeypatch):
    async def nothing(*_):
        return []

    monkeypatch.setattr(run, "make_month", lambda *_: [])
    monkeypatch.setattr(run, "play", nothing)
    stack = SimpleNamespace(home=SimpleNamespace(folder=tmp_path))
    console = Console(record=True, width=100)
    assert (await run_month(stack, console)).ok
    kept = (tmp_path / "month" / "tables.txt").read_text(encoding="utf-8")
    assert "every line agrees with the truth" in kept
    await run_month(stack, console)
    assert kept in console.export_text()
