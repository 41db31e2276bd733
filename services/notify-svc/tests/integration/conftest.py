"""notify-svc on a real Postgres, with a receiver and a relay that do as they are told."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest

from billing_shared.consumer import Incoming
from billing_shared.context import Actor, Context
from billing_shared.contracts import Envelope, Event, encode
from billing_shared.contracts.envelope import Terms
from billing_shared.contracts.invoice import (
    Address,
    CustomerUpdated,
    Email,
    InvoiceIssued,
    InvoiceVoided,
    SellerUpdated,
)
from billing_shared.ids import new_id
from billing_shared.postgres import transaction
from billing_shared.testing.api import Api, open_api
from billing_shared.testing.database import ServiceDatabase
from notify_svc.api import deliveries, subscriptions
from notify_svc.api.subscriptions import Trust
from notify_svc.domain.signing import SecretBox
from notify_svc.events import HANDLERS
from notify_svc.events.sender import Sender
from notify_svc.usecases.make_calls import Outside

ENDPOINT = "http://127.0.0.1:9/hook"
ALLOWED = frozenset({"127.0.0.1:9"})
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
TERMS = Terms(net_days=30, early_payment=[])


@dataclass
class World:
    """The service, what it hears, and what it says. `tenant_id` is the tenant unless named."""

    database: ServiceDatabase
    api: Api
    hooks: Any
    relay: Any
    box: SecretBox = field(default_factory=lambda: SecretBox((b"k" * 32,)))
    customer_id: UUID = field(default_factory=new_id)
    _sequence: int = 0

    @property
    def tenant_id(self) -> UUID:
        return self.api.tenant_id

    @property
    def client(self) -> httpx.AsyncClient:
        return self.api.acting("supervisor")

    def sender(self) -> Sender:
        outside = Outside(
            self.hooks.gateway,
            self.relay.gateway,
            "billing@seller.example",
            self.box,
            lambda: datetime.now(UTC),
        )
        return Sender(self.database.worker_pool, self.api.clock, outside)

    def incoming(
        self, event: Event, tenant_id: UUID | None = None, sequence: int | None = None
    ) -> Incoming[Any]:
        self._sequence += 1
        envelope = Envelope(
            id=new_id(),
            type=event.type,
            source=f"/{event.producer}",
            subject=str(event.aggregate_id),
            time=self.api.clock.now(),
            tenant_id=tenant_id or self.tenant_id,
            sequence=sequence or self._sequence,
            correlation_id=new_id(),
        )
        return Incoming(envelope, event, encode(event))

    async def apply(self, *incoming: Incoming[Any]) -> None:
        """Each in a transaction of its own, as the consumer's worker would."""
        for item in incoming:
            tenant_id = item.envelope.tenant_id
            context = Context(
                tenant_id, Actor("service", "notify-svc"), self.api.clock.now(), new_id()
            )
            async with transaction(self.database.worker_pool, tenant_id) as conn:
                await HANDLERS[type(item.event)](conn, context, [item])

    async def hear(self, *events: Event, tenant_id: UUID | None = None) -> None:
        await self.apply(*(self.incoming(event, tenant_id) for event in events))

    async def send(self, sender: Sender | None = None) -> None:
        """Send all that is due now."""
        sender = sender or self.sender()
        while True:
            if not await sender.turn(64) and not sender.is_busy:
                return
            await asyncio.sleep(0.01)

    async def make_due(self) -> None:
        """As if the time of every retry had come."""
        await self.execute("update delivery_due set due_at = now() - interval '1 second'")

    async def let_leases_run_out(self) -> None:
        await self.execute("update delivery_due set leased_until = now() - interval '1 second'")

    async def execute(self, statement: str, *values: Any) -> None:
        async with transaction(self.database.worker_pool, self.tenant_id) as conn:
            await conn.execute(statement, *values)

    async def fetch(self, statement: str, *values: Any) -> list[Any]:
        async with transaction(self.database.worker_pool, self.tenant_id) as conn:
            return await conn.fetch(statement, *values)

    async def subscribe(self, client: httpx.AsyncClient | None = None, **body: Any) -> Any:
        response = await (client or self.client).post(
            "/v1/subscriptions", json={"url": ENDPOINT, **body}
        )
        assert response.status_code == 201, response.text
        return response.json()

    async def deliveries(self, **filters: Any) -> list[Any]:
        response = await self.client.get("/v1/deliveries", params=filters)
        assert response.status_code == 200, response.text
        items: list[Any] = response.json()["items"]
        return items

    async def delivery(self, **filters: Any) -> Any:
        """The one delivery there is, with its attempts."""
        [found] = await self.deliveries(**filters)
        response = await self.client.get(f"/v1/deliveries/{found['delivery_id']}")
        return response.json()

    def received(self) -> list[Any]:
        return [json.loads(body) for _, body in self.hooks.received]

    def seller(self, **changes: Any) -> SellerUpdated:
        seller = SellerUpdated(
            seller_id=self.tenant_id,
            name="Hansen GmbH",
            address=Address(lines=["Kai 7"], postal_code="20457", city="Hamburg", country="DE"),
            country="DE",
            tax_ids=["DE123456789"],
            time_zone="Europe/Berlin",
            base_currency="EUR",
        )
        return msgspec.structs.replace(seller, **changes)

    def customer(self, *addresses: str, **changes: Any) -> CustomerUpdated:
        customer = CustomerUpdated(
            customer_id=self.customer_id,
            status="active",
            name="Ada Ltd",
            aliases=[],
            tax_ids=[],
            country="GB",
            locale="en-GB",
            emails=[Email(role="billing", address=address) for address in addresses],
            bank_accounts=[],
            terms=TERMS,
        )
        return msgspec.structs.replace(customer, **changes)

    def anonymised(self) -> CustomerUpdated:
        return self.customer(status="anonymised", name="")

    def invoice(self, **changes: Any) -> InvoiceIssued:
        invoice = InvoiceIssued(
            invoice_id=new_id(),
            number="2026-000042",
            series="2026",
            document="invoice",
            origin="issued",
            customer_id=self.customer_id,
            currency="EUR",
            issued_on=date(2026, 3, 2),
            due_on=date(2026, 4, 1),
            lines=[],
            allowances=[],
            tax_groups=[],
            net_minor=100_000,
            tax_minor=19_000,
            gross_minor=119_000,
            due_minor=119_000,
            terms=TERMS,
            payment_reference="RF18539007547034",
            content_sha256="0" * 64,
        )
        return msgspec.structs.replace(invoice, **changes)

    def void(self, invoice: InvoiceIssued) -> InvoiceVoided:
        return InvoiceVoided(
            invoice_id=invoice.invoice_id,
            number=invoice.number,
            customer_id=invoice.customer_id,
            voided_on=date(2026, 3, 3),
            reason="wrong address",
        )


@pytest.fixture
async def world(
    service_database: Callable[[str, str], Awaitable[ServiceDatabase]], hooks: Any, relay: Any
) -> AsyncIterator[World]:
    database = await service_database("notify-svc", "notify_svc")
    box = SecretBox((b"k" * 32,))
    routers = [subscriptions.router(lambda: Trust(box, ALLOWED)), deliveries.router]
    async with open_api("notify-svc", routers, database.app_pool) as api:
        api.clock.set(NOW)
        yield World(database, api, hooks, relay, box)
