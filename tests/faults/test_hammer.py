"""Idempotency-Key under the hammer, and what is refused; the long form has ten times the keys."""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import asyncpg
import httpx
import pytest
import pytest_asyncio

from faults.hammer import EFFECTS, Anvil, Blow, anvil, blows, strike

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]
KEYS = 400


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on() -> AsyncIterator[Anvil]:
    folder = Path(tempfile.mkdtemp(prefix="billing-hammer-"))
    folder.chmod(0o711)
    async with anvil(folder) as running:
        yield running
    shutil.rmtree(folder)


@pytest_asyncio.fixture(loop_scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as client:
        yield client


async def test_each_of_many_keys_has_one_effect_and_one_answer(on: Anvil) -> None:
    seed = int(os.environ.get("SEED") or time.time()) % 100_000
    told = await strike(on, KEYS, seed)
    print(f"seed {seed}: {dict(told.figures)}")
    assert told.wrong == [], f"seed {seed}"
    assert told.figures["keys whose first answer nobody heard"] > 0


async def test_every_route_refuses_what_is_not_one_request_once(
    on: Anvil, client: httpx.AsyncClient
) -> None:
    for path, blow in _one_each(on, "refused").items():
        bare = {n: v for n, v in blow.headers.items() if n != "Idempotency-Key"}
        keyless = await _post(client, replace(blow, headers=bare))
        assert _told(keyless) == (400, "idempotency-key-missing"), path
        first, again = await _post(client, blow), await _post(client, blow)
        assert first.is_success, path
        assert "Idempotent-Replayed" not in first.headers, path
        assert again.headers["Idempotent-Replayed"] == "true", path
        assert (again.status_code, again.content) == (first.status_code, first.content), path
        other = await _post(client, replace(blow, content=blow.content + b" "))
        assert _told(other) == (422, "idempotency-key-reused"), path
        assert (await _post(client, blow)).content == first.content, path


async def test_a_copy_is_told_to_come_back_while_the_first_is_in_flight(
    on: Anvil, client: httpx.AsyncClient
) -> None:
    """The first waits for a lock somebody else holds, longer than its copy may wait for it."""
    blow = _one_each(on, "in flight")["/v1/customers"]
    holder = await asyncpg.connect(on.stack.admin_dsn)
    try:
        async with holder.transaction():
            await holder.execute("lock table invoice.customer in exclusive mode")
            first = asyncio.create_task(_post(client, blow))
            await asyncio.sleep(0.5)
            copy = await _post(client, blow)
            assert _told(copy) == (409, "idempotency-key-in-flight")
            assert int(copy.headers["Retry-After"]) > 0
            assert not first.done()
    finally:
        await holder.close()
    assert (await first).status_code == 201
    again = await _post(client, blow)
    assert (again.content, again.headers["Idempotent-Replayed"]) == ((await first).content, "true")


def _one_each(on: Anvil, name: str) -> Mapping[str, Blow]:
    """A request for each route, under a key of its own."""
    return {
        blow.path: replace(blow, headers={**blow.headers, "Idempotency-Key": f"{name} {blow.path}"})
        for blow in blows(on.company, len(EFFECTS))
    }


async def _post(client: httpx.AsyncClient, blow: Blow) -> httpx.Response:
    return await client.post(blow.url, content=blow.content, headers=blow.headers)


def _told(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]
