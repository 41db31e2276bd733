"""A tenant who trades through the doors; what one service publishes, the others hear at once."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx

from billing_shared.context import Actor, Context
from billing_shared.contracts import decode
from billing_shared.contracts.envelope import Envelope
from billing_shared.ids import new_id
from billing_shared.inbox import Incoming
from billing_shared.postgres import transaction
from e2e.invariants import CHECKS, Broken, broken
from security.world import ACCOUNT, World, connected, settle_in

PRODUCERS = ("invoice", "payment", "recon")
LINE = {"description": "x", "quantity": "1", "tax_category": "Z", "tax_rate": "0"}


@dataclass
class Trader:
    """One tenant, its clients by service, and how far each outbox was read."""

    world: World
    clients: dict[str, httpx.AsyncClient]
    customer_id: str = ""
    tenant_id: UUID = field(default_factory=new_id)
    told: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PRODUCERS, 0))

    async def post(self, name: str, path: str, body: Any, status: int = 201) -> Any:
        """The answer to a POST that must get this status."""
        answer = await self.clients[name].post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def refused(self, name: str, path: str, body: Any) -> tuple[int, str]:
        """Status and code of a POST that must be refused."""
        answer = await self.clients[name].post(path, json=body)
        assert not answer.is_success, answer.text
        return answer.status_code, answer.json()["code"]

    async def items(self, path: str, name: str = "recon") -> list[dict[str, Any]]:
        """What a list shows."""
        answer = await self.clients[name].get(path)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    async def draft(self, price: str, **more: Any) -> dict[str, Any]:
        """A draft of one untaxed line."""
        body = self.bill(price, **more)
        return dict(await self.post("invoice", "/v1/invoices", body))

    def bill(self, price: str, **more: Any) -> dict[str, Any]:
        """The body of an invoice of one untaxed line."""
        line = LINE | {"unit_price": price, "quantity": more.pop("quantity", "1")}
        body = {"customer_id": self.customer_id, "currency": "EUR", "lines": [line]}
        return body | more

    async def issued(self, price: str, **more: Any) -> dict[str, Any]:
        """An invoice of one untaxed line, issued."""
        path = f"/v1/invoices/{(await self.draft(price, **more))['invoice_id']}/issue"
        return dict(await self.post("invoice", path, {}, 200))

    def receipt(self, amount_minor: Any, *lines: str, **more: Any) -> dict[str, Any]:
        """The body of a receipt entered by hand."""
        body = {"account": ACCOUNT, "amount_minor": amount_minor, "currency": "EUR"}
        return body | {"booked_on": "2026-03-02", "remittance_lines": lines} | more

    async def paid(self, amount_minor: int, *lines: str, **more: Any) -> str:
        """A receipt entered by hand; its id."""
        body = self.receipt(amount_minor, *lines, **more)
        return str((await self.post("payment", "/v1/payments", body))["payment_id"])

    async def tell_all(self) -> None:
        """Every event goes to those who take it, until nobody has more to say."""
        while any([await self._tell(name) for name in PRODUCERS]):
            pass

    async def _tell(self, producer: str) -> bool:
        async with transaction(self.world[producer].database.worker_pool, None) as conn:
            rows = await conn.fetch(
                "select * from outbox where tenantid = $1 and seq > $2 order by seq",
                self.tenant_id,
                self.told[producer],
            )
        for row in rows:
            self.told[producer] = row["seq"]
            event = decode(row["topic"], row["payload"].encode())
            envelope = Envelope(
                id=row["id"],
                type=event.type,
                source=row["source"],
                subject=row["subject"],
                time=datetime.now(UTC),
                tenant_id=self.tenant_id,
                sequence=row["sequence"],
                correlation_id=row["correlationid"],
            )
            for name in PRODUCERS:
                house = self.world[name]
                if (handler := house.service.handlers.get(type(event))) is not None:
                    context = Context(
                        self.tenant_id, Actor("service", name), envelope.time, new_id()
                    )
                    async with transaction(house.database.worker_pool, self.tenant_id) as conn:
                        incoming = Incoming(envelope, event, row["payload"].encode())
                        await handler(conn, context, [incoming])
        return bool(rows)

    async def broken(self) -> list[Broken]:
        """What does not hold in this tenant's documents and books (DESIGN section 5)."""
        await self.tell_all()
        found: list[Broken] = []
        for schema in ("invoice", "recon"):
            async with connected(self.world[schema].database.admin_dsn) as conn:
                found += await broken(conn, _alone(schema))
        return [
            each for each in found if any(row["tenant_id"] == self.tenant_id for row in each.rows)
        ]


def _alone(schema: str) -> list[str]:
    """The checks that need this schema alone, and no log."""
    others = {"invoice", "payment", "recon", "notify"} - {schema}
    return [
        name
        for name, query in CHECKS.items()
        if ": " not in name
        and f" {schema}." in query
        and not any(f" {other}." in query for other in others)
    ]


async def open_trade(world: World) -> Trader:
    """A new tenant with a seller, a customer and a bank account in EUR."""
    tenant_id = new_id()
    await settle_in(world, tenant_id)
    clients = {name: world[name].client(tenant_id) for name in PRODUCERS}
    trader = Trader(world, clients, tenant_id=tenant_id)
    buyer = {"name": "Buyer", "country": "DE", "bank_accounts": ["GB33BUKB20201555555555"]}
    made = await trader.post("invoice", "/v1/customers", buyer)
    trader.customer_id = made["customer_id"]
    ours = {"name": "Main", "currency": "EUR"}
    answer = await clients["payment"].put(f"/v1/bank-accounts/{ACCOUNT}", json=ours)
    assert answer.status_code == 200, answer.text
    await trader.tell_all()
    return trader


def outcomes(answers: Sequence[httpx.Response]) -> list[tuple[int, str]]:
    """Status of each answer, and the code of each refusal, in order."""
    return sorted(
        (answer.status_code, "" if answer.is_success else answer.json()["code"])
        for answer in answers
    )


async def at_once(*requests: Awaitable[httpx.Response]) -> list[httpx.Response]:
    """All of them together."""
    return list(await asyncio.gather(*requests))
