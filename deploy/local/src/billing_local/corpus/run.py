"""Real files on a running system: each history and bank file of a folder, and what came of it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5

import httpx
from rich.console import Console
from rich.table import Table

from billing_local.corpus.history import History, OtherLayoutError, read_history
from billing_local.corpus.import_statements import FileResult, declare_accounts, import_file
from billing_local.corpus.outline import FileOutline, outline
from billing_local.corpus.settle_history import CURRENCY, HistoryDrive, HistoryResult
from billing_local.doors import Doors
from billing_local.month.reckoning import major
from billing_local.stack import Stack

#: Refused lines printed per history; the rest is counted.
MAX_REFUSED_SHOWN = 20
REST_SECONDS = 120.0
LOOK_EVERY_SECONDS = 1.0


async def run_corpus(stack: Stack, directory: Path, console: Console) -> bool:
    """Run every `*.csv` history and every camt file under `directory`; print, and say if all holds.

    Held: every line taken over or refused with its reason, every settled invoice paid and every
    cent accounted for; and of every bank file the figures it states of itself.
    """
    async with httpx.AsyncClient() as client:

        def doors(name: str) -> Doors:
            return Doors(client, stack.urls, stack.headers(_tenant(name), "integration"))

        histories = _histories(directory, console)
        with console.status("histories"):
            results = [await _run_history(h, doors(h.path.name)) for h in histories]
        files = sorted(f for f in (directory / "camt").rglob("*.xml*") if f.is_file())
        with console.status("bank files"):
            taken = await _run_files(directory / "camt", files, doors)
    _show_refused(histories, console)
    console.print(_history_table(results))
    console.print(_file_table(taken))
    console.print(_file_sums(taken))
    is_right = all(r.ok for r in results) and not any(f.disagreements for f in taken)
    color, word = ("green", "every figure agrees") if is_right else ("red", "figures disagree")
    console.print(f"Corpus {directory}: [{color}]{word}[/{color}]")
    return is_right


def _tenant(name: str) -> UUID:
    """One tenant per history and one per folder of bank files: the same each time."""
    return uuid5(NAMESPACE_URL, f"corpus {name}")


def _histories(directory: Path, console: Console) -> list[History]:
    found = []
    for path in sorted(directory.rglob("*.csv*")):
        if "ar-datasets" not in path.parts and path.parent != directory:
            continue
        try:
            found.append(read_history(path))
        except OtherLayoutError as error:
            console.print(f"{path.name}: another layout ({error}), left alone", highlight=False)
    return found


async def _run_history(history: History, doors: Doors) -> HistoryResult:
    drive = HistoryDrive(history, doors)
    result = HistoryResult(history.path.name, history.lines, len(history.refused))
    result.imported = await drive.send()
    settled = [i for i in history.invoices if i.settled_on is not None]
    result.paid = len(settled)
    result.bank_minor = sum(i.amount_minor for i in settled)
    result.due_meant_minor = sum(i.amount_minor for i in history.invoices) - result.bank_minor
    await _rest(lambda: _look(doors, result))
    return result


async def _look(doors: Doors, result: HistoryResult) -> bool:
    """Fill in what the system shows; True once all money has found its way."""
    invoices = {i["invoice_id"]: i for i in await doors.every("/v1/invoices")}
    payments = await doors.every("/v1/payments")
    verdicts: Counter[str] = Counter()
    for payment in payments:
        parts = (payment["allocation"] or {"allocations": []})["allocations"]
        # The key names the invoice that was settled.
        meant = payment["references"][0]["value"].removeprefix("H")
        right = [invoices[part["invoice_id"]]["number"] == meant for part in parts]
        verdicts["held" if not parts else "right" if all(right) else "wrong"] += 1
    result.posted_right, result.posted_wrong = verdicts["right"], verdicts["wrong"]
    result.held = verdicts["held"]
    result.table_minor = sum(payment["amount_minor"] for payment in payments)
    balances = await doors.every("/v1/balances")
    result.books_minor = sum(b["balance_minor"] for b in balances if b["account"] == "1010")
    result.due_minor = sum(i["settlement"]["due_minor"] for i in invoices.values())
    return result.ok


async def _rest(look: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(int(REST_SECONDS / LOOK_EVERY_SECONDS)):
        if await look():
            return
        await asyncio.sleep(LOOK_EVERY_SECONDS)


async def _run_files(
    root: Path, files: list[Path], doors: Callable[[str], Doors]
) -> list[FileResult]:
    by_folder: dict[Path, list[FileOutline]] = {}
    for path in files:
        by_folder.setdefault(path.parent, []).append(outline(path))
    results = []
    for folder, outlines in by_folder.items():
        office = doors(str(folder.relative_to(root)))
        await declare_accounts(office, outlines)
        for found in outlines:
            name = str(found.path.relative_to(root))
            results.append(await import_file(office, name, found))
    return results


def _show_refused(histories: list[History], console: Console) -> None:
    for history in histories:
        for refused in history.refused[:MAX_REFUSED_SHOWN]:
            where = f"{history.path.name} line {refused.line}"
            console.print(f"{where}: {refused.field} {refused.reason}", highlight=False)
        if len(history.refused) > MAX_REFUSED_SHOWN:
            console.print(f"… and {len(history.refused) - MAX_REFUSED_SHOWN} more refused lines")


def _history_table(results: list[HistoryResult]) -> Table:
    table = Table(title="Histories", title_justify="left", title_style="bold")
    table.add_column("File")
    columns = ("Lines", "Refused", "Taken over", "Paid", "Posted right", "Posted wrong", "Held")
    for column in (*columns, "Bank", "Books", "Table", "Due", ""):
        table.add_column(column, justify="right")
    for r in results:
        counts = (r.lines, r.refused, r.imported, r.paid, r.posted_right, r.posted_wrong, r.held)
        amounts = (r.bank_minor, r.books_minor, r.table_minor, r.due_minor)
        mark = "[green]agrees[/green]" if r.ok else "[red]differs[/red]"
        figures = (f"{n:,}" for n in counts)
        table.add_row(r.name, *figures, *(major(a, CURRENCY) for a in amounts), mark)
    return table


def _file_table(results: list[FileResult]) -> Table:
    table = Table(title="Bank files", title_justify="left", title_style="bold")
    for column in ("File", "Message", "Outcome"):
        table.add_column(column, overflow="fold")
    for column in ("Statements", "Entries", "Payments", "Reversals"):
        table.add_column(column, justify="right")
    table.add_column("Why", overflow="fold")
    for r in results:
        counts = (r.statements, r.entries, r.payments, r.reversals)
        why = "; ".join((*(f"DIFFERS: {d}" for d in r.disagreements), r.reason)).strip("; ")
        table.add_row(r.name, r.message, r.outcome, *map(str, counts), why)
    return table


def _file_sums(results: list[FileResult]) -> Table:
    table = Table(title="Bank files in sum", title_justify="left", title_style="bold")
    for column in ("Message", "Outcome"):
        table.add_column(column)
    for column in ("Files", "Statements", "Entries", "Payments", "Reversals"):
        table.add_column(column, justify="right")
    sums: dict[tuple[str, str], Counter[str]] = {}
    for r in results:
        one = sums.setdefault((r.message, r.outcome), Counter())
        one.update(
            Files=1,
            Statements=r.statements,
            Entries=r.entries,
            Payments=r.payments,
            Reversals=r.reversals,
        )
    for (message, outcome), one in sorted(sums.items()):
        table.add_row(message, outcome, *(f"{n:,}" for n in one.values()))
    return table
