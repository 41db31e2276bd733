"""Each guard taken out once: its tests notice, so they can fail; unchanged, all of them pass."""

import os
import subprocess
import sys

import pytest

from mutants.guards import MUTANTS
from mutants.laboratory import (
    COPY_VARIABLE,
    FAILED,
    NOTICED_SECONDS,
    PASSED,
    PATIENT_SECONDS,
    judge,
    make_copy,
)
from mutants.mutant import Change
from mutants.witness import FOREIGN

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def servers(postgres, broker):
    """The suites share ours: no suite has to start its own."""
    return {"DATABASE_URL": postgres, "KAFKA_BOOTSTRAP_SERVERS": broker}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
async def test_is_noticed(mutant, tmp_path, servers):
    copy = make_copy(tmp_path / "copy", mutant.changes)
    verdict = await judge(copy, mutant.suite, servers, test_seconds=NOTICED_SECONDS)
    assert verdict.code == FAILED, verdict.output
    print(f"{mutant.name}: {verdict.test} in {verdict.seconds:.0f} s: {verdict.message}")


async def test_unchanged_sources_pass(tmp_path, servers):
    suite = tuple(dict.fromkeys(test for mutant in MUTANTS for test in mutant.suite))
    copy = make_copy(tmp_path / "copy", ())
    verdict = await judge(copy, suite, servers, test_seconds=PATIENT_SECONDS)
    assert verdict.code == PASSED, verdict.output


def test_a_run_on_anything_but_the_copy_is_refused(tmp_path):
    """Without PYTHONPATH the installed packages are those of the working tree."""
    copy = make_copy(tmp_path / "copy", ())
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    env |= {COPY_VARIABLE: str(copy), "PYTHONPATH": str(copy / "tests")}
    argv = [sys.executable, "-m", "pytest", "-p", "mutants.witness", "shared/tests/unit"]
    done = subprocess.run(argv, cwd=copy, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == FOREIGN, done.stdout
    assert "not the copy: billing_shared from" in done.stdout + done.stderr


def test_a_change_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="found 2 times"):
        Change("a.py", "x", "y").applied("x + x")
    with pytest.raises(ValueError, match="found 0 times"):
        Change("a.py", "x", "y").applied("z")
