"""One whole system for all stories: each story has a tenant of its own in it."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from billing_local.stack import Stack
from e2e.company import Company


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every story runs on the session's loop, where the stack lives."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            # A story may wait for rest more than once; one that asks for more of its own has it.
            item.add_marker(pytest.mark.timeout(400))


@pytest.fixture(scope="session")
def stack_folder() -> Iterator[Path]:
    """A folder outside pytest's own: under root, Postgres runs as another, who must get in."""
    folder = Path(tempfile.mkdtemp(prefix="billing-e2e-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(stack_folder: Path) -> AsyncIterator[Stack]:
    """Postgres, broker and all services, in profile test."""
    async with Stack(stack_folder / "home", profile="test") as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def company(stack: Stack, client: httpx.AsyncClient) -> Company:
    """A fresh tenant, set up: a seller in Hamburg with one account in EUR."""
    return await Company.founded(stack, client)
