"""What `make run`, `make demo`, `make token` and `make stop` call."""

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated
from uuid import UUID, uuid4

import typer
from rich.console import Console
from rich.table import Table

from billing_local.commands import SERVICES, SINKS, first_tenant
from billing_local.embedded_broker import BrokerUnavailable
from billing_local.embedded_postgres import PostgresUnavailable
from billing_local.home import AlreadyRunningError, Home
from billing_local.stack import NotReadyError, Stack

#: How long `stop` waits for the other launcher to end, in seconds.
STOP_WITHIN_SECONDS = 30

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
# Into a file or a pipe, amounts must not be cut to the width of a terminal that is not there.
console = Console(width=None if sys.stdout.isatty() else 130)
Folder = Annotated[Path, typer.Option(help="where the system keeps everything")]
Work = Callable[[Stack], Awaitable[bool]]


@app.command()
def run(
    folder: Folder = Path(".billing"),
    corpus: Annotated[Path | None, typer.Option(help="real files instead of the month")] = None,
    only_up: Annotated[bool, typer.Option(help="start the system, run nothing on it")] = False,
) -> None:
    """Start everything, let the sample month (or the corpus) flow through, and stay up."""

    async def work(stack: Stack) -> bool:
        is_right = True
        if not only_up:
            is_right = await _flow(stack, corpus)
        _show_places(stack)
        console.print("[bold]Ctrl-C stops everything; the next `make run` goes on from here.[/]")
        await asyncio.Event().wait()
        return is_right

    sys.exit(_with_stack(folder, work))


@app.command()
def demo() -> None:
    """The sample month in a fresh folder; 0 if every check holds, else 1."""
    folder = Path(tempfile.mkdtemp(prefix="billing-demo-"))
    # Under root, Postgres runs as somebody else and must find its way in.
    folder.chmod(0o711)
    try:
        status = _with_stack(folder / "home", lambda stack: _flow(stack, None))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(status)


@app.command()
def token(
    folder: Folder = Path(".billing"),
    role: Annotated[str, typer.Option(help="see docs/access.md")] = "director",
    tenant: Annotated[UUID | None, typer.Option(help="whose data")] = None,
) -> None:
    """Print a bearer token of the local issuer."""
    stack = Stack(folder)
    try:
        typer.echo(stack.token(tenant or first_tenant(), role))
    except ValueError as error:
        console.print(f"[red]{error}[/]")
        sys.exit(2)


@app.command()
def env(
    folder: Folder = Path(".billing"),
    role: Annotated[str, typer.Option(help="see docs/access.md")] = "director",
    tenant: Annotated[str, typer.Option(help="whose data; `new` for a tenant of its own")] = "",
) -> None:
    """Print shell lines that set INVOICE, PAYMENT, RECON, NOTIFY, MAIL and AUTH."""
    stack = Stack(folder)
    if not stack.home.ready_file.exists():
        console.print("[red]nothing is ready here: `make run` first[/]")
        sys.exit(1)
    urls: dict[str, str] = json.loads(stack.home.ready_file.read_text())["urls"]
    for name, url in urls.items():
        typer.echo(f"export {name.removesuffix('-svc').upper()}={url}")
    tenant_id = uuid4() if tenant == "new" else UUID(tenant) if tenant else first_tenant()
    typer.echo(f"export AUTH='Authorization: Bearer {stack.token(tenant_id, role)}'")


@app.command()
def stop(folder: Folder = Path(".billing")) -> None:
    """Stop the system that runs in this folder, if one does."""
    home = Home(folder)
    holder = home.holder()
    if holder is None:
        return
    os.kill(holder, signal.SIGTERM)
    deadline = time.monotonic() + STOP_WITHIN_SECONDS
    while home.holder() is not None:
        if time.monotonic() > deadline:
            console.print(f"[red]process {holder} does not stop[/]")
            sys.exit(1)
        time.sleep(0.1)


def _with_stack(folder: Path, work: Work) -> int:
    """Start, work, stop; the exit status."""
    try:
        return asyncio.run(_main(folder, work))
    except AlreadyRunningError as error:
        console.print(f"[red]{error}[/]: its URLs and token are in {folder / 'ready.json'}")
    except (NotReadyError, PostgresUnavailable, BrokerUnavailable, OSError) as error:
        console.print(f"[red]{error}[/]")
    return 1


async def _main(folder: Path, work: Work) -> int:
    started_at = time.monotonic()
    stack = Stack(folder, say=console.print)
    job = asyncio.create_task(_up_and_work(stack, work, started_at))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _interrupt, job)
    try:
        return 0 if await job else 1
    except asyncio.CancelledError:
        return 0
    finally:
        console.print("stopping ...")
        await stack.stop()


def _interrupt(job: asyncio.Task[bool]) -> None:
    if job.cancelling():
        # Asked twice: go at once; the kernel ends the children with us.
        os._exit(130)
    job.cancel()


async def _up_and_work(stack: Stack, work: Work, started_at: float) -> bool:
    console.print(f"starting in {stack.home.folder} ...")
    await stack.start()
    took = f"[green]ready[/] after {time.monotonic() - started_at:.1f} s"
    # One line, whatever the width: others wait for it.
    console.print(f"{took}: {_ready(stack)}", soft_wrap=True)
    return await work(stack)


async def _flow(stack: Stack, corpus: Path | None) -> bool:
    # Here, because the generator is of no use to `token` and `stop`, which ought to be quick.
    from billing_local.corpus.run import run_corpus
    from billing_local.month.run import run_month

    if corpus is not None:
        return await run_corpus(stack, corpus, console)
    return (await run_month(stack, console)).ok


def _ready(stack: Stack) -> str:
    services = "  ".join(f"{name} {stack.urls[name]}" for name in SERVICES)
    return f"{services}  (all in {stack.home.ready_file})"


def _show_places(stack: Stack) -> None:
    table = Table(title="Where things are", title_justify="left", title_style="bold")
    table.add_column("What")
    table.add_column("URL")
    for name in SERVICES:
        table.add_row(name, f"{stack.urls[name]}/openapi/{name}.json")
        table.add_row("", f"{stack.telemetry_urls[name]}/metrics")
    for name in SINKS:
        table.add_row(name, f"{stack.urls[name]}/docs")
    table.add_row("Kafka", stack.bootstrap_servers)
    table.add_row("logs", str(stack.home.log("*")))
    truth = stack.home.folder / "month" / "truth.jsonl"
    if truth.exists():
        table.add_row("what each payment was for", str(truth))
    console.print(table)
    console.print("Token (director; `make token ROLE=clerk` makes others):")
    # On one unbroken line, so that it can be copied.
    console.print(stack.token(first_tenant(), "director"), soft_wrap=True, highlight=False)


if __name__ == "__main__":
    app()
