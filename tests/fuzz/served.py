"""A service behind a real port, on a real database, and a token that opens every door."""

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace

from billing_shared.auth import mint
from billing_shared.process import Listener
from billing_shared.testing.api import ISSUER, open_api
from billing_shared.testing.database import ServiceDatabase
from fuzz.seeds import seed

#: Between them, these may do everything there is.
ROLES = ("director", "operator", "integration")


@dataclass(frozen=True)
class Served:
    """Where it listens, where its OpenAPI document is, and a token."""

    url: str
    document: str
    token: str


@asynccontextmanager
async def serve(service: str, database: ServiceDatabase) -> AsyncIterator[Served]:
    """The API of a service (`invoice`, ...) on a free port of this machine."""
    found = importlib.import_module(f"{service}_svc.main").SERVICE
    stop = asyncio.Event()
    async with open_api(found.name, found.all_routers(), database.app_pool) as api:
        token = mint(api.keys.private_key_file, tenant_id=api.tenant_id, roles=ROLES, issuer=ISSUER)
        listener = Listener(api.app, SimpleNamespace(host="127.0.0.1"), 0)
        serving = asyncio.create_task(listener.serve(stop))
        url = f"http://127.0.0.1:{listener.port}"
        try:
            headers = {"Authorization": f"Bearer {token}"}
            async with api.anonymous() as client:
                client.headers.update(headers)
                await seed(service, database, api.tenant_id, client)
            yield Served(url, f"{url}/openapi/{found.name}.json", token)
        finally:
            stop.set()
            await serving
