"""Requests nobody would write, against every operation: no error of ours, nothing undocumented.

Schemathesis draws them from the OpenAPI documents, valid ones and broken ones, one by one and in
chains; real database, real port. `make fuzz EXAMPLES=100 SEED=7` draws more.
"""

import importlib
import os

import pytest

from fuzz.run import fuzz
from fuzz.served import serve

EXAMPLES = int(os.environ.get("EXAMPLES", "1"))
SEED = int(os.environ.get("SEED", "3"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600 + 600 * EXAMPLES)]


@pytest.mark.parametrize("name", ["invoice", "recon", "payment", "notify"])
async def test_a_service_does_what_its_document_says(service_database, name, tmp_path, monkeypatch):
    monkeypatch.setenv("BILLING_PROFILE", "test")
    service = importlib.import_module(f"{name}_svc.main").SERVICE
    database = await service_database(service.name, service.package)
    async with serve(name, database) as served:
        report = await fuzz(served, tmp_path, EXAMPLES, SEED)
    assert report.found["complete"], report.printed
    print(f"{service.name}: {report.totals()}")
    assert report.found["failures"] == [], report.printed
    assert report.found["errors"] == [], report.printed
    assert report.found["operations"]["tested"] == report.found["operations"]["total"]
    # Drawn requests must get past the doors, or this shows nothing.
    assert report.accepted > 100, report.printed
