"""A whole month, another one than `make demo` shows, on the stack of the stories."""

import pytest
from rich.console import Console

from billing_local.month.compare import code_rows, compare
from billing_local.month.generate import make_month
from billing_local.month.run import play
from billing_local.stack import Stack
from e2e.company import all_holds

SEED = 2


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_every_line_of_another_month_agrees_with_its_truth(stack: Stack) -> None:
    months = make_month(SEED, scale=0.3)
    report = compare(months, await play(stack, months, Console(quiet=True)))
    assert report.faults == []
    assert all(expected == found == right >= 10 for _, expected, found, right in code_rows(report))
    await all_holds(stack)
