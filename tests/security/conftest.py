"""All four services with two tenants in them, once for all of these tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from billing_shared.testing.database import Databases
from security.world import World, open_world


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test runs on the session's loop, where the pools live."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world(postgres: str) -> AsyncIterator[World]:
    """The services, and two tenants with rows of every kind a path can name."""
    with pytest.MonkeyPatch.context() as environment:
        # notify-svc reads its settings at the first request.
        environment.setenv("BILLING_PROFILE", "test")
        # Its own databases: what the other tests drop after each test, they drop on another loop.
        async with open_world(Databases(postgres)) as opened:
            yield opened
