"""The service as a caller meets it: its routes over ASGI, a real Postgres behind them."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from billing_shared.clock import SettableClock
from billing_shared.context import Actor, Context
from billing_shared.http import Resources, create_app
from billing_shared.ids import new_id
from billing_shared.postgres import transaction
from billing_shared.roles import ROLE_SCOPES, Principal
from billing_shared.testing.database import ServiceDatabase
from invoice_svc.api import ROUTERS

NOON = datetime(2026, 4, 15, 12, 0, tzinfo=UTC)
SELLER = {
    "name": "Nordwind Consulting GmbH",
    "address": {
        "lines": ["Hafenstr. 12"],
        "postal_code": "20457",
        "city": "Hamburg",
        "country": "DE",
    },
    "tax_ids": ["DE123456789"],
    "time_zone": "Europe/Berlin",
    "base_currency": "EUR",
}
LINE = {
    "description": "Hours",
    "quantity": "2",
    "unit_price": "50.00",
    "tax_category": "S",
    "tax_rate": "19",
}


class SpokenTokens:
    """A token says who it is: `tenant role`. Signatures are tested in shared."""

    async def verify(self, token: str) -> Principal:
        tenant, role = token.split("/")
        return Principal(
            UUID(tenant), Actor("user", role), role, frozenset({role}), ROLE_SCOPES[role]
        )


@dataclass
class Caller:
    """One tenant's client. Paths are those of the API; each POST has a key of its own."""

    http: httpx.AsyncClient
    database: ServiceDatabase
    clock: SettableClock
    tenant_id: UUID = field(default_factory=new_id)
    role: str = "director"

    async def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, **headers: str
    ) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self.tenant_id}/{self.role}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if method == "POST":
            sent["Idempotency-Key"] = key or uuid4().hex
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
        sent.setdefault("Content-Type", "application/json")
        return await self.http.request(method, path, content=content, headers=sent)

    async def get(self, path: str) -> Any:
        answer = await self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any = None, status: int = 201) -> Any:
        answer = await self.call("POST", path, body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def lines(self, path: str, *lines: Any, status: int = 200) -> list[Any]:
        body = b"\n".join(
            one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines
        )
        answer = await self.call("POST", path, body, Content_Type="application/x-ndjson")
        assert answer.status_code == status, answer.text
        return [json.loads(one) for one in answer.text.splitlines()]

    async def set_up(self, **changes: Any) -> "Caller":
        answer = await self.call("PUT", "/v1/seller", SELLER | changes)
        assert answer.status_code == 200, answer.text
        return self

    async def customer(self, **changes: Any) -> Any:
        body = {"name": "Example Trading Ltd", "country": "GB", "terms": {"net_days": 14}}
        return await self.post("/v1/customers", body | changes)

    async def draft(self, customer: Any, **changes: Any) -> Any:
        body = {"customer_id": customer["customer_id"], "currency": "EUR", "lines": [LINE]}
        return await self.post("/v1/invoices", body | changes)

    async def issued(self, customer: Any, **changes: Any) -> Any:
        draft = await self.draft(customer, **changes)
        return await self.post(f"/v1/invoices/{draft['invoice_id']}/issue", {}, 200)

    async def refused(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        answer = await self.call(method, path, body, **headers)
        assert answer.status_code >= 400, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == answer.status_code
        return problem

    def context(self) -> Context:
        return Context(self.tenant_id, Actor("service", "recon-svc"), self.clock.now(), new_id())

    async def rows(self, sql: str, *values: Any) -> list[Any]:
        """As the tenant, through row-level security."""
        async with transaction(self.database.worker_pool, self.tenant_id) as conn:
            return await conn.fetch(sql, *values)

    async def events(self, topic: str) -> list[Any]:
        rows = await self.rows("select payload from outbox where topic = $1 order by seq", topic)
        return [json.loads(row["payload"]) for row in rows]


@pytest.fixture
async def database(
    service_database: Callable[[str, str], Awaitable[ServiceDatabase]],
) -> ServiceDatabase:
    return await service_database("invoice-svc", "invoice_svc")


@pytest.fixture
async def stranger(database: ServiceDatabase) -> AsyncIterator[Callable[..., Caller]]:
    """Makes callers of tenants that have said nothing yet."""
    clock = SettableClock(NOON)
    resources = Resources("invoice-svc", SpokenTokens(), b"0" * 32, clock, database.app_pool)  # type: ignore[arg-type]
    transport = httpx.ASGITransport(create_app(ROUTERS, resources))
    async with httpx.AsyncClient(transport=transport, base_url="http://invoice") as http:
        yield lambda **more: Caller(http, database, clock, **more)


@pytest.fixture
async def caller(stranger: Callable[..., Caller]) -> Caller:
    """A caller of a tenant that is set up."""
    return await stranger().set_up()
