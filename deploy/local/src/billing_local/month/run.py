"""The sample month on a running system: sent day by day, waited for, and held against the truth."""

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from billing_local.doors import Doors
from billing_local.month.compare import Found, Report, compare
from billing_local.month.drive import TenantDrive
from billing_local.month.generate import SEED, make_month
from billing_local.month.look import is_at_rest, look
from billing_local.month.model import TenantMonth
from billing_local.month.report import show
from billing_local.month.truth import write_truth
from billing_local.stack import Stack

#: The books have come to rest when two looks this far apart are the same, in seconds.
LOOK_EVERY_SECONDS = 1.0
#: Without any change for this long, the comparison goes ahead and says what is missing, in seconds.
PATIENCE_SECONDS = 60.0
#: Where no bar can be drawn, a line a week shows the progress.
FRIDAY = 4


async def run_month(stack: Stack, console: Console) -> Report:
    """Run the month of this folder, print the tables, and answer the comparison.

    The month is the calendar month before the folder's first run. Once it is in, it is not sent
    again: what people did with it since is theirs.
    """
    folder = stack.home.folder / "month"
    folder.mkdir(exist_ok=True)
    notes, tables = folder / "month.json", folder / "tables.txt"
    if tables.exists():
        console.print(f"The sample month is in already; its tables ({tables}):")
        console.print(tables.read_text(encoding="utf-8"), highlight=False, markup=False)
        return Report(())
    if not notes.exists():
        notes.write_text(json.dumps({"first_on": _month_before(_today()).isoformat()}))
    first_on = date.fromisoformat(json.loads(notes.read_text())["first_on"])
    months = make_month(SEED, first_on)
    write_truth(months, folder / "truth.jsonl")
    report = compare(months, await play(stack, months, console))
    show(report, console)
    if report.ok:
        with tables.open("w", encoding="utf-8") as paper:
            show(report, Console(file=paper, width=120))
    return report


async def play(
    stack: Stack,
    months: Sequence[TenantMonth],
    console: Console,
    transport: httpx.AsyncBaseTransport | None = None,
) -> list[Found]:
    """Send whole months to the system, and answer what it made of them once it is at rest."""
    async with httpx.AsyncClient(transport=transport) as client:
        drives = [
            TenantDrive(
                month,
                Doors(client, stack.urls, stack.headers(month.seller.tenant_id, "integration")),
            )
            for month in months
        ]
        with _progress(console) as progress:
            days = months[0].days
            task = progress.add_task("sample month", total=len(days))
            await asyncio.gather(*(drive.open() for drive in drives))
            for day in days:
                progress.update(task, description=f"{day:%a %d %b}")
                await asyncio.gather(*(drive.play(day) for drive in drives))
                progress.advance(task)
                if not console.is_terminal and day.weekday() == FRIDAY:
                    console.print(f"the week until {day:%d %B} is in")
        with console.status("waiting until the books are at rest"):
            return await _rest(drives)


async def _rest(drives: Sequence[TenantDrive]) -> list[Found]:
    before: list[Found] | None = None
    changed_at = time.monotonic()
    while True:
        found = list(await asyncio.gather(*(look(drive) for drive in drives)))
        if found != before:
            changed_at = time.monotonic()
        elif all(map(is_at_rest, found)) or time.monotonic() - changed_at > PATIENCE_SECONDS:
            return found
        before = found
        await asyncio.sleep(LOOK_EVERY_SECONDS)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def _today() -> date:
    return datetime.now(UTC).date()


def _month_before(day: date) -> date:
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)
