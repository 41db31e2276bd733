"""payment-svc as its callers meet it: the application on a real Postgres, and what it published."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest

from billing_shared.clock import SettableClock
from billing_shared.postgres import transaction
from billing_shared.testing.api import Api, open_api
from billing_shared.testing.database import ServiceDatabase
from payment_svc.api import ROUTERS

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)


@dataclass
class Bank:
    """A tenant with one account, who uploads files as a clerk."""

    api: Api
    database: ServiceDatabase
    account: str

    async def put_account(self, account: str, currency: str = "EUR") -> httpx.Response:
        body = {"name": "Main", "currency": currency}
        return await self.api.acting("senior").put(f"/v1/bank-accounts/{account}", json=body)

    async def upload(self, data: bytes, **headers: str) -> httpx.Response:
        clerk = self.api.acting("clerk")
        return await clerk.post(
            "/v1/bank-statements",
            content=data,
            headers={"Content-Type": "application/xml", **headers},
        )

    async def imported(self, data: bytes) -> list[dict[str, Any]]:
        """Upload a file that is taken; its statements."""
        response = await self.upload(data)
        assert response.status_code in (200, 201), response.text
        statements: list[dict[str, Any]] = response.json()["statements"]
        return statements

    async def events(self, type_: str) -> list[dict[str, Any]]:
        """What was published of one type, oldest first."""
        async with transaction(self.database.worker_pool, None) as conn:
            rows = await conn.fetch(
                "select payload from outbox where topic = $1 and tenantid = $2 order by seq",
                type_,
                self.api.tenant_id,
            )
        return [orjson.loads(row["payload"]) for row in rows]

    async def fetch(self, sql: str, *args: Any) -> list[dict[str, Any]]:
        async with transaction(self.database.app_pool, self.api.tenant_id) as conn:
            return [dict(row) for row in await conn.fetch(sql, *args)]


@pytest.fixture
async def database(
    service_database: Callable[[str, str], Awaitable[ServiceDatabase]],
) -> ServiceDatabase:
    return await service_database("payment-svc", "payment_svc")


@pytest.fixture
async def bank(database: ServiceDatabase, camt: Any) -> AsyncIterator[Bank]:
    clock = SettableClock(NOW)
    async with open_api("payment-svc", ROUTERS, database.app_pool, clock) as api:
        bank = Bank(api, database, camt.account)
        assert (await bank.put_account(camt.account)).status_code == 200
        yield bank
