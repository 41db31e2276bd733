"""`make mutants`: every mutant against its tests, and a table of which test noticed what.

python -m mutants.table      # from tests/
"""

import asyncio
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from billing_local import backing
from billing_local.ports import claim_ports
from mutants.guards import MUTANTS
from mutants.laboratory import (
    FAILED,
    NOTICED_SECONDS,
    PASSED,
    PATIENT_SECONDS,
    Verdict,
    judge,
    make_copy,
)
from mutants.mutant import Mutant

SHOWN_CHARACTERS = 90


@contextmanager
def servers(folder: Path) -> Iterator[Mapping[str, str]]:
    """A Postgres and a broker for all suites, as the variables that name them."""
    ports = claim_ports(folder / "ports.json", ["postgres", "broker", "controller"])
    postgres = backing.postgres(
        folder / "postgres", ports["postgres"], password=secrets.token_hex(8), is_durable=False
    )
    kafka = (ports["broker"], ports["controller"])
    broker = backing.broker(folder / "broker", kafka, folder / "broker.log")
    postgres.start()
    broker.start()
    try:
        yield {"DATABASE_URL": postgres.dsn(), "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap}
    finally:
        broker.stop()
        postgres.stop()


async def try_all(folder: Path, told: Mapping[str, str]) -> dict[str, Verdict]:
    """The verdict of each mutant by its name; the first is of the sources as they are."""
    whole = tuple(dict.fromkeys(test for mutant in MUTANTS for test in mutant.suite))
    verdicts = {}
    for number, mutant in enumerate((Mutant("(unchanged)", (), whole), *MUTANTS)):
        copy = make_copy(folder / str(number), mutant.changes)
        patience = NOTICED_SECONDS if mutant.changes else PATIENT_SECONDS
        verdicts[mutant.name] = await judge(copy, mutant.suite, told, test_seconds=patience)
        shutil.rmtree(copy)
    return verdicts


def show(verdicts: Mapping[str, Verdict], console: Console) -> None:
    """Print the table."""
    table = Table(title="mutants", title_justify="left", show_lines=True)
    for column in ("mutant", "noticed by", "s", "how it said so"):
        table.add_column(column)
    for name, verdict in verdicts.items():
        noticed = verdict.test.rpartition("/")[2] or ("nobody" if verdict.code == PASSED else "?")
        message = verdict.message[:SHOWN_CHARACTERS]
        table.add_row(name, noticed, f"{verdict.seconds:.0f}", message)
    console.print(table, markup=False)


def main() -> int:
    """0 when every mutant was noticed, and the unchanged sources pass."""
    console = Console(width=180)
    with tempfile.TemporaryDirectory(prefix="billing-mutants-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with servers(folder) as told:
            verdicts = asyncio.run(try_all(folder, told))
    show(verdicts, console)
    unchanged, *mutants = verdicts.values()
    return int(unchanged.code != PASSED or any(v.code != FAILED for v in mutants))


if __name__ == "__main__":
    sys.exit(main())
