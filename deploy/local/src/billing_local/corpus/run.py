"""Real files on a running system: each history and bank file of a folder, and what came of it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import httpx
from rich.console import Console

from billing_local.corpus.history import History, OtherLayoutError, read_history
from billing_local.corpus.import_statements import (
    FileResult,
    FolderResult,
    declare_accounts,
    import_file,
    look_at_folder,
)
from billing_local.corpus.outline import FileOutline, outline
from billing_local.corpus.report import (
    file_sums,
    file_table,
    folder_table,
    history_table,
    show_refused,
)
from billing_local.corpus.settle_history import HistoryDrive, HistoryResult
from billing_local.doors import Doors
from billing_local.stack import Stack

#: How long a tenant's money may take to find its way, in seconds.
REST_SECONDS = 120.0
LOOK_EVERY_SECONDS = 1.0


async def run_corpus(stack: Stack, directory: Path, console: Console) -> bool:
    """Run every `*.csv` history and every camt file under `directory`; print, and say if all holds.

    Held: every line taken over or refused with its reason, every settled invoice paid and every
    cent accounted for; and of every bank file the figures it states of itself.
    """
    async with httpx.AsyncClient() as client:

        def doors(name: str) -> Doors:
            # One tenant per history and one per folder of bank files: the same each time.
            tenant_id = uuid5(NAMESPACE_URL, f"corpus {directory.resolve()} {name}")
            return Doors(client, stack.urls, stack.headers(tenant_id, "integration"))

        histories = _histories(directory, console)
        with console.status("histories"):
            results = await asyncio.gather(
                *(_run_history(h, doors(h.path.name)) for h in histories)
            )
        root = directory / "camt" if (directory / "camt").is_dir() else directory
        files = sorted(f for f in root.rglob("*.xml*") if f.is_file())
        with console.status("bank files"):
            taken, folders = await _run_files(root, files, doors)
    if not histories and not files:
        console.print(f"[red]{directory} holds neither a history (*.csv) nor bank files (*.xml)[/]")
        return False
    show_refused(results, console)
    console.print(history_table(results))
    console.print(file_table(taken))
    console.print(file_sums(taken))
    console.print(folder_table(folders))
    is_right = (
        all(history.ok for history in results)
        and all(folder.ok for folder in folders)
        and not any(file.disagreements for file in taken)
    )
    color, word = ("green", "every figure agrees") if is_right else ("red", "figures disagree")
    console.print(f"Corpus {directory}: [{color}]{word}[/{color}]")
    return is_right


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
    await drive.send()
    result.imported = len(drive.taken)
    result.refused += len(drive.refused)
    result.refusals = (*map(str, history.refused), *drive.refused)
    settled = [i for i in drive.taken if i.settled_on is not None]
    result.paid = len(settled)
    result.bank_minor = sum(i.amount_minor for i in settled)
    result.due_meant_minor = sum(i.amount_minor for i in drive.taken) - result.bank_minor
    await _rest(partial(_look, doors, result))
    return result


async def _look(doors: Doors, result: HistoryResult) -> bool:
    """Fill in what the system shows; True once all money has found its way."""
    invoices = {i["invoice_id"]: i for i in await doors.every("/v1/invoices")}
    payments = await doors.every("/v1/payments")
    verdicts: Counter[str] = Counter()
    for payment in payments:
        parts = (payment["allocation"] or {"allocations": []})["allocations"]
        # The key names the invoice that was settled.
        [bank] = [r["value"] for r in payment["references"] if r["kind"] == "bank"]
        meant = bank.removeprefix("H")
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
) -> tuple[list[FileResult], list[FolderResult]]:
    """One tenant per folder: the files of one bank belong together."""
    by_folder: dict[Path, list[FileOutline]] = {}
    for path in files:
        by_folder.setdefault(path.parent, []).append(outline(path))
    taken: list[FileResult] = []
    folders: list[FolderResult] = []
    for folder, outlines in by_folder.items():
        result = FolderResult(str(folder.relative_to(root)))
        office = doors(result.name)
        await declare_accounts(office, outlines)
        for found in outlines:
            name = str(found.path.relative_to(root))
            taken.append(await import_file(office, name, found))
        await _rest(partial(look_at_folder, office, result))
        folders.append(result)
    return taken, folders
