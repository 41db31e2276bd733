"""A service's API in the test process: the real application, real tokens, no socket.

async with open_api("invoice-svc", routers, database.app_pool) as api:
    clerk = api.acting("clerk")
    response = await clerk.post("/v1/customers", json={...})
"""

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
from fastapi import APIRouter, FastAPI

from billing_shared.auth import KeySet, LocalKeys, Verifier, from_file, make_local_keys, mint
from billing_shared.clock import SettableClock
from billing_shared.http import Resources, create_app
from billing_shared.idempotency import HEADER
from billing_shared.ids import new_id
from billing_shared.postgres import Pool

ISSUER = "https://issuer.test"
CURSOR_SECRET = b"signs the cursors of tests, only"


@dataclass
class Api:
    """The running application and the issuer of its tokens. `tenant_id` is the default tenant."""

    app: FastAPI
    clock: SettableClock
    keys: LocalKeys
    stack: AsyncExitStack
    tenant_id: UUID = field(default_factory=new_id)

    def token(self, role: str, tenant_id: UUID | None = None, client_id: str = "local") -> str:
        """A valid token."""
        return mint(
            self.keys.private_key_file,
            tenant_id=tenant_id or self.tenant_id,
            roles=[role],
            issuer=ISSUER,
            client_id=client_id,
        )

    def acting(
        self, role: str, tenant_id: UUID | None = None, client_id: str = "local"
    ) -> httpx.AsyncClient:
        """A client with a token of this role; a POST gets a fresh Idempotency-Key unless given."""
        client = self.anonymous()
        client.headers["Authorization"] = f"Bearer {self.token(role, tenant_id, client_id)}"
        return client

    def anonymous(self) -> httpx.AsyncClient:
        """A client without a token."""
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="http://api.test",
            event_hooks={"request": [_with_key]},
        )
        self.stack.push_async_callback(client.aclose)
        return client


async def _with_key(request: httpx.Request) -> None:
    if request.method == "POST":
        request.headers.setdefault(HEADER, str(new_id()))


@asynccontextmanager
async def open_api(
    service: str,
    routers: Sequence[APIRouter],
    pool: Pool,
    clock: SettableClock | None = None,
) -> AsyncIterator[Api]:
    """The application of a service on a pool of its database."""
    clock = clock or SettableClock()
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="billing-keys-"))
        keys = make_local_keys(Path(folder))
        verifier = Verifier(KeySet(from_file(keys.jwks_file)), ISSUER)
        resources = Resources(service, verifier, CURSOR_SECRET, clock, pool)
        yield Api(create_app(routers, resources), clock, keys, stack)
