"""The four services on real databases: Ada with rows in each, and Ben who wants them."""

import importlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from msgspec.structs import replace

from billing_shared.auth import mint
from billing_shared.context import Actor, Context
from billing_shared.contracts import Event, encode
from billing_shared.contracts.examples import example, example_envelope
from billing_shared.contracts.invoice import CustomerUpdated, InvoiceIssued, SellerUpdated
from billing_shared.contracts.payment import PaymentReceived
from billing_shared.ids import new_id
from billing_shared.inbox import Incoming
from billing_shared.postgres import transaction
from billing_shared.testing.api import ISSUER, Api, open_api
from billing_shared.testing.database import Databases, ServiceDatabase
from security.bank_file import bank_file
from security.walk import Route, routes

NAMES = ("invoice", "payment", "recon", "notify")
#: Between them, these may do everything there is.
ROLES = ("director", "operator", "integration")
ACCOUNT = "DE89370400440532013000"


@dataclass
class House:
    """One service. `ids` holds, for Ada, a value for every path parameter of the service."""

    name: str
    service: Any
    database: ServiceDatabase
    api: Api
    ids: dict[str, str] = field(default_factory=dict)

    def client(
        self, tenant_id: UUID, roles: Sequence[str] = ROLES, **more: Any
    ) -> httpx.AsyncClient:
        """A client with a token of these roles; a POST gets an Idempotency-Key of its own."""
        client = self.api.anonymous()
        token = mint(
            self.api.keys.private_key_file, tenant_id=tenant_id, roles=roles, issuer=ISSUER, **more
        )
        client.headers["Authorization"] = f"Bearer {token}"
        return client

    def routes(self) -> list[Route]:
        """Every operation of its document."""
        return list(routes(self.api.app.openapi()))

    async def hear(self, tenant_id: UUID, *events: Event) -> None:
        """As the consumer would: each event in a transaction of the tenant."""
        for event in events:
            now = self.api.clock.now()
            envelope = replace(example_envelope(event), id=new_id(), tenant_id=tenant_id, time=now)
            context = Context(tenant_id, Actor("service", self.service.name), now, new_id())
            async with transaction(self.database.worker_pool, tenant_id) as conn:
                handler = self.service.handlers[type(event)]
                await handler(conn, context, [Incoming(envelope, event, encode(event))])


@dataclass
class World:
    """All of them, and who lives there."""

    houses: dict[str, House]
    ada: UUID
    ben: UUID
    zoe: UUID

    def __getitem__(self, name: str) -> House:
        return self.houses[name]


@asynccontextmanager
async def open_world(databases: Databases) -> AsyncIterator[World]:
    """The services, Ada with rows in each, Ben set up and with nothing, and Zoe, who may write what
    she likes."""
    async with AsyncExitStack() as stack:
        world = World({}, new_id(), new_id(), new_id())
        for name in NAMES:
            service = importlib.import_module(f"{name}_svc.main").SERVICE
            database = await databases.make(service.name, service.package)
            api = await stack.enter_async_context(
                open_api(service.name, service.all_routers(), database.app_pool)
            )
            world.houses[name] = House(name, service, database, api)
        await furnish(world, world.ada)
        await settle_in(world, world.ben)
        await settle_in(world, world.zoe)
        yield world


async def settle_in(world: World, tenant_id: UUID) -> None:
    """What a tenant does first, and no more."""
    [body] = next(r.bodies for r in world["invoice"].routes() if str(r) == "PUT /v1/seller")
    async with world["invoice"].client(tenant_id) as client:
        await _said(client, "PUT", "/v1/seller", body)


async def furnish(world: World, tenant_id: UUID) -> None:
    """Rows of every kind that a path can name, made through the doors, or heard of as events."""
    await settle_in(world, tenant_id)
    await _invoice(world["invoice"], tenant_id)
    await _payment(world["payment"], tenant_id)
    await _recon(world["recon"], tenant_id)
    await _notify(world["notify"], tenant_id)
    for house in world.houses.values():
        async with house.client(tenant_id) as client:
            reason = {"reason": "to have one"}
            asked = await _said(
                client,
                "POST",
                f"/v1/{house.name}/jobs/audit-seal/runs",
                {"local_date": "2026-01-31"} | reason,
            )
            await _said(
                client,
                "POST",
                f"/v1/{house.name}/policy",
                {"effective_on": "2099-01-01", "values": {}} | reason,
            )
        house.ids |= {"request_id": asked["request_id"], "job": "audit-seal"}
        house.ids["dead_letter_id"] = str(await bury(house, tenant_id))


async def _said(
    client: httpx.AsyncClient, method: str, path: str, body: Any = None, **more: Any
) -> Any:
    sent = more or ({} if body is None else {"json": body})
    answer = await client.request(method, path, **sent)
    assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json()


async def _invoice(house: House, tenant_id: UUID) -> None:
    shown = {str(route): route.bodies for route in house.routes()}
    async with house.client(tenant_id) as client:
        customer = await _said(client, "POST", "/v1/customers", shown["POST /v1/customers"][0])
        body = shown["POST /v1/invoices"][0]
        issued = await _said(client, "POST", "/v1/invoices", body)
        path = f"/v1/invoices/{issued['invoice_id']}"
        await _said(client, "POST", f"{path}/issue", {})
        note = await _said(client, "POST", f"{path}/credit-notes", {"reason": "goods returned"})
        await _said(client, "POST", "/v1/invoices", body | {"external_ref": "order-2"})
    house.ids |= {
        "customer_id": customer["customer_id"],
        "invoice_id": issued["invoice_id"],
        "credit_note_id": note["credit_note_id"],
    }


async def _payment(house: House, tenant_id: UUID) -> None:
    shown = {str(route): route.bodies for route in house.routes()}
    async with house.client(tenant_id) as client:
        body = shown["PUT /v1/bank-accounts/{account}"][0]
        await _said(client, "PUT", f"/v1/bank-accounts/{ACCOUNT}", body)
        receipt = await _said(client, "POST", "/v1/payments", shown["POST /v1/payments"][0])
        taken = await _said(
            client,
            "POST",
            "/v1/payments",
            shown["POST /v1/payments"][0] | {"external_ref": "receipt-18"},
        )
        path = f"/v1/payments/{taken['payment_id']}/reversals"
        await _said(client, "POST", path, {"kind": "entered-in-error", "reason": "typed twice"})
        file = {"content": bank_file(ACCOUNT), "headers": {"Content-Type": "application/xml"}}
        imported = await _said(client, "POST", "/v1/bank-statements", **file)
    [statement] = imported["statements"]
    house.ids |= {
        "account": ACCOUNT,
        "payment_id": receipt["payment_id"],
        "statement_id": statement["statement_id"],
    }


async def _recon(house: House, tenant_id: UUID) -> None:
    invoice = example(InvoiceIssued)
    short = replace(
        example(PaymentReceived),
        amount_minor=invoice.due_minor - 100,
        value_on=date(2026, 2, 1),
        references=[],
        remittance_lines=[invoice.payment_reference],
    )
    events = [example(SellerUpdated), example(CustomerUpdated), invoice, short]
    await house.hear(tenant_id, *events)
    async with house.client(tenant_id) as client:
        proof = await _said(client, "POST", "/v1/proofs")
        payment_id = {"payment_id": str(short.payment_id)}
        found = {
            name: (await client.get(path, params=payment_id)).json()["items"][0]
            for name, path in (
                ("allocation_id", "/v1/allocations"),
                ("decision_id", "/v1/decisions"),
            )
        }
        [owed] = (await client.get("/v1/discrepancies")).json()["items"]
    house.ids |= {name: row[name] for name, row in found.items()}
    house.ids |= {"proof_id": proof["proof_id"], "discrepancy_id": owed["discrepancy_id"]}


async def _notify(house: House, tenant_id: UUID) -> None:
    async with house.client(tenant_id) as client:
        body = {"url": "https://hooks.example.com/billing"}
        subscription = await _said(client, "POST", "/v1/subscriptions", body)
        events = [example(SellerUpdated), example(CustomerUpdated), example(InvoiceIssued)]
        await house.hear(tenant_id, *events)
        deliveries = (await client.get("/v1/deliveries")).json()["items"]
    house.ids |= {
        "subscription_id": subscription["subscription_id"],
        "delivery_id": deliveries[0]["delivery_id"],
    }


async def bury(house: House, tenant_id: UUID | None) -> UUID:
    """A dead letter of a tenant, as the consumer leaves one."""
    dead_letter_id = new_id()
    async with transaction(house.database.worker_pool, None) as conn:
        await conn.execute(
            "insert into dead_letter (dead_letter_id, consumer_group, topic, log_partition, "
            "log_offset, event_id, tenant_id, header_names, header_values, code, reason, attempts) "
            "values ($1, $2, 'invoice-issued', 0, 0, $3, $4, '{}', '{}', 'unreadable', 'x', 1)",
            dead_letter_id,
            house.service.name,
            new_id(),
            tenant_id,
        )
    return dead_letter_id


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """One connection, for what must not go through a pool of the services."""
    conn = await asyncpg.connect(dsn)
    try:
        yield conn
    finally:
        await conn.close()
