"""The prose keeps its form: decision records, links, README sizes."""

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RECORDS = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
PARTS = [
    "**Context.**",
    "**Decision.**",
    "**Consequences.**",
    "**Alternatives.**",
    "**Enforced by.**",
]
#: A decision record is one page.
RECORD_LINES = 60
SERVICE_README_LINES = 60


def documents() -> list[Path]:
    # Only what is ours: a virtual environment is full of other people's documents.
    skip = {".venv", ".billing", "node_modules", ".git", ".pytest_cache"}
    return [p for p in ROOT.rglob("*.md") if not skip & set(p.relative_to(ROOT).parts)]


def test_records_are_numbered_without_a_gap_and_listed():
    numbers = [int(record.name[:4]) for record in RECORDS]
    assert numbers == list(range(1, len(RECORDS) + 1))
    listed = re.findall(
        r"\]\((\d{4}-[\w-]+\.md)\)", (ROOT / "docs/decisions/README.md").read_text()
    )
    assert listed == [record.name for record in RECORDS]


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.name[:4])
def test_a_record_has_its_parts_in_order_on_one_page(record):
    text = record.read_text()
    places = [text.find(part) for part in PARTS]
    assert -1 not in places
    assert places == sorted(places)
    assert text.count("\n") <= RECORD_LINES


@pytest.mark.parametrize("document", documents(), ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document):
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target and not target.startswith("mailto:"):
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("name", ["invoice", "payment", "recon", "notify"])
def test_a_service_readme_answers_the_five_questions(name):
    text = (ROOT / f"services/{name}-svc/README.md").read_text()
    assert text.count("\n") <= SERVICE_README_LINES
    places = [text.find(answer) for answer in ("Owns", "Emits", "Consumes", "When something is ")]
    assert -1 not in places
    assert places == sorted(places)
    assert f"schema `{name}`" in text.lower()


def test_runbooks_name_metrics_that_exist():
    metrics = (ROOT / "shared/src/billing_shared/metrics.py").read_text()
    for runbook in (ROOT / "docs/runbooks").glob("*.md"):
        for name in re.findall(r"`(billing_[a-z_]+)`", runbook.read_text()):
            assert f'"{name}"' in metrics, f"{runbook.name}: {name}"


def test_runbooks_name_routes_and_options_that_exist():
    paths = json.loads((ROOT / "docs/openapi.json").read_text())["paths"]
    known = {(verb.upper(), path) for path, verbs in paths.items() for verb in verbs}
    service = (ROOT / "shared/src/billing_shared/service.py").read_text()
    for runbook in (ROOT / "docs/runbooks").glob("*.md"):
        for verb, path in re.findall(r"`(GET|POST) (/v1/[^\s`?]+)", runbook.read_text()):
            assert (verb, path.replace("<service>", "recon")) in known, f"{runbook.name}: {path}"
        for option in re.findall(r"main replay (--[a-z-]+)", runbook.read_text()):
            assert f'"{option}"' in service, f"{runbook.name}: {option}"


def test_every_command_of_the_readme_exists():
    said = set(re.findall(r"`make ([a-z]+)", (ROOT / "README.md").read_text()))
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said
    assert said <= set(re.findall(r"make (\w+)", listed.stdout))
