"""Each import contract is broken once, in a copy of the sources, to show it would be noticed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [
    "shared/src",
    "deploy/local/src",
    *(f"services/{n}-svc/src" for n in ("invoice", "payment", "recon", "notify")),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("house")
    for source in SOURCES:
        shutil.copytree(
            ROOT / source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint(folder: Path, contract: str | None = None) -> tuple[int, str]:
    code = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    options = ["--no-cache", *(["--contract", contract] if contract else [])]
    done = subprocess.run(
        [sys.executable, "-c", code, *options],
        check=False,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_house_keeps_its_rules(copy):
    status, said = lint(copy)
    assert status == 0, said


@pytest.mark.parametrize(
    ("contract", "file", "line"),
    [
        ("rooms", "invoice_svc/store/low.py", "import invoice_svc.api"),
        ("rooms", "invoice_svc/api/wide.py", "import invoice_svc.events"),
        ("rooms", "payment_svc/usecases/high.py", "import payment_svc.api"),
        ("rooms", "notify_svc/domain/low.py", "import notify_svc.gateways"),
        ("rooms", "recon_svc/utils.py", "x = 1"),
        ("rooms", "payment_svc/api/wired.py", "import payment_svc.settings"),
        ("services", "invoice_svc/store/nosy.py", "import recon_svc.domain"),
        ("services", "billing_shared/nosy.py", "import notify_svc.domain"),
        ("pure", "recon_svc/domain/waits.py", "import asyncio"),
        ("pure", "payment_svc/domain/reads.py", "from pathlib import Path"),
        ("pure", "invoice_svc/domain/asks.py", "import asyncpg"),
        ("pure", "billing_shared/contracts/sends.py", "import httpx"),
        ("pure", "recon_svc/domain/indirect.py", "import billing_shared.outbox"),
        ("truth", "billing_local/month/peeks.py", "import recon_svc.domain"),
    ],
)
def test_a_broken_rule_is_noticed(copy, contract, file, line):
    culprit = copy / file
    culprit.write_text(line + "\n")
    try:
        status, said = lint(copy, contract)
    finally:
        culprit.unlink()
    assert status == 1
    assert "BROKEN" in said
