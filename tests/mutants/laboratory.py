"""Runs tests against a changed copy of the repository, and makes sure that it is the copy they run.

Our packages are installed so that they are imported from the working tree. PYTHONPATH goes before
that; `witness` stops the run when a package of ours came from anywhere else.
"""

import asyncio
import os
import re
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mutants.mutant import Change

REPOSITORY = Path(__file__).resolve().parents[2]
COPIED = ("shared", "services", "deploy", "tests", "conftest.py", "pyproject.toml")
COPY_VARIABLE = "MUTANT_COPY"
#: A test that waits so long for what a mutant never does has noticed it, in seconds; the sources as
#: they are get the time that tests have everywhere.
NOTICED_SECONDS = 30
PATIENT_SECONDS = 120
SUITE_SECONDS = 240.0
#: Exit codes of pytest; any other means that nothing was judged.
PASSED, FAILED, NOT_JUDGED = 0, 1, -1
_FAILED = re.compile(r"^FAILED (\S+?)(?: - (.*))?$", re.MULTILINE)
_TIMEOUT = re.compile(r"Failed: Timeout .*")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a suite said of a copy: pytest's exit code, the first failed test, its message."""

    code: int
    test: str
    message: str
    seconds: float
    output: str


def source_folders(copy: Path) -> list[Path]:
    """Where the packages lie in a copy, in the order of PYTHONPATH."""
    return [
        copy / "shared" / "src",
        *sorted(copy.glob("services/*/src")),
        copy / "deploy" / "local" / "src",
        copy / "tests",
    ]


def make_copy(folder: Path, changes: Sequence[Change]) -> Path:
    """The repository with these changes, in `folder`. ValueError when one cannot be made."""
    for name in COPIED:
        source = REPOSITORY / name
        if source.is_dir():
            # Compiled files go along: they are found valid by the time of the source.
            shutil.copytree(source, folder / name)
        else:
            shutil.copy2(source, folder / name)
    for change in changes:
        file = folder / change.path
        file.write_text(change.applied(file.read_text()))
    return folder


async def judge(
    copy: Path, suite: Sequence[str], servers: Mapping[str, str], *, test_seconds: int
) -> Verdict:
    """Run the suite on a copy until its first failure, which a test that takes longer than
    `test_seconds` is, too. `servers` are variables that name them.
    """
    # What another pytest around us tells its own workers is not for this one.
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    env |= {
        **servers,
        "PYTHONPATH": os.pathsep.join(map(str, source_folders(copy))),
        COPY_VARIABLE: str(copy),
    }
    options = ["-p", "mutants.witness", "-p", "no:cacheprovider", "-p", "no:xdist", "-x", "-m", ""]
    shown = ["--tb=short", "-rf", f"--timeout={test_seconds}"]
    argv = [sys.executable, "-m", "pytest", *options, *shown, *suite]
    began = time.monotonic()
    log = copy / "output.txt"
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *argv, cwd=copy, env=env, stdout=file, stderr=asyncio.subprocess.STDOUT
        )
        try:
            code = await asyncio.wait_for(process.wait(), SUITE_SECONDS)
        except TimeoutError:
            code = NOT_JUDGED
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    return _verdict(code, log.read_text(errors="replace"), time.monotonic() - began)


def _verdict(code: int, output: str, seconds: float) -> Verdict:
    found = _FAILED.search(output)
    test, message = (found[1], found[2] or "") if found else ("", "")
    if timeout := _TIMEOUT.search(output):
        message = timeout[0]
    return Verdict(code, test, message.strip(), seconds, output)
