"""Runs schemathesis against a served API, and reads its report."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fuzz.served import Served

HERE = Path(__file__).parent
#: Where the console script of this Python stands.
PROGRAM = Path(sys.executable).parent / "schemathesis"


@dataclass(frozen=True)
class Report:
    """What schemathesis found: its JSON report, and what it printed."""

    found: dict[str, Any]
    printed: str

    @property
    def accepted(self) -> int:
        """Drawn requests that a service said yes to."""
        rates = self.found["valid_rates"].values()
        return sum(counts["accepted"] for phases in rates for counts in phases.values())

    def totals(self) -> str:
        cases, operations = self.found["test_cases"], self.found["operations"]
        return (
            f"{operations['tested']} operations, {cases['generated']} cases "
            f"({self.accepted} valid ones accepted), {cases['unique_failures']} failures, "
            f"{self.found['running_time']:.0f} s, seed {self.found['seed']}"
        )


async def fuzz(served: Served, folder: Path, examples: int, seed: int) -> Report:
    """Every phase and every check, with this many drawn examples per operation and phase."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        *("--config-file", HERE / "schemathesis.toml", "run", served.document),
        *("--max-examples", str(examples), "--seed", str(seed), "--checks", "all"),
        *("--report", "json", "--report-json-path", folder / "report.json"),
        cwd=HERE,
        env=os.environ | {"FUZZ_URL": served.url, "FUZZ_TOKEN": served.token, "COLUMNS": "100"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    report = folder / "report.json"
    found = json.loads(report.read_text()) if report.exists() else {"complete": False}
    return Report(found, printed.decode())
