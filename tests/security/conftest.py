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
async def own_databases(postgres: str) -> AsyncIterator[Databases]:
    """For the session's loop: what `databases` made, other tests drop, each on its own loop."""
    made = Databases(postgres)
    yield made
    await made.drop_all()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world(own_databases: Databases) -> AsyncIterator[World]:
    """The services, and two tenants with rows of every kind a path can name."""
    with pytest.MonkeyPatch.context() as environment:
        # notify-svc reads its settings at the first request.
        environment.setenv("BILLING_PROFILE", "test")
        async with open_world(own_databases) as opened:
            yield opened
