"""Requests nobody would write, against every route: no 5xx, and every refusal is a problem.

Schemathesis draws them from the OpenAPI documents, valid ones and broken ones; real database.
"""

import asyncio
import importlib
from collections import Counter

import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from billing_shared.errors import CODES
from billing_shared.testing.api import open_api

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NAMES = ["invoice", "payment", "recon", "notify"]
EXAMPLES_PER_ROUTE = 10


@schemathesis.serializer("application/x-ndjson", "application/xml", "text/xml", "application/zip")
def raw(_, value):
    """Bodies that are no JSON document: a line, or bytes."""
    return value if isinstance(value, bytes) else orjson.dumps(value, default=str)


def problem_of(response) -> str | None:
    """What is wrong with an answer, or None."""
    if response.status_code >= 500:
        return f"{response.status_code}: {response.text[:500]}"
    if response.status_code >= 400:
        if response.headers["content-type"] != "application/problem+json":
            return "a refusal that is no problem document"
        if response.json()["code"] not in CODES:
            return f"unknown code {response.json()['code']}"
    return None


@pytest.mark.parametrize("name", NAMES)
async def test_no_request_breaks_a_service(service_database, name, monkeypatch):
    monkeypatch.setenv("BILLING_PROFILE", "test")
    service = importlib.import_module(f"{name}_svc.main").SERVICE
    database = await service_database(service.name, service.package)
    wrong: list[str] = []
    seen: Counter[int] = Counter()
    async with open_api(service.name, service.all_routers(), database.app_pool) as api:
        schema = schemathesis.openapi.from_dict(api.app.openapi())
        clients = [api.acting(role) for role in ("director", "operator")]
        loop = asyncio.get_running_loop()

        def call(case) -> None:
            for client in clients:
                kwargs = case.as_transport_kwargs(base_url="http://api.test")
                kwargs.pop("cookies", None)
                if isinstance(kwargs.get("data"), bytes | str):
                    kwargs["content"] = kwargs.pop("data")
                # The token is ours; a drawn one would only show that it is refused.
                kwargs["headers"] = [
                    (n.encode(), str(v).encode("latin-1", "replace"))
                    for n, v in kwargs["headers"].items()
                    if n.lower() != "authorization"
                ]
                sent = client.request(**{k: v for k, v in kwargs.items() if v is not None})
                answer = asyncio.run_coroutine_threadsafe(sent, loop).result(60)
                seen[answer.status_code] += 1
                found = problem_of(answer)
                if found:
                    wrong.append(f"{case.method} {case.formatted_path}: {found}")

        for result in schema.get_all_operations():
            operation = result.ok()
            for mode in GenerationMode.POSITIVE, GenerationMode.NEGATIVE:
                await asyncio.to_thread(_draw, operation.as_strategy(generation_mode=mode), call)
    assert wrong == []
    # Drawn requests must get past the doors, or this shows nothing.
    assert sum(count for status, count in seen.items() if status < 300) > 50, seen


def _draw(strategy, call) -> None:
    @settings(
        max_examples=EXAMPLES_PER_ROUTE,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def drawn(case) -> None:
        call(case)

    drawn()
