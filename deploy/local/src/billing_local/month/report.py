"""The tables at the end of a run."""

from rich.console import Console
from rich.table import Table

from billing_local.month.compare import Report, code_rows
from billing_local.month.reckoning import major

#: Faults printed in full; the rest is counted.
MAX_FAULTS = 25


def show(report: Report, console: Console) -> None:
    """Print what was posted, held and found, and every disagreement with the truth."""
    console.print(_payments(report))
    console.print(_codes(report))
    console.print(_money(report))
    for fault in report.faults[:MAX_FAULTS]:
        console.print(f"[red]✗[/red] {fault}", highlight=False)
    if len(report.faults) > MAX_FAULTS:
        console.print(f"[red]… and {len(report.faults) - MAX_FAULTS} more[/red]")
    verdict = (
        "[green]every line agrees with the truth[/green]" if report.ok else "[red]failed[/red]"
    )
    console.print(f"Sample month: {verdict}")


def _payments(report: Report) -> Table:
    columns = ("Tenant", "Invoices", "Payments", "Posted right", "Posted wrong", "Held")
    table = _table("Payments", *columns, "Taken back")
    for tenant in report.tenants:
        figures = (tenant.invoices, tenant.receipts, tenant.posted_right, tenant.posted_wrong)
        held = tenant.held + tenant.held_back
        table.add_row(tenant.name, *(f"{n:,}" for n in (*figures, held, tenant.taken_back)))
    return table


def _codes(report: Report) -> Table:
    table = _table("Discrepancies", "Code", "Expected", "Found", "Right")
    for code, expected, found, right in code_rows(report):
        color = "green" if expected == found == right else "red"
        table.add_row(code, str(expected), str(found), f"[{color}]{right}[/{color}]")
    return table


def _money(report: Report) -> Table:
    columns = ("Bank", "Books", "Table", "Receivables", "Held")
    table = _table("Money, to the cent", "Tenant", "", *columns, "")
    for tenant in report.tenants:
        for total in tenant.totals:
            amounts = (
                total.bank_minor,
                total.books_minor,
                total.table_minor,
                total.receivables_minor,
                total.held_minor,
            )
            mark = "[green]agrees[/green]" if total.agree else "[red]differs[/red]"
            figures = (f"{major(amount, total.currency)}" for amount in amounts)
            table.add_row(tenant.name, total.currency, *figures, mark)
    return table


def _table(title: str, first: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table
