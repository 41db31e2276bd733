"""The tables at the end of a corpus run."""

from collections import Counter
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from billing_local.corpus.import_statements import FileResult, FolderResult
from billing_local.corpus.settle_history import CURRENCY, HistoryResult
from billing_local.month.reckoning import major

#: Refused lines printed per history; the rest is counted.
MAX_REFUSED_SHOWN = 20


def show_refused(results: Iterable[HistoryResult], console: Console) -> None:
    """The lines that are no invoices, and why."""
    for result in results:
        for refusal in result.refusals[:MAX_REFUSED_SHOWN]:
            console.print(f"{result.name} {refusal}", highlight=False, markup=False)
        if len(result.refusals) > MAX_REFUSED_SHOWN:
            console.print(f"… and {len(result.refusals) - MAX_REFUSED_SHOWN} more refused lines")


def history_table(results: list[HistoryResult]) -> Table:
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


def file_table(results: list[FileResult]) -> Table:
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


def file_sums(results: list[FileResult]) -> Table:
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


def folder_table(results: Iterable[FolderResult]) -> Table:
    """What became of the money in the bank files: without invoices, all of it is held."""
    table = Table(title="Money of the bank files", title_justify="left", title_style="bold")
    table.add_column("Folder")
    for column in ("Payments", "Files", "Books", "Table"):
        table.add_column(column, justify="right")
    table.add_column("Open discrepancies")
    for r in results:
        amounts = (r.files_minor, r.books_minor, r.table_minor)
        codes = ", ".join(f"{code} {count}" for code, count in sorted(r.codes.items()))
        table.add_row(r.name, str(r.payments), *(major(a, "EUR") for a in amounts), codes)
    return table
